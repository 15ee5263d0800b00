from collections.abc import Generator
from contextlib import closing
import io
from itertools import count, islice
from pathlib import Path
import subprocess
import sys
import threading

from camhub_pi import backend_ffmpeg
from camhub_pi.backend import AutoBackend, backend_of
from camhub_pi.backend_ffmpeg import FfmpegBackend, v4l2_sources
from camhub_pi.backend_pattern import PatternBackend
from camhub_pi.backend_picamera import PicameraBackend
from camhub_pi.errors import CameraError
from camhub_pi.health import jpeg_size
from camhub_pi.mpjpeg import HEAD_LIMIT, MpjpegReader
from camhub_pi.settings import Settings
from PIL import Image
import pytest

from .fake_picamera import JPEG, Install, MJPEGEncoder

LAVFI = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=30")
NO_SOURCE = ("-f", "v4l2", "-i", "/dev/no-such-camera")


def first(frames: Generator[bytes], many: int) -> list[bytes]:
    with closing(frames):
        return list(islice(frames, many))


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


class TestPattern:
    def test_draws_the_size_and_moves(self, stopping: threading.Event) -> None:
        moments = count(1_767_355_200.0, 1 / 30)
        backend = PatternBackend(Settings(width=64, height=48, fps=120), now=lambda: next(moments))
        frames = first(backend.frames(stopping), 3)
        assert [jpeg_size(frame) for frame in frames] == [(64, 48)] * 3
        assert len(set(frames)) == 3

    def test_stands_upright_when_turned(self, stopping: threading.Event) -> None:
        frames = first(PatternBackend(Settings(width=64, height=48, rotate=90)).frames(stopping), 1)
        assert jpeg_size(frames[0]) == (48, 64)

    def test_ends_when_stopped(self, stopping: threading.Event) -> None:
        frames = PatternBackend(Settings(fps=1)).frames(stopping)
        next(frames)
        stopping.set()
        assert list(frames) == []

    def test_needs_pillow(self, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "camhub_pi.pattern", None)
        with pytest.raises(CameraError, match="python3-pil"):
            next(PatternBackend(Settings()).frames(stopping))


class TestMpjpeg:
    PART = b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: %d\r\n\r\n%b\r\n"

    @pytest.mark.parametrize("step", [1, 7, 10_000])
    def test_parts_are_cut_by_their_length(self, step: int) -> None:
        pictures = [b"\xff\xd8" + b"\r\n\r\n--ffmpeg" * many + b"\xff\xd9" for many in range(5)]
        stream = b"".join(self.PART % (len(picture), picture) for picture in pictures)
        reader = MpjpegReader()
        found = [jpeg for at in range(0, len(stream), step) for jpeg in reader.feed(stream[at : at + step])]
        assert found == pictures

    @pytest.mark.parametrize(
        ("sent", "taken"),
        [
            (JPEG + b"\0" * 9, [JPEG]),
            (JPEG[:-2], [JPEG]),
            (b"no picture", []),
        ],
    )
    def test_what_webcams_send_is_mended(self, sent: bytes, taken: list[bytes]) -> None:
        assert MpjpegReader().feed(self.PART % (len(sent), sent)) == taken

    @pytest.mark.parametrize(
        "sent",
        [b"x" * HEAD_LIMIT, b"--ffmpeg\r\nA: b\r\n\r\n", b"--ffmpeg\r\nContent-length: 999999999\r\n\r\n"],
    )
    def test_anything_else_is_refused(self, sent: bytes) -> None:
        with pytest.raises(CameraError):
            MpjpegReader().feed(sent)


class TestFfmpeg:
    def test_encodes_what_the_camera_gives(self, stopping: threading.Event) -> None:
        frames = first(FfmpegBackend(Settings(), sources=[(LAVFI, False)]).frames(stopping), 3)
        assert [jpeg_size(frame) for frame in frames] == [(320, 240)] * 3

    @pytest.mark.parametrize(("rotate", "size"), [(90, (240, 320)), (180, (320, 240)), (270, (240, 320))])
    def test_turns_the_picture(self, stopping: threading.Event, rotate: int, size: tuple[int, int]) -> None:
        backend = FfmpegBackend(Settings(rotate=rotate), sources=[(LAVFI, True)])
        (upright,) = first(FfmpegBackend(Settings(), sources=[(LAVFI, False)]).frames(stopping), 1)
        (turned,) = first(backend.frames(stopping), 1)
        assert jpeg_size(turned) == size
        with Image.open(io.BytesIO(upright)) as before, Image.open(io.BytesIO(turned)) as after:
            there = before.convert("RGB").rotate(-rotate, expand=True)
            here = after.convert("RGB")
            for point in ((20, 20), (size[0] - 20, 20), (20, size[1] - 20)):
                assert _near(here, there, point)

    def test_leaves_the_cameras_own_jpegs_as_they_are(self, tmp_path: Path, stopping: threading.Event) -> None:
        film = tmp_path / "film.mjpeg"
        subprocess.run(
            ["ffmpeg", "-loglevel", "error", *LAVFI, "-frames:v", "5", "-c:v", "mjpeg", "-f", "mjpeg", film], check=True
        )
        source = ("-f", "mjpeg", "-i", str(film))
        frames: list[bytes] = []
        backend = FfmpegBackend(Settings(), sources=[(source, True)])
        with pytest.raises(CameraError, match="ffmpeg ended"):
            frames.extend(backend.frames(stopping))
        with pytest.raises(CameraError):
            frames.extend(backend.frames(stopping))
        # ffmpeg keeps the first of a film for itself when it is told not to buffer.
        assert len(frames) in {8, 10}
        scan = frames[0][frames[0].index(b"\xff\xda") :]
        assert scan in film.read_bytes()

    def test_source_that_gives_nothing_is_followed_by_the_next(self, stopping: threading.Event) -> None:
        backend = FfmpegBackend(Settings(), sources=[(NO_SOURCE, True), (LAVFI, False)])
        assert jpeg_size(first(backend.frames(stopping), 1)[0]) == (320, 240)

    def test_says_what_ffmpeg_said(self, stopping: threading.Event) -> None:
        with pytest.raises(CameraError, match=r"ffmpeg ended: .*no-such-camera.*No such file"):
            list(FfmpegBackend(Settings(device="/dev/no-such-camera")).frames(stopping))

    def test_without_ffmpeg_says_how_to_get_it(self, stopping: threading.Event) -> None:
        with pytest.raises(CameraError, match="sudo apt install ffmpeg"):
            list(FfmpegBackend(Settings(), program="no-such-ffmpeg").frames(stopping))

    def test_without_sources_is_an_error(self, stopping: threading.Event) -> None:
        with pytest.raises(CameraError, match="no source"):
            list(FfmpegBackend(Settings(), sources=[]).frames(stopping))

    def test_ends_in_peace_when_stopped(self, stopping: threading.Event) -> None:
        frames = FfmpegBackend(Settings(), sources=[(LAVFI, False)]).frames(stopping)
        next(frames)
        stopping.set()
        assert len(list(frames)) < 1000

    def test_silent_camera_is_an_error(
        self, tmp_path: Path, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backend_ffmpeg, "POLL_S", 0.01)
        silent = program(tmp_path / "ffmpeg", "exec sleep 60")
        backend = FfmpegBackend(Settings(), sources=[(LAVFI, False)], program=silent, silence_s=0.05)
        with pytest.raises(CameraError, match=r"no picture for 0\.05 s"):
            list(backend.frames(stopping))

    def test_ffmpeg_that_does_not_heed_is_killed(self, tmp_path: Path, stopping: threading.Event) -> None:
        part = r"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 4\r\n\r\n\377\330\377\331\r\n"
        script = f"echo $$ > {tmp_path}/pid\ntrap '' INT\nprintf -- '{part}'\nexec sleep 60"
        stubborn = program(tmp_path / "ffmpeg", script)
        backend = FfmpegBackend(Settings(), sources=[(LAVFI, False)], program=stubborn, stop_s=0.1)
        assert first(backend.frames(stopping), 1) == [b"\xff\xd8\xff\xd9"]
        assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()

    def test_asks_the_camera_for_jpegs_first(self) -> None:
        settings = Settings(device="/dev/video2", width=1280, height=720, fps=15)
        (own, own_copied), (other, other_copied) = v4l2_sources(settings)
        assert (own_copied, other_copied) == (True, False)
        assert "mjpeg" in own
        assert "mjpeg" not in other
        command = FfmpegBackend(settings).command(own, copy=True)
        assert command[command.index("-video_size") + 1] == "1280x720"
        assert command[command.index("-framerate") + 1] == "15"
        assert command[command.index("-i") + 1] == "/dev/video2"
        assert command[command.index("-c:v") + 1] == "copy"


def _near(one: Image.Image, other: Image.Image, point: tuple[int, int]) -> bool:
    first_pixel, second_pixel = one.getpixel(point), other.getpixel(point)
    assert isinstance(first_pixel, tuple)
    assert isinstance(second_pixel, tuple)
    return all(abs(a - b) < 40 for a, b in zip(first_pixel, second_pixel, strict=True))


class TestChoice:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [("auto", AutoBackend), ("picamera2", PicameraBackend), ("v4l2", FfmpegBackend), ("pattern", PatternBackend)],
    )
    def test_named(self, name: str, kind: type) -> None:
        assert type(backend_of(Settings(backend=name))) is kind

    def test_auto_takes_the_pis_own_camera(self, install: Install, stopping: threading.Event) -> None:
        camera = install(MJPEGEncoder)
        first(AutoBackend(Settings()).frames(stopping), 1)
        assert camera.last.log[0] == "record MJPEGEncoder"

    def test_auto_takes_a_usb_camera(
        self, tmp_path: Path, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "video0").touch()
        part = r"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 4\r\n\r\n\377\330\377\331\r\n"
        program(tmp_path / "ffmpeg", f"printf -- '{part}'")
        monkeypatch.setenv("PATH", str(tmp_path))
        frames = AutoBackend(Settings(device=str(tmp_path / "video0"))).frames(stopping)
        assert first(frames, 1) == [b"\xff\xd8\xff\xd9"]

    def test_auto_never_shows_the_pattern_instead(
        self, install: Install, tmp_path: Path, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(CameraError, match=r"picamera2 cannot be imported.*there is no /dev/no-such"):
            next(AutoBackend(Settings(device="/dev/no-such")).frames(stopping))
        install(found=())
        (tmp_path / "video0").touch()
        monkeypatch.setenv("PATH", "")
        with pytest.raises(CameraError, match=r"lists no camera; .*needs ffmpeg"):
            next(AutoBackend(Settings(device=str(tmp_path / "video0"))).frames(stopping))


def test_size_of_what_is_no_jpeg() -> None:
    assert jpeg_size(b"") is None
    assert jpeg_size(b"\xff\xd8\xff\xe0\x00\x04ab" + b"x" * 20) is None

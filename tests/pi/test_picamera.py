from collections.abc import Generator
from contextlib import closing
import io
from itertools import islice
import sys
import threading

from camhub_pi import backend_picamera
from camhub_pi.backend_picamera import PicameraBackend, Slot
from camhub_pi.errors import CameraError
from camhub_pi.health import jpeg_size
from camhub_pi.settings import Settings
from PIL import Image
import pytest

from .fake_picamera import JPEG, Install, JpegEncoder, MJPEGEncoder


def first(frames: Generator[bytes], many: int) -> list[bytes]:
    with closing(frames):
        return list(islice(frames, many))


class TestPicamera:
    def test_hardware_encodes_where_it_can(self, install: Install, stopping: threading.Event) -> None:
        camera = install(MJPEGEncoder, JpegEncoder)
        frames = first(PicameraBackend(Settings(width=1280, height=720, fps=25)).frames(stopping), 3)
        assert all(frame.startswith(JPEG) for frame in frames)
        assert len(set(frames)) == 3
        assert camera.last.log == ["record MJPEGEncoder", "stop recording", "close"]
        assert camera.last.configuration["main"] == {"size": (1280, 720)}
        assert camera.last.configuration["controls"] == {"FrameRate": 25.0}
        encoder = camera.last.encoder
        assert isinstance(encoder, MJPEGEncoder)
        assert 20_000_000 < encoder.bitrate <= 25_000_000

    def test_software_encodes_elsewhere(self, install: Install, stopping: threading.Event) -> None:
        camera = install(JpegEncoder)
        first(PicameraBackend(Settings(quality=60, rotate=180)).frames(stopping), 1)
        encoder = camera.last.encoder
        assert isinstance(encoder, JpegEncoder)
        assert encoder.q == 60
        assert camera.last.configuration["transform"] == {"hflip": 1, "vflip": 1}

    @pytest.mark.parametrize("rotate", [0, 180])
    def test_pillow_encodes_without_an_encoder(self, install: Install, stopping: threading.Event, rotate: int) -> None:
        camera = install()
        (frame,) = first(PicameraBackend(Settings(width=64, height=48, rotate=rotate)).frames(stopping), 1)
        assert jpeg_size(frame) == (64, 48)
        assert camera.last.log == ["start", "stop", "close"]

    def test_pillow_encodes_without_the_encoders_module(
        self, install: Install, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(MJPEGEncoder)
        monkeypatch.setitem(sys.modules, "picamera2.encoders", None)
        (frame,) = first(PicameraBackend(Settings(width=64, height=48)).frames(stopping), 1)
        with Image.open(io.BytesIO(frame)) as picture:
            red = picture.getpixel((8, 8))
        # Red stays red: the seed's server swapped it with blue.
        assert isinstance(red, tuple)
        assert red[0] > 200
        assert red[2] < 60

    def test_quarter_turns_are_pillows(self, install: Install, stopping: threading.Event) -> None:
        camera = install(MJPEGEncoder)
        (frame,) = first(PicameraBackend(Settings(width=64, height=48, rotate=90)).frames(stopping), 1)
        assert camera.last.configuration["main"]["format"] == "BGR888"
        with Image.open(io.BytesIO(frame)) as picture:
            assert picture.size == (48, 64)
            top, bottom = picture.getpixel((24, 8)), picture.getpixel((24, 56))
        # What was left is at the top after a quarter turn clockwise.
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 200
        assert bottom[0] < 60

    def test_without_pillow_says_so(
        self, install: Install, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        camera = install()
        monkeypatch.setitem(sys.modules, "PIL.Image", None)
        with pytest.raises(CameraError, match="python3-pil"):
            next(PicameraBackend(Settings()).frames(stopping))
        assert camera.last.log == ["close"]

    def test_silent_camera_is_an_error(
        self, install: Install, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backend_picamera, "POLL_S", 0.01)
        camera = install(MJPEGEncoder, silent=True)
        with pytest.raises(CameraError, match="no picture"):
            next(PicameraBackend(Settings(), silence_s=0.03).frames(stopping))
        assert camera.last.log[-2:] == ["stop recording", "close"]

    @pytest.mark.parametrize("encoders", [(MJPEGEncoder,), ()])
    def test_ends_when_stopped(self, install: Install, stopping: threading.Event, encoders: tuple[type, ...]) -> None:
        install(*encoders)
        frames = PicameraBackend(Settings(width=64, height=48)).frames(stopping)
        next(frames)
        stopping.set()
        assert list(frames) == []

    def test_no_camera_comes_with_what_to_do(self, install: Install, stopping: threading.Event) -> None:
        install(found=())
        with pytest.raises(CameraError, match="ribbon cable"):
            next(PicameraBackend(Settings()).frames(stopping))

    def test_no_picamera2_comes_with_what_to_do(self, stopping: threading.Event) -> None:
        with pytest.raises(CameraError, match="apt install python3-picamera2"):
            next(PicameraBackend(Settings()).frames(stopping))

    def test_slot_is_a_file_to_write(self) -> None:
        slot = Slot()
        assert slot.writable()
        assert slot.after(0, 0) is None
        assert slot.write(JPEG) == len(JPEG)
        assert slot.after(0, 0) == (1, JPEG)
        assert slot.after(1, 0) is None

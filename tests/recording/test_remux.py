import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from fractions import Fraction
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from custom_components.camhub.kernel.errors import Malformed, Unreachable
from custom_components.camhub.recording.remux import _Track, as_mp4, to_mp4

FPS = 10
PICTURES = 30
# What HikVision puts before the program stream it hands out.
HIKVISION = b"IMKH" + bytes(36)


def film(
    container: str = "vob",
    picture: str = "libx264",
    sound: str | None = None,
    *,
    b_frames: int = 0,
    noisy: bool = True,
    gop: int = FPS,
) -> bytes:
    """Return three seconds; without noise the pictures are so small that many share one time."""
    output = io.BytesIO()
    noise = np.random.default_rng(7)
    with av.open(output, "w", format=container) as made:
        video = made.add_stream(picture, rate=FPS)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt, video.time_base = 160, 96, "yuv420p", Fraction(1, FPS)
        video.gop_size, video.max_b_frames = gop, b_frames
        audio = None
        if sound:
            audio = made.add_stream(sound, rate={"mp2": 48000, "aac": 16000}.get(sound, 8000))
            assert isinstance(audio, av.AudioStream)
            audio.layout = "mono"
        for number in range(PICTURES):
            pixels = noise.integers(0, 255, (96, 160, 3), np.uint8) if noisy else np.zeros((96, 160, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            made.mux(video.encode(frame))
        made.mux(video.encode(None))
        if isinstance(audio, av.AudioStream):
            _sing(made, audio)
    return output.getvalue()


def _sing(made: av.container.OutputContainer, audio: av.AudioStream) -> None:
    samples = 1152 if audio.codec_context.name == "mp2" else 1024
    for number in range(3 * audio.rate // samples):
        tone = (np.sin(np.arange(samples) / 8) * 8000).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = audio.rate, number * samples, Fraction(1, audio.rate)
        made.mux(audio.encode(frame))
    made.mux(audio.encode(None))


async def chunks(content: bytes, size: int = 4000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def looked_at(path: Path) -> tuple[list[str], int, float]:
    """Return the codecs, the pictures that can be decoded, and the seconds until the last one ends."""
    with av.open(str(path)) as read:
        assert "mp4" in read.format.name
        codecs = [stream.codec_context.name for stream in read.streams]
        times = [frame.time for frame in read.decode(video=0)]
    assert times == sorted(times)
    assert times[0] == 0
    return codecs, len(times), times[-1] + 1 / FPS


class TestToMp4:
    @pytest.mark.parametrize("picture", ["libx264", "libx265"])
    async def test_program_stream_becomes_what_browsers_play(self, tmp_path: Path, picture: str) -> None:
        path = tmp_path / "film.mp4"
        await to_mp4(chunks(HIKVISION + film(picture=picture)), path)
        codecs, pictures, seconds = looked_at(path)
        assert (codecs, pictures, round(seconds, 1)) == (
            ["h264" if picture == "libx264" else "hevc"],
            PICTURES,
            PICTURES / FPS,
        )
        content = path.read_bytes()
        # The index is at the front, and Apple's name for HEVC is in it.
        assert content.index(b"moov") < content.index(b"mdat")
        assert (b"hvc1" in content) == (picture == "libx265")
        assert left(tmp_path) == [path]

    @pytest.mark.parametrize(("container", "sound"), [("vob", "mp2"), ("mpegts", "aac"), ("flv", "pcm_alaw")])
    async def test_sound_is_kept_and_made_aac_where_need_be(self, tmp_path: Path, container: str, sound: str) -> None:
        path = tmp_path / "film.mp4"
        await to_mp4(chunks(film(container, sound=sound)), path)
        codecs, pictures, _ = looked_at(path)
        assert (codecs, pictures) == (["h264", "aac"], PICTURES)
        with av.open(str(path)) as read:
            heard = sum(frame.samples / frame.sample_rate for frame in read.decode(audio=0))
        assert 2.5 < heard < 3.3

    async def test_pictures_out_of_order_stay_in_order(self, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        await to_mp4(chunks(film("mpegts", b_frames=2)), path)
        assert looked_at(path)[1] == PICTURES

    async def test_times_that_were_left_out_follow_from_the_others(self, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        await to_mp4(chunks(film(noisy=False)), path)
        _, pictures, seconds = looked_at(path)
        assert (pictures, round(seconds, 1)) == (PICTURES, PICTURES / FPS)

    def test_sound_from_before_the_film_is_left_out(self) -> None:
        def packet(pts: int) -> av.Packet[Any]:
            made = av.Packet(b"sound")
            made.time_base, made.pts, made.dts = Fraction(1, 10), pts, pts
            return made

        with av.open(io.BytesIO(), "w", format="mp4") as made:
            track = _Track(made.add_stream("aac", rate=16000))
            taken = [each.pts for at in (9, 10, 11) for each in track.take(packet(at), Fraction(1))]
        assert taken == [0, 1]

    async def test_begins_with_a_whole_picture(self, tmp_path: Path) -> None:
        whole = film("mpegts", sound="aac")
        path = tmp_path / "film.mp4"
        await to_mp4(chunks(whole[len(whole) // 6 // 188 * 188 :]), path)
        _, pictures, _ = looked_at(path)
        assert 0 < pictures < PICTURES

    @pytest.mark.parametrize(
        "content",
        [b"", b"<html>not a film</html>" * 1000, HIKVISION + bytes(100_000)],
    )
    async def test_what_is_no_film_is_said_and_leaves_nothing(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(Malformed) as raised:
            await to_mp4(chunks(content), tmp_path / "film.mp4")
        assert raised.value.reason == "clip_unreadable"
        assert left(tmp_path) == []

    async def test_endless_nonsense_is_given_up(self, tmp_path: Path) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(2**16)
                await asyncio.sleep(0)

        with pytest.raises(Malformed):
            await to_mp4(endless(), tmp_path / "film.mp4")

    async def test_sound_alone_is_no_film(self, tmp_path: Path) -> None:
        with io.BytesIO() as output:
            with av.open(output, "w", format="mpegts") as made:
                audio = made.add_stream("aac", rate=16000)
                audio.layout = "mono"
                _sing(made, audio)
            with pytest.raises(Malformed):
                await to_mp4(chunks(output.getvalue()), tmp_path / "film.mp4")

    async def test_film_without_a_whole_picture_is_none(self, tmp_path: Path) -> None:
        content = film("mpegts", gop=1000, noisy=False)
        with pytest.raises(Malformed):
            await to_mp4(chunks(content[len(content) // 3 // 188 * 188 :]), tmp_path / "film.mp4")

    async def test_film_that_breaks_off_leaves_nothing(self, tmp_path: Path) -> None:
        content = film()

        async def breaking() -> AsyncIterator[bytes]:
            yield content[: len(content) // 2]
            raise Unreachable("gone")

        with pytest.raises(Unreachable):
            await to_mp4(breaking(), tmp_path / "film.mp4")
        assert left(tmp_path) == []

    async def test_stopped_leaves_no_thread_and_no_file(self, tmp_path: Path) -> None:
        content = film()
        waiting = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield content
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(to_mp4(endless(), tmp_path / "film.mp4"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left(tmp_path) == []
        # The pool's own threads are idle: one more thing can be done by each.
        assert not [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]

    async def test_place_that_cannot_be_written_is_the_systems_error(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file"):
            await to_mp4(chunks(film()), tmp_path / "missing" / "film.mp4")
        path = tmp_path / "film.mp4"
        path.with_name("film.mp4.part").symlink_to("/dev/full")
        with pytest.raises(OSError, match=r"(?i)space"):
            await to_mp4(chunks(film()), path)
        assert left(tmp_path) == []


class TestAsMp4:
    @pytest.mark.parametrize("sound", [None, "pcm_alaw"])
    async def test_it_is_played_as_it_comes(self, tmp_path: Path, sound: str | None) -> None:
        path = tmp_path / "film.mp4"
        content = film("mpegts" if sound is None else "flv", sound=sound)
        path.write_bytes(b"".join([chunk async for chunk in as_mp4(chunks(content))]))
        assert looked_at(path)[1:] == (PICTURES, 3.0)

    async def test_what_is_no_film_says_so(self) -> None:
        with pytest.raises(Malformed) as raised:
            async for _ in as_mp4(chunks(b"no film" * 1000)):
                pass
        assert raised.value.reason == "clip_unreadable"

    async def test_who_goes_away_ends_it(self) -> None:
        closed = asyncio.Event()
        content = film()

        async def endless() -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield content
            finally:
                closed.set()

        source = endless()
        made = as_mp4(source)
        assert await anext(made)
        await made.aclose()
        await source.aclose()
        assert closed.is_set()

    async def test_a_source_that_breaks_off_says_so(self) -> None:
        async def broken() -> AsyncIterator[bytes]:
            async for chunk in chunks(film()):
                yield chunk
            raise Unreachable

        with pytest.raises(Unreachable):
            async for _ in as_mp4(broken()):
                pass

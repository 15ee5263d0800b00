import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
import io
import threading

from av.video.frame import VideoFrame
from PIL import Image
import pytest

from custom_components.camhub.capture.key_frames import WIDTH, key_frames
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import AuthError, Malformed, Unreachable
from simulators.rtsp import RtspServer


@pytest.fixture
async def server() -> AsyncIterator[RtspServer]:
    server = RtspServer({"/live": "front"}, "viewer", "example")
    await server.start()
    yield server
    await server.stop()


def address(server: RtspServer, password: str = "example") -> str:
    return f"rtsp://viewer:{password}@127.0.0.1:{server.port}/live"


async def test_pictures_come_small_for_a_look_and_whole_to_keep(server: RtspServer) -> None:
    clock = SystemClock()
    begun = clock.now()
    async with aclosing(key_frames(address(server), clock)) as frames:
        first = await anext(frames)
        second = await anext(frames)
    assert begun <= first.taken_at < second.taken_at
    assert first.grey().shape == (90, WIDTH)
    with Image.open(io.BytesIO(first.jpeg())) as picture:
        assert picture.size == (640, 360)
    await server.idle()


async def test_only_the_newest_waits_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    missing, missed = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def read(_address: str, stop: threading.Event, deliver: Callable[[VideoFrame], object]) -> None:
        deliver(numbered(0))
        missing.wait()
        for number in range(1, 4):
            deliver(numbered(number))
        loop.call_soon_threadsafe(missed.set)
        stop.wait()

    monkeypatch.setattr("custom_components.camhub.capture.key_frames._read", read)
    async with aclosing(key_frames("rtsp://camera.example/", SystemClock())) as frames:
        assert (await anext(frames)).frame.pts == 0
        missing.set()
        await missed.wait()
        assert (await anext(frames)).frame.pts == 3


def numbered(number: int) -> VideoFrame:
    """Return a small frame that is told by its time."""
    frame = VideoFrame(16, 16)
    frame.pts = number
    return frame


async def test_a_wrong_password_is_told(server: RtspServer) -> None:
    with pytest.raises(AuthError):
        await anext(key_frames(address(server, "wrong"), SystemClock()))


async def test_another_kind_of_address_is_told() -> None:
    with pytest.raises(Malformed):
        await anext(key_frames("http://127.0.0.1/", SystemClock()))


async def test_the_end_of_the_stream_is_told(server: RtspServer) -> None:
    async with aclosing(key_frames(address(server), SystemClock())) as frames:
        await anext(frames)
        await server.stop()
        with pytest.raises(Unreachable):
            # What was under way may still come.
            [None async for _ in frames]


async def test_nothing_reads_on_once_closed(server: RtspServer) -> None:
    async with aclosing(key_frames(address(server), SystemClock())) as frames:
        await anext(frames)
    await server.idle()
    assert server.viewers == 0

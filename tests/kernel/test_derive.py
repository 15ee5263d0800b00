import asyncio
from collections.abc import Awaitable, Callable
from typing import override

import pytest

from custom_components.camhub.kernel.derive import FirstFrame, Grabbed, GrabbedLive
from custom_components.camhub.kernel.errors import AuthError, Malformed, Unreachable
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.provider import WebRtc, WebRtcSession
from custom_components.camhub.kernel.relay import Relay

from ..fake_clock import FakeClock, settle
from .pictures import jpeg
from .streams import FedStream
from .test_relay import Watcher

PICTURE = jpeg()


async def test_first_frame_is_taken_and_the_stream_closed(clock: FakeClock) -> None:
    stream = FedStream()
    stream.put(PICTURE, jpeg(b"next"))
    image = await FirstFrame(stream, clock).take(width=320)
    assert image == Image(content=PICTURE, taken_at=clock.now())
    assert (stream.opened, stream.open) == (1, 0)


async def test_first_frame_has_a_time_limit(clock: FakeClock) -> None:
    stream = FedStream()
    with pytest.raises(Unreachable) as caught:
        await FirstFrame(stream, clock, 0).take()
    assert caught.value.reason == "no_frame"
    assert stream.open == 0


async def test_stream_without_a_frame_is_no_picture(clock: FakeClock) -> None:
    stream = FedStream()
    stream.put(None)
    with pytest.raises(Unreachable) as caught:
        await FirstFrame(stream, clock).take()
    assert caught.value.reason == "no_frame"


async def test_what_a_stream_raises_is_kept(clock: FakeClock) -> None:
    stream = FedStream()
    stream.put(AuthError("no"))
    with pytest.raises(AuthError):
        await FirstFrame(stream, clock).take()


async def test_relay_of_the_same_stream_spares_a_connection(clock: FakeClock) -> None:
    stream = FedStream()
    relay = Relay(stream, clock=clock)
    stills = FirstFrame(stream, clock, recent=lambda: relay.still(2))
    relay.join(Watcher())
    stream.put(PICTURE)
    await settle()
    assert (await stills.take()).content == PICTURE
    assert stream.opened == 1
    await relay.close()
    await clock.advance(3)
    stream.put(jpeg(b"later"))
    assert (await stills.take()).content == jpeg(b"later")
    assert stream.opened == 2


class Stream:
    """An RTSP capability whose leases are counted."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.released = 0
        self._fault = fault

    def peek(self) -> str | None:
        return None

    async def open(self) -> Lease[str]:
        return Lease(value="rtsp://camera.example/1", release=self._release)

    async def _release(self) -> None:
        self.released += 1
        if self._fault:
            raise self._fault


class Grabber:
    def __init__(self, answer: Callable[[str, float], Awaitable[bytes]]) -> None:
        self._answer = answer

    async def grab(self, address: str, timeout: float) -> bytes:
        return await self._answer(address, timeout)

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        return await self._answer(type(live).__name__, timeout)


@pytest.mark.parametrize("fault", [None, Unreachable("cannot release")])
async def test_grabbed_picture_gives_the_address_back(clock: FakeClock, fault: Exception | None) -> None:
    asked: list[tuple[str, float]] = []

    async def grab(address: str, timeout: float) -> bytes:
        asked.append((address, timeout))
        return PICTURE

    rtsp = Stream(fault)
    image = await Grabbed(rtsp, Grabber(grab), clock, 7).take(width=1)
    assert image == Image(content=PICTURE, taken_at=clock.now())
    assert asked == [("rtsp://camera.example/1", 7)]
    assert rtsp.released == 1


async def test_failed_grab_gives_the_address_back(clock: FakeClock) -> None:
    async def grab(address: str, timeout: float) -> bytes:
        raise Unreachable("no picture")

    rtsp = Stream()
    with pytest.raises(Unreachable):
        await Grabbed(rtsp, Grabber(grab), clock).take()
    assert rtsp.released == 1


async def test_cancelled_grab_gives_the_address_back(clock: FakeClock) -> None:
    async def grab(address: str, timeout: float) -> bytes:
        await asyncio.Event().wait()
        return PICTURE

    rtsp = Stream()
    taking = asyncio.create_task(Grabbed(rtsp, Grabber(grab), clock).take())
    await settle()
    taking.cancel()
    await asyncio.wait((taking,))
    assert taking.cancelled()
    assert rtsp.released == 1


async def test_half_a_picture_is_malformed(clock: FakeClock) -> None:
    async def grab(address: str, timeout: float) -> bytes:
        return PICTURE[:-1]

    with pytest.raises(Malformed):
        await Grabbed(Stream(), Grabber(grab), clock).take()


class Door(WebRtc):
    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        raise Unreachable


async def test_a_picture_out_of_a_live_session(clock: FakeClock) -> None:
    pictures = [PICTURE, b"cut short"]

    async def grab(name: str, timeout: float) -> bytes:
        assert (name, timeout) == ("Door", 25)
        return pictures.pop(0)

    stills = GrabbedLive(Door(), Grabber(grab), clock)
    assert await stills.take(width=1) == Image(content=PICTURE, taken_at=clock.now())
    with pytest.raises(Malformed):
        await stills.take()
    assert Door().data_channel is None

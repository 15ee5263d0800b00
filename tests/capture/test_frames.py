"""One grabber out of two, and sessions that are given back whatever happens."""

import asyncio

import pytest

from custom_components.camhub.capture.frames import Frames
from custom_components.camhub.capture.rtsp_engine import RtspGrabber
from custom_components.camhub.capture.session import IceServer, Sessions
from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.kernel.provider import WebRtc

from ..fake_clock import FakeClock, settle
from .vendor import until, vendor

OFFER = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"


class Still:
    """Stands where an engine is."""

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        return b"live"


async def test_each_request_goes_to_whom_it_concerns() -> None:
    async with vendor() as camera:
        with pytest.raises(Unsupported) as off:
            await Frames(RtspGrabber()).grab_live(camera, 1)
        assert off.value.reason == "capture_off"
        assert await Frames(RtspGrabber(), Still()).grab_live(camera, 1) == b"live"


@pytest.mark.parametrize("end", [None, Unreachable()])
async def test_a_session_is_given_back_before_its_user_goes_on(clock: FakeClock, end: Unreachable | None) -> None:
    sessions = Sessions(clock)
    async with vendor() as camera:
        camera.senders = []
        offer = await offered()
        try:
            async with sessions.open(camera, offer, lambda _: None) as answer:
                assert answer.startswith("v=0")
                if end is not None:
                    raise end
        except Unreachable:
            assert end is not None
        assert camera.released == 1
        await sessions.close()


async def test_who_breaks_off_does_not_wait(clock: FakeClock) -> None:
    sessions = Sessions(clock)
    async with vendor() as camera:
        offer = await offered()

        async def use() -> None:
            async with sessions.open(camera, offer, lambda _: None):
                await asyncio.Event().wait()

        using = asyncio.create_task(use())
        await until(lambda: camera.opened == 1)
        await settle()
        using.cancel()
        await asyncio.wait({using})
        await sessions.close()
        assert camera.released == 1


async def offered() -> str:
    """Return an offer of aiortc's."""
    from aiortc import RTCPeerConnection

    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    offer = str(peer.localDescription.sdp)
    await peer.close()
    return offer


def test_a_servers_secret_is_not_shown() -> None:
    assert "word" not in repr(IceServer(urls=("turn:192.0.2.1",), username="me", credential="word"))

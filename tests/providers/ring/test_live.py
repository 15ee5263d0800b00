import asyncio
from collections.abc import AsyncIterator
from functools import partial

from aiortc import RTCPeerConnection, RTCSessionDescription
from av import VideoFrame
import pytest

from custom_components.camhub.kernel.errors import HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.live import LiveView
from custom_components.camhub.kernel.provider import EndingSession, WebRtcSession
from custom_components.camhub.providers.ring.live import RingWebRtc, with_candidates
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.home import DRIVE
from simulators.ring.hosts import APP, SIGNALLING
from simulators.webrtc import read_counter
from tests.fake_clock import FakeClock, settle, until

from .conftest import by_name

TICKET = f"{APP}/api/v1/clap/ticket/request/signalsocket"


@pytest.fixture
async def live(service: RingSimulator, provider: RingProvider) -> RingWebRtc:
    found = by_name(await provider.cameras())["Drive"].webrtc
    assert isinstance(found, RingWebRtc)
    return found


@pytest.fixture
async def viewer() -> AsyncIterator[RTCPeerConnection]:
    peer = RTCPeerConnection()
    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    yield peer
    await peer.close()


def nobody(_candidate: str) -> None:
    """Take a candidate and do nothing with it."""


async def opened(live: RingWebRtc, viewer: RTCPeerConnection, told: list[str] | None = None) -> Lease[WebRtcSession]:
    return await live.open(viewer.localDescription.sdp, nobody if told is None else told.append)


async def reason(live: RingWebRtc, error: type[HubError], offer: str = "v=0\r\nm=video 9 x 96\r\n") -> str:
    with pytest.raises(error) as caught:
        await live.open(offer, nobody)
    return caught.value.reason


async def watched(viewer: RTCPeerConnection, answer: str) -> None:
    """See the picture move."""
    await viewer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    track = next(each for each in viewer.getTransceivers() if each.kind == "video").receiver.track
    first, second = await track.recv(), await track.recv()
    assert isinstance(first, VideoFrame)
    assert isinstance(second, VideoFrame)
    assert read_counter(second.to_ndarray(format="gray")) > read_counter(first.to_ndarray(format="gray"))


async def test_a_viewer_sees_a_moving_picture(
    service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection, clock: FakeClock
) -> None:
    view = LiveView(live, viewer.localDescription.sdp, nobody, clock=clock)
    answer = await view.start()
    assert "a=sendrecv" not in answer, "what was offered as recvonly is answered so, in every medium"
    await watched(viewer, answer)
    await service.wait_until(lambda: "camera_options" in service.signalling.said)
    assert service.signalling.said[:2] == ["live_view", "activate_session"]
    await view.close()
    await service.wait_until(lambda: service.signalling.views == 0)
    assert service.signalling.closed == [{"code": 0, "text": ""}]


def pinged(service: RingSimulator, often: int) -> bool:
    return service.signalling.said.count("ping") >= often


async def test_a_view_is_kept_alive_until_its_viewer_goes(
    service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection, clock: FakeClock
) -> None:
    lease = await opened(live, viewer)
    assert lease.expires_at is None
    for number in range(1, 40):
        await settle()
        await clock.advance(5)
        await service.wait_until(partial(pinged, service, number))
    assert service.signalling.views == 1
    await lease.release()
    await lease.release()
    await service.wait_until(lambda: service.signalling.views == 0)
    await clock.advance(60)
    assert service.signalling.said.count("ping") == 39


async def test_candidates_go_both_ways(service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection) -> None:
    service.faults.late_ice = True
    told: list[str] = []
    lease = await opened(live, viewer, told)
    assert "a=candidate" not in lease.value.answer
    await lease.value.add_candidate("", None, None)
    await lease.value.add_candidate("a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host", "0", 0)
    await lease.value.add_candidate("candidate:2 1 udp 2130706431 127.0.0.1 10 typ host", None, None)
    await service.wait_until(lambda: len(service.signalling.candidates) == 2)
    assert all(each.startswith("candidate:") for each in service.signalling.candidates)
    await service.wait_until(lambda: "camera_options" in service.signalling.said)
    assert told
    assert all(each.startswith("candidate:") for each in told)
    await lease.release()
    with pytest.raises(Unreachable) as caught:
        await lease.value.add_candidate("candidate:3", None, 0)
    assert caught.value.reason == "session_over"


def test_candidates_before_the_answer_go_into_it_once() -> None:
    answer = "v=0\r\nm=audio 9 x 0\r\na=candidate:1 here\r\nm=video 9 x 96\r\n"
    found = with_candidates(answer, [(0, "candidate:1 here"), (1, "candidate:2 there"), (7, "candidate:3")])
    assert found == "v=0\r\nm=audio 9 x 0\r\na=candidate:1 here\r\nm=video 9 x 96\r\na=candidate:2 there\r\n"


@pytest.mark.parametrize(
    ("code", "text", "error", "expected"),
    [
        (5, "Authentication failed: -1", Unreachable, "live_view_refused"),
        (6, "Timeout waiting for ping", Unreachable, "session_over"),
        (0, "", Unreachable, "session_over"),
        (0, "negotiate codecs failed", Unsupported, "codecs_not_matched"),
    ],
)
async def test_why_the_service_closes_is_said(
    code: int, text: str, error: type[HubError], expected: str, service: RingSimulator, live: RingWebRtc
) -> None:
    service.faults.live_close = (code, text)
    assert await reason(live, error) == expected
    await service.wait_until(lambda: service.signalling.views == 0)


async def test_an_offer_without_a_common_codec_is_said(service: RingSimulator, live: RingWebRtc) -> None:
    assert await reason(live, Unsupported) == "codecs_not_matched"


async def test_an_end_that_the_service_makes_is_noted(
    service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection, provider: RingProvider, clock: FakeClock
) -> None:
    lease = await opened(live, viewer)
    assert isinstance(lease.value, EndingSession)
    over = asyncio.create_task(lease.value.until_over())
    ending = asyncio.create_task(service.signalling.end(6, "Timeout waiting for ping"))
    await service.wait_until(lambda: service.signalling.views == 0)
    await ending
    await until(lambda: provider._context.counters.get("live.ended.session_over") == 1)
    assert (await over).reason == "session_over"
    await clock.advance(10)
    await lease.release()


async def test_a_camera_that_is_off_or_may_not_be_watched(service: RingSimulator, provider: RingProvider) -> None:
    service.device(DRIVE)["settings"]["live_view_disabled"] = True
    cameras = by_name(await provider.cameras())
    for name, error, expected in (
        ("Drive", Unsupported, "live_view_off"),
        ("Shed", Unreachable, "camera_not_connected"),
    ):
        found = cameras[name].webrtc
        assert isinstance(found, RingWebRtc)
        assert await reason(found, error) == expected
    assert service.requests[TICKET] == 0


async def test_no_ticket_no_view(service: RingSimulator, live: RingWebRtc) -> None:
    service.faults.answers[TICKET] = Canned(status=200, body="{}")
    assert await reason(live, Malformed) == "malformed"
    service.faults.answers[TICKET] = Canned(status=200, body='{"ticket": "forged"}')
    assert await reason(live, Unreachable) == "live_view_refused"
    service.faults.answers[TICKET] = OUTAGE
    assert await reason(live, Unreachable) == "service_unavailable"
    service.faults.answers = {f"{SIGNALLING}/ws": OUTAGE}
    assert await reason(live, Unreachable) == "service_unreachable"


async def test_a_camera_that_never_answers_is_given_up(
    service: RingSimulator, live: RingWebRtc, clock: FakeClock
) -> None:
    service.faults.live_mute = True
    opening = asyncio.ensure_future(reason(live, Unreachable))
    await service.wait_until(lambda: "live_view" in service.signalling.said)
    while 20 not in clock.slept:
        await settle(1)
    await clock.advance(21)
    assert await opening == "timeout"
    await service.wait_until(lambda: service.signalling.views == 0)


async def test_a_viewer_who_goes_before_the_answer_leaves_nothing(service: RingSimulator, live: RingWebRtc) -> None:
    service.faults.live_mute = True
    before = asyncio.all_tasks()
    opening = asyncio.ensure_future(live.open("v=0\r\nm=video 9 x 96\r\n", nobody))
    await service.wait_until(lambda: "live_view" in service.signalling.said)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await service.wait_until(lambda: service.signalling.views == 0)
    await settle()
    assert {each for each in asyncio.all_tasks() - before if "LiveSession" in repr(each)} == set()


async def test_what_cannot_be_read_is_passed_over(
    service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection
) -> None:
    service.signalling.greetings = [b"\0", "no json", "[]", '{"method": "pong"}', '{"method": "ice", "body": {}}']
    service.signalling.greetings.append('{"method": "notification", "body": {"is_ok": true, "text": "x"}}')
    lease = await opened(live, viewer)
    assert lease.value.answer.startswith("v=0")
    await lease.release()


async def test_a_second_answer_is_not_another_one(
    service: RingSimulator, live: RingWebRtc, viewer: RTCPeerConnection
) -> None:
    service.signalling.answers_twice = True
    lease = await opened(live, viewer)
    await service.wait_until(lambda: "camera_options" in service.signalling.said)
    await lease.release()

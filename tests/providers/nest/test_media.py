import asyncio
from collections.abc import Mapping
import json
from typing import Any

import pytest

from custom_components.camhub.kernel.errors import HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.lease import PATIENT_MARGIN, LeaseKeeper
from custom_components.camhub.kernel.live import LiveView
from custom_components.camhub.kernel.provider import Camera, Rtsp, Stills, WebRtc
from simulators.nest_sdm import NestSimulator
from tests.fake_clock import FakeClock

from .conftest import JPEG, Cameras, Grabber, Open, PassTime

HOURS = 3600.0


def rtsp_of(camera: Camera) -> Rtsp:
    assert camera.rtsp is not None
    return camera.rtsp


def webrtc_of(camera: Camera) -> WebRtc:
    assert camera.webrtc is not None
    return camera.webrtc


def stills_of(camera: Camera) -> Stills:
    assert camera.stills is not None
    return camera.stills


def count(service: NestSimulator, name: str) -> int:
    return sum(command == name for _, command in service.commands)


def refuses(status: int, word: str, message: str) -> tuple[int, str]:
    return status, json.dumps({"error": {"code": status, "message": message, "status": word}})


async def test_an_address_with_its_end(cameras: Cameras, service: NestSimulator, clock: FakeClock) -> None:
    rtsp = rtsp_of(cameras["wired"])
    assert rtsp.peek() is None
    assert service.commands == []
    lease = await rtsp.open()
    assert lease.value.startswith("rtsps://")
    assert "auth=" in lease.value
    assert lease.expires_at is not None
    assert (lease.expires_at - clock.now()).total_seconds() == 300
    assert lease.renew is not None
    longer = await lease.renew()
    assert longer.value != lease.value
    assert longer.value.partition("?")[0] == lease.value.partition("?")[0]
    with pytest.raises(Malformed) as caught:
        await lease.renew()
    assert caught.value.reason == "session_over", "a token extends once"
    await longer.release()
    assert service.streams.sessions == {}


async def test_an_end_that_has_passed_when_it_is_told(
    cameras: Cameras, service: NestSimulator, clock: FakeClock
) -> None:
    results = {
        "streamUrls": {"rtspUrl": "rtsps://stream.example/a?auth=g.0.t"},
        "streamToken": "g.0.t",
        "streamExtensionToken": "e",
        "expiresAt": "2018-01-04T18:30:00",
    }
    service.faults.commands["GenerateRtspStream"] = (200, json.dumps({"results": results}))
    lease = await rtsp_of(cameras["wired"]).open()
    assert lease.expires_at is not None
    assert (lease.expires_at - clock.now()).total_seconds() == 60


async def test_three_hours_of_rtsp(
    open_provider: Open, service: NestSimulator, clock: FakeClock, pass_time: PassTime
) -> None:
    """Tokens end meanwhile, one extension fails, the quota is used up for a while, and the stream goes on."""
    camera = (await open_provider().cameras())[0]
    keeper = LeaseKeeper(rtsp_of(camera).open, clock=clock, margin=PATIENT_MARGIN, random=lambda: 0.0)
    seen = [await keeper.start()]
    keeper.on_change(seen.append)

    async def to_the_extension() -> None:
        assert keeper.expires_at is not None
        await pass_time((keeper.expires_at - clock.now()).total_seconds() - PATIENT_MARGIN + 1, step=1)

    await pass_time(1 * HOURS)
    assert count(service, "ExtendRtspStream") == HOURS // 225
    service.faults.commands["ExtendRtspStream"] = (503, "")
    await to_the_extension()
    assert keeper.error is not None
    service.faults.commands.clear()
    await pass_time(2, step=1)
    assert keeper.error is None
    service.faults.throttled = True
    await to_the_extension()
    assert isinstance(keeper.error, Throttled)
    service.faults.throttled = False
    asked = service.requests.total()
    await pass_time(57, step=1)
    assert service.requests.total() == asked, "nobody is asked within the minute"
    await pass_time(5, step=1)
    assert keeper.error is None
    await pass_time(2 * HOURS)
    assert keeper.error is None
    assert keeper.current() == seen[-1]
    assert len(set(seen)) == len(seen)
    assert count(service, "GenerateRtspStream") == 1, "it was the same session all the time"
    assert service.tokens.refreshes == 3
    assert service.quota.refused == 0
    await keeper.close()
    assert service.streams.sessions == {}


async def test_a_session_that_is_over_is_followed_by_another_at_once(
    cameras: Cameras, service: NestSimulator, clock: FakeClock, pass_time: PassTime
) -> None:
    keeper = LeaseKeeper(rtsp_of(cameras["wired"]).open, clock=clock, random=lambda: 0.0)
    first = await keeper.start()
    over = "WebRtc error caused by invalid session or user id mismatch."
    service.faults.commands["ExtendRtspStream"] = refuses(400, "FAILED_PRECONDITION", over)
    await pass_time(275)
    assert count(service, "ExtendRtspStream") == 1, "it is not repeated"
    assert keeper.current() != first
    await keeper.close()


async def test_three_hours_of_webrtc(
    cameras: Cameras, service: NestSimulator, clock: FakeClock, offer: str, pass_time: PassTime
) -> None:
    view = LiveView(webrtc_of(cameras["battery"]), offer, lambda _: None, clock=clock)
    answer = await view.start()
    assert answer.endswith("\r\n")
    assert "a=candidate: " not in answer
    assert "a=sendrecv" not in answer.partition("m=application")[0]
    await view.add_candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0)
    (session,) = service.streams.sessions.values()
    await pass_time(3 * HOURS)
    assert list(service.streams.sessions.values()) == [session]
    assert count(service, "ExtendWebRtcStream") == 3 * HOURS // 225
    assert count(service, "GenerateWebRtcStream") == 1
    await view.close()
    assert service.streams.sessions == {}
    await service.streams.senders.idle()


async def test_an_offer_whose_addresses_come_later_is_answered(
    cameras: Cameras, service: NestSimulator, offer: str
) -> None:
    bare = "\r\n".join(line for line in offer.split("\r\n") if not line.startswith("a=candidate"))
    lease = await webrtc_of(cameras["battery"]).open(bare, lambda _: None)
    assert lease.value.answer.count("m=") == 3
    with pytest.raises(HubError):
        await webrtc_of(cameras["battery"]).open("v=0\r\n", lambda _: None)
    await lease.release()


async def test_a_camera_that_refuses_to_extend_is_asked_once(
    cameras: Cameras, service: NestSimulator, clock: FakeClock, offer: str, pass_time: PassTime
) -> None:
    webrtc = webrtc_of(cameras["doorbell"])
    view = LiveView(webrtc, offer, lambda _: None, clock=clock)
    await view.start()
    await pass_time(275)
    assert count(service, "ExtendWebRtcStream") == 1
    assert len(service.streams.sessions) == 1, "it serves until its end"
    await view.close()
    lease = await webrtc.open(offer, lambda _: None)
    assert lease.renew is None
    await lease.release()
    assert count(service, "ExtendWebRtcStream") == 1


async def test_trying_to_extend_comes_after_live_view(
    cameras: Cameras, service: NestSimulator, clock: FakeClock, offer: str
) -> None:
    lease = await webrtc_of(cameras["battery"]).open(offer, lambda _: None)
    for _ in range(5):
        await rtsp_of(cameras["wired"]).open()
    assert lease.renew is not None
    with pytest.raises(Throttled):
        await lease.renew()
    await clock.advance(60)
    assert (await lease.renew()).value is lease.value


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ((502, ""), Unreachable, "service_unavailable"),
        (refuses(409, "ABORTED", "Conflict."), Unreachable, "service_unavailable"),
        (refuses(400, "FAILED_PRECONDITION", "The camera is not available."), Unreachable, "camera_not_ready"),
        (refuses(400, "INVALID_ARGUMENT", "Command not supported."), Unsupported, "protocol_changed"),
        (refuses(400, "INVALID_ARGUMENT", "Invalid offer SDP: no."), Unsupported, "offer_refused"),
        (refuses(400, "INVALID_ARGUMENT", "Something."), Malformed, "malformed"),
        (refuses(403, "PERMISSION_DENIED", "Not yours."), Unsupported, "not_shared"),
        (refuses(404, "NOT_FOUND", "Device enterprises/a/devices/b not found."), Unsupported, "camera_gone"),
        (refuses(418, "TEAPOT", "Tea."), Malformed, "malformed"),
        ((200, "[]"), Malformed, "malformed"),
        ((200, "no JSON"), Malformed, "malformed"),
        ((200, "{}"), Malformed, "malformed"),
        ((200, '{"results": {"answerSdp": "hello", "expiresAt": "2026-01-02T03:09:05Z"}}'), Malformed, "malformed"),
        (
            (200, '{"results": {"answerSdp": "a", "mediaSessionId": "b", "expiresAt": "2026-01-02T03:09:05Z"}}'),
            Malformed,
            "malformed",
        ),
    ],
)
async def test_what_a_command_answers(
    cameras: Cameras, service: NestSimulator, offer: str, answer: tuple[int, str], kind: type[HubError], reason: str
) -> None:
    service.faults.commands["GenerateWebRtcStream"] = answer
    with pytest.raises(HubError) as caught:
        await webrtc_of(cameras["battery"]).open(offer, lambda _: None)
    assert (type(caught.value), caught.value.reason) == (kind, reason)


async def test_a_picture_of_each_camera(
    cameras: Cameras, service: NestSimulator, grabber: Grabber, clock: FakeClock
) -> None:
    for name in ("wired", "battery"):
        image = await stills_of(cameras[name]).take()
        assert (image.content, image.taken_at, image.source) == (JPEG, clock.now(), "live")
    assert grabber.addresses[0].startswith("rtsps://")
    assert grabber.answers[0].startswith("v=0")
    assert [name for _, name in service.commands] == [
        "GenerateRtspStream",
        "StopRtspStream",
        "GenerateWebRtcStream",
        "StopWebRtcStream",
    ]
    assert service.streams.sessions == {}


async def test_pictures_leave_live_view_its_part(
    cameras: Cameras, service: NestSimulator, clock: FakeClock, offer: str
) -> None:
    stills = stills_of(cameras["wired"])
    for _ in range(4):
        await stills.take()
    with pytest.raises(Throttled) as caught:
        await stills.take()
    assert caught.value.retry_after == 60
    lease = await webrtc_of(cameras["battery"]).open(offer, lambda _: None)
    await lease.release()
    await clock.advance(60)
    await stills.take()


async def test_a_camera_that_moved_streams_another_way(
    open_provider: Open, service: NestSimulator, grabber: Grabber, offer: str
) -> None:
    provider = open_provider()
    before = (await provider.cameras())[0]
    device = service.device("wired")
    device.protocols = ("WEB_RTC",)
    del device.traits["CameraEventImage"]
    after = (await provider.cameras())[0]
    assert (before.rtsp is None, after.rtsp is None) == (False, True)
    assert after.webrtc is not None
    assert after.stills is before.stills
    assert after.problems == ("rtsp_lost", "event_pictures_lost")
    with pytest.raises(Unsupported) as caught:
        await rtsp_of(before).open()
    assert caught.value.reason == "protocol_changed"
    await stills_of(after).take()
    assert len(grabber.answers) == 1


async def test_what_was_lost_is_known_after_a_restart(open_provider: Open, service: NestSimulator) -> None:
    saved: list[Mapping[str, Any]] = []

    class Tokens:
        async def save(self, credentials: Mapping[str, Any]) -> None:
            saved.append(credentials)

    provider = open_provider(tokens=Tokens())
    assert [camera.problems for camera in await provider.cameras()] == [(), (), ()]
    assert len(saved) == 1
    await provider.cameras()
    assert len(saved) == 1, "nothing new is not stored"
    service.device("wired").protocols = ("WEB_RTC",)
    del service.device("doorbell").traits["CameraClipPreview"]
    again = open_provider(saved[-1])
    assert [camera.problems for camera in await again.cameras()] == [("rtsp_lost",), (), ("event_clips_lost",)]
    service.device("wired").protocols = None
    assert [camera.problems for camera in await again.cameras()] == [(), (), ("event_clips_lost",)]


async def test_unknown_ways_of_streaming_are_passed_over(open_provider: Open, service: NestSimulator) -> None:
    service.device("wired").protocols = ("SOMETHING_NEW", "RTSP")
    wired = (await open_provider().cameras())[0]
    assert wired.webrtc is None
    await (await rtsp_of(wired).open()).release()


async def test_given_up_while_it_is_opened(cameras: Cameras, service: NestSimulator, clock: FakeClock) -> None:
    service.faults.slow_s = 86400
    opening = asyncio.ensure_future(rtsp_of(cameras["wired"]).open())
    await service.wait_until(lambda: any("executeCommand" in path for path in service.requests))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert clock.sleepers == 0


async def test_an_answer_that_is_too_long(
    cameras: Cameras, service: NestSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.providers.nest.wire.LIMIT", 100)
    with pytest.raises(Malformed):
        await rtsp_of(cameras["wired"]).open()

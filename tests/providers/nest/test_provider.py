from collections.abc import Mapping
from datetime import timedelta
import json
from typing import Any

import pytest

from custom_components.camhub.kernel.errors import HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CredentialState, EventKind, JsonValue
from custom_components.camhub.kernel.reading import child, iso_time, texts
from custom_components.camhub.providers.nest import SPEC
from custom_components.camhub.providers.nest.answers import login_refusal, pubsub_refusal, refusal
from custom_components.camhub.providers.nest.provider import NestProvider
from custom_components.camhub.providers.nest.quota import COMMANDS, Rank
from custom_components.camhub.providers.nest.reading import read, text
from simulators.nest_sdm import NestSimulator
from tests.fake_clock import FakeClock

from .conftest import Cameras, Open


async def test_cameras_by_their_traits(cameras: Cameras) -> None:
    wired, battery, doorbell = (cameras[name] for name in ("wired", "battery", "doorbell"))
    assert len(cameras) == 3, "a thermostat is no camera"
    assert [each.identity.name for each in (wired, battery, doorbell)] == ["Hallway", "Garden shed", "Front door"]
    assert [each.identity.model for each in (wired, battery, doorbell)] == ["Camera", "Camera", "Doorbell"]
    assert [each.identity.area for each in (wired, battery, doorbell)] == ["Hallway", "Garden", "Front door"]
    assert wired.event_kinds == {EventKind.MOTION, EventKind.PERSON, EventKind.SOUND}
    assert doorbell.event_kinds == {EventKind.MOTION, EventKind.PERSON, EventKind.DOORBELL}
    assert [each.online for each in (wired, battery, doorbell)] == [True, None, None]
    assert (wired.rtsp is not None, wired.webrtc is not None) == (True, False)
    assert (battery.rtsp is not None, battery.webrtc is not None) == (False, True)
    assert battery.webrtc is not None
    assert battery.webrtc.data_channel == "dataSendChannel"
    assert [each.still_floor for each in (wired, battery)] == [60, 600]


async def test_how_long_a_battery_camera_rests(open_provider: Open) -> None:
    cameras = await open_provider(options={"battery_floor": 30}).cameras()
    assert [camera.still_floor for camera in cameras] == [60, 1800, 1800]
    assert [field.key for field in SPEC.options] == ["battery_floor"]


async def test_a_camera_that_is_off(open_provider: Open, service: NestSimulator) -> None:
    service.device("wired").traits["Connectivity"] = {"status": "OFFLINE"}
    wired = (await open_provider().cameras())[0]
    assert (wired.online, wired.offline_reason) == (False, "camera_off_network")


async def test_a_camera_that_does_not_stream_just_now_stays(open_provider: Open, service: NestSimulator) -> None:
    provider = open_provider()
    before = await provider.cameras()
    service.device("battery").type = "THERMOSTAT"
    after = await provider.cameras()
    assert [camera.id for camera in after] == [camera.id for camera in before]
    assert [camera.online for camera in after] == [True, False, None]
    assert after[1].webrtc is before[1].webrtc
    assert len(await open_provider().cameras()) == 2, "one that never streamed is no camera"


async def test_the_first_listing_serves_twice(provider: NestProvider, service: NestSimulator) -> None:
    before = service.listed
    await provider.connect()
    await provider.cameras()
    assert service.listed == before + 1
    await provider.cameras()
    assert service.listed == before + 2
    await provider.close()


async def test_devices_that_cannot_be_read_are_left_out(open_provider: Open, service: NestSimulator) -> None:
    listed: list[Any] = [
        {"type": "sdm.devices.types.CAMERA"},
        {"name": 5, "traits": {}},
        {"name": "enterprises/p/devices/bad", "traits": {"sdm.devices.traits.CameraLiveStream": "no object"}},
        {"name": "enterprises/p/devices/", "traits": {"sdm.devices.traits.CameraLiveStream": {}}},
        {"name": "enterprises/p/devices/bare", "traits": {"sdm.devices.traits.CameraLiveStream": {}}},
        "no device",
    ]
    answer = (200, json.dumps({"devices": listed}))
    service.faults.answers[f"/v1/{service.enterprise}/devices"] = answer
    provider = open_provider()
    (bare,) = await provider.cameras()
    assert (bare.id, bare.identity.name, bare.rtsp is not None) == ("bare", "Camera", True)
    service.faults.answers[f"/v1/{service.enterprise}/devices"] = (200, '{"devices": "none"}')
    with pytest.raises(Malformed):
        await provider.cameras()
    service.faults.answers[f"/v1/{service.enterprise}/devices"] = (200, "{}")
    assert await provider.cameras() == []


async def test_a_camera_is_read_whatever_is_missing_or_empty(open_provider: Open, service: NestSimulator) -> None:
    """Only what is needed is looked at: a field without a value must not cost a camera."""
    traits = {
        "Info": {"customName": None},
        "Connectivity": {},
        "CameraImage": {"maxImageResolution": "large"},
        "CameraLiveStream": {
            "maxVideoResolution": None,
            "videoCodecs": None,
            "audioCodecs": [None],
            "supportedProtocols": ["WEB_RTC", None, "SOMETHING_NEW"],
        },
        "CameraMotion": {"sensitivity": [1]},
        "CameraPerson": None,
        "Temperature": {},
    }
    structure = f"{service.enterprise}/structures/home"
    listed = [
        {
            "name": f"{service.enterprise}/devices/odd",
            "type": None,
            "traits": {f"sdm.devices.traits.{name}": value for name, value in traits.items()},
            "parentRelations": [
                {"parent": structure, "displayName": "Home"},
                {"parent": f"{structure}/rooms/1", "displayName": None},
                {"parent": f"{structure}/rooms/2", "displayName": "Porch"},
                None,
            ],
        },
        {
            "name": f"{service.enterprise}/devices/older",
            "type": "sdm.devices.types.DOORBELL",
            "traits": {"sdm.devices.traits.CameraLiveStream": {"supportedProtocols": None}},
            "parentRelations": [{"parent": structure, "displayName": "Cellar"}],
        },
        {
            "name": f"{service.enterprise}/devices/bare",
            "traits": {"sdm.devices.traits.CameraLiveStream": {"supportedProtocols": []}},
            "parentRelations": None,
        },
        {"name": f"{service.enterprise}/devices/none", "traits": None},
    ]
    service.faults.answers[f"/v1/{service.enterprise}/devices"] = (200, json.dumps({"devices": listed}))
    odd, older, bare = await open_provider().cameras()
    assert (odd.identity.name, odd.identity.area, odd.identity.model) == ("Porch", "Porch", "Camera")
    assert (odd.rtsp is not None, odd.webrtc is not None, odd.online) == (False, True, None)
    assert odd.event_kinds == {EventKind.MOTION}
    assert (older.identity.name, older.identity.model, older.rtsp is not None) == ("Cellar", "Doorbell", True)
    assert older.event_kinds == {EventKind.DOORBELL}, "doorbells do not always say that they have a button"
    assert (bare.identity.name, bare.identity.area, bare.rtsp is not None) == ("Camera", None, True)


async def test_facts_for_a_bug_report(provider: NestProvider, service: NestSimulator) -> None:
    assert provider.diagnostics()["cameras"] == []
    assert provider.token_status().state is CredentialState.OK
    await provider.cameras()
    facts = provider.diagnostics()
    assert facts["push"] == {"subscribed": True, "dials": 0}
    assert facts["cameras"] == [
        {"model": "Camera", "abilities": ["event_image", "rtsp"], "extends": None},
        {"model": "Camera", "abilities": ["webrtc"], "extends": None},
        {"model": "Doorbell", "abilities": ["clip_preview", "webrtc"], "extends": None},
    ]
    written = json.dumps(facts)
    assert service.client.id not in written
    assert service.enterprise not in written


async def test_when_a_live_view_can_be_opened_next(provider: NestProvider, clock: FakeClock) -> None:
    assert provider.next_call_at() is None
    for number in range(COMMANDS):
        provider._client.quota.command(str(number), "GenerateRtspStream", Rank.LIVE)
    free = provider.next_call_at()
    assert free is not None
    assert clock.now() < free <= clock.now() + timedelta(minutes=1)


def error(status: str, message: str) -> bytes:
    return json.dumps({"error": {"status": status, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (
            400,
            error("FAILED_PRECONDITION", "Event id does not belong to the camera."),
            Unreachable,
            "event_picture_gone",
        ),
        (504, error("DEADLINE_EXCEEDED", "Camera image is no longer available."), Unreachable, "event_picture_gone"),
        (503, error("UNAVAILABLE", "The picture is no longer available."), Unreachable, "event_picture_gone"),
        (504, b"<html>", Unreachable, "service_unavailable"),
        (400, error("FAILED_PRECONDITION", "Precondition check failed."), Unreachable, "service_unavailable"),
        (400, error("FAILED_PRECONDITION", "The camera is asleep."), Unreachable, "camera_not_ready"),
        (400, error("INVALID_ARGUMENT", "Invalid offer SDP: no video."), Unsupported, "offer_refused"),
        (400, error("INVALID_ARGUMENT", "offerSdp is not valid."), Unreachable, "offer_refused"),
    ],
)
def test_refusals(status: int, body: bytes, kind: type[HubError], reason: str) -> None:
    found = refusal(status, body)
    assert (type(found), found.reason) == (kind, reason)


def test_refusals_about_topics() -> None:
    assert pubsub_refusal(500, b"").reason == "service_unavailable"
    assert pubsub_refusal(403, b"").reason == "pubsub_forbidden"
    assert isinstance(pubsub_refusal(404, b""), Unsupported)


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        (401, "unauthorized_client", "client_refused"),
        (401, "deleted_client", "client_refused"),
        (401, "disabled_client", "client_refused"),
        (400, "temporarily_unavailable", "service_unavailable"),
        (400, "something_else", "malformed"),
    ],
)
def test_refusals_of_logins(status: int, word: str, reason: str) -> None:
    assert login_refusal(status, json.dumps({"error": word}).encode()).reason == reason


def test_reading() -> None:
    with pytest.raises(Malformed):
        read("[]")
    with pytest.raises(Malformed):
        read("[" * 100000)
    assert child({"a": {"b": 1}}, "a") == {"b": 1}
    assert child("a", "b") == {}
    assert (text(" a "), text(5)) == ("a", "")
    assert (texts(["a", 1]), texts("a"), texts(None)) == (("a",), (), ())
    assert iso_time("never") is None


async def test_a_removed_account_takes_its_subscription_along(provider: NestProvider, service: NestSimulator) -> None:
    assert len(service.pubsub.subscriptions) == 1
    await provider.remove()
    assert service.pubsub.subscriptions == {}
    assert len(service.pubsub.topics) == 1, "which the user's project names"


@pytest.mark.parametrize("changes", [{"subscription_made": False}, {"subscription": ""}])
async def test_a_subscription_that_was_there_before_stays(
    open_provider: Open, service: NestSimulator, changes: Mapping[str, JsonValue]
) -> None:
    await open_provider(changes).remove()
    assert len(service.pubsub.subscriptions) == 1


async def test_calls_count_on_while_the_account_is_opened_anew(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    await clock.advance(60)
    kept: dict[str, object] = {}
    for _ in range(4):
        await open_provider(kept=kept).connect()
    asked = service.requests.total()
    with pytest.raises(Throttled) as caught:
        await open_provider(kept=kept).connect()
    assert caught.value.reason == "quota_used_up"
    assert service.requests.total() == asked, "the service was not asked"

"""Kinds of devices as real accounts list them: what each is called, what feeds it, what can be set of it."""

from typing import Any

import pytest

from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.kernel.model import EventKind
from custom_components.camhub.kernel.provider import Camera, Number, Press, Switch
from custom_components.camhub.providers.ring import parse
from custom_components.camhub.providers.ring.models import model
from custom_components.camhub.providers.ring.parse import Unit
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.home import BACK_DOOR, DRIVE, FRONT_DOOR, GARDEN, HALL

from .conftest import by_name


def unit(family: str = "stickup_cams", **told: Any) -> Unit:
    (found,) = parse.units(parse.by_number({family: [{"id": 3, **told}]}))
    return found


@pytest.mark.parametrize(
    ("kind", "flow", "name"),
    [
        ("doorbell_v5", None, "Doorbell 2"),
        ("doorbell_portal", None, "Peephole Cam"),
        ("jbox_v1", None, "Doorbell Elite"),
        ("cocoa_doorbell_v2", None, "Battery Doorbell Plus"),
        ("cocoa_doorbell_v3", None, "Battery Doorbell Pro"),
        ("cocoa_doorbell_v4w", None, "Wired Doorbell Plus (2nd Gen)"),
        ("cocoa_doorbell_v5", None, "Doorbell Pro (3rd Gen)"),
        ("doorbell_sunray", None, "Battery Doorbell (2nd Gen)"),
        ("stickup_cam_medusa", None, "Stick Up Cam Pro"),
        ("stickup_cam_mini_v3", None, "Indoor Cam Plus"),
        ("cocoa_camera_v2", None, "Outdoor Cam Plus"),
        ("cocoa_camera_v3", None, "Outdoor Cam Pro"),
        ("cocoa_floodlight_v2", None, "Floodlight Cam Pro (2nd Gen)"),
        ("floodlight_v1", None, "Floodlight Cam"),
        ("stickup_cam_v4", None, "Spotlight Cam Battery"),
        ("stickup_cam_v4", "solar", "Spotlight Cam Solar"),
        ("hp_cam_v2", None, "Spotlight Cam Wired"),
        ("spotlightw_v2", "spotlight_mount", "Spotlight Cam Spotlight Mount"),
        ("hp_cam_v1", "floodlight", "Floodlight Cam"),
        ("cam_of_next_year", None, "cam_of_next_year"),
        (None, None, "?"),
        (7, {}, "?"),
    ],
)
def test_models(kind: Any, flow: Any, name: str) -> None:
    assert model(unit(kind=kind, ring_cam_setup_flow=flow)) == name


@pytest.mark.parametrize("said", [{"id": 12}, {"id": 12, "kind": None, "settings": None, "description": None}])
async def test_a_device_that_tells_nothing_of_itself_is_listed_with_the_others(
    said: dict[str, Any], service: RingSimulator, provider: RingProvider
) -> None:
    service.home.lists["stickup_cams"].append({**said, "kind": "stickup_cam_v4", "ring_cam_setup_flow": None})
    service.home.lists["doorbots"].append({**said, "id": 13})
    cameras = by_name(await provider.cameras())
    assert len(cameras) == 7
    assert cameras["12"].identity.model == "Spotlight Cam Battery"
    assert cameras["13"].identity.model == "?"


@pytest.mark.parametrize(
    ("family", "kind", "rings"),
    [
        ("stickup_cams", "doorbell_portal", True),
        ("stickup_cams", "df_doorbell_clownfish", True),
        ("stickup_cams", "cocoa_doorbell_v5", True),
        ("stickup_cams", "lpd_v4", True),
        ("stickup_cams", "jbox_v1", True),
        ("stickup_cams", "cocoa_camera", False),
        ("stickup_cams", "stickup_cam_mini", False),
        ("doorbots", "anything", True),
    ],
)
def test_a_doorbell_is_one_whatever_list_it_stands_in(family: str, kind: str, rings: bool) -> None:
    assert unit(family, kind=kind).rings is rings


@pytest.mark.parametrize(
    ("told", "on_battery", "batteries"),
    [
        ({"battery_life": "71"}, True, (71, None)),
        ({"battery_life": "71", "external_connection": True}, False, (71, None)),
        # A panel or a trickle charger only fills the battery, which the device says itself.
        ({"battery_life": 71, "external_connection": True, "settings": {"power_mode": "battery"}}, True, (71, None)),
        ({"battery_life": 71, "settings": {"power_mode": "wired"}}, False, (71, None)),
        # Mains only, whatever is told of a battery.
        ({"battery_life": 100, "kind": "hp_cam_v1"}, False, (100, None)),
        ({"battery_life": 4081, "kind": "lpd_v1"}, False, (None, None)),
        ({"battery_life": "100", "health": {"battery_percentage_category": "unknown"}}, False, (None, None)),
        ({"battery_life": "0", "health": {"battery_percentage": 0, "battery_present": True}}, True, (0, None)),
        ({"battery_life": None, "battery_life_2": "24", "health": {"second_battery_percentage": 24}}, True, (None, 24)),
    ],
)
def test_what_feeds_a_device(told: dict[str, Any], on_battery: bool, batteries: tuple[int | None, int | None]) -> None:
    found = unit(**told)
    assert (found.on_battery, found.batteries) == (on_battery, batteries)


@pytest.mark.parametrize(
    ("told", "firmware"),
    [
        ({"firmware_version": "3.1"}, "3.1"),
        ({"firmware_version": "Up to Date", "health": {"firmware_version": "cam-1.2.300"}}, "cam-1.2.300"),
        ({"firmware_version": "Up to Date"}, None),
        ({}, None),
    ],
)
def test_a_state_is_no_version(told: dict[str, Any], firmware: str | None) -> None:
    assert unit(**told).firmware == firmware


@pytest.mark.parametrize(
    ("told", "light", "siren"),
    [
        ({"led_status": "on", "siren_status": {"seconds_remaining": 3}}, True, True),
        ({"led_status": {"seconds_remaining": 3}, "siren_status": {"seconds_remaining": 0}}, True, False),
        ({"led_status": {"seconds_remaining": 0}, "siren_status": {}}, False, False),
        ({"led_status": None, "siren_status": None}, None, None),
    ],
)
def test_lights_and_sirens(told: dict[str, Any], light: bool | None, siren: bool | None) -> None:
    found = unit(**told)
    assert (found.light, found.siren) == (light, siren)


@pytest.mark.parametrize(
    ("family", "kind", "there"),
    [
        ("doorbots", 0, True),
        ("doorbots", 1, True),
        ("doorbots", 3, True),
        ("doorbots", 2, None),
        ("doorbots", 5, None),
        ("stickup_cams", 0, None),
    ],
)
def test_only_a_doorbell_has_a_chime_inside(family: str, kind: int, there: bool | None) -> None:
    assert unit(family, settings={"chime_settings": {"type": kind, "enable": 1}}).indoor_chime is there


async def found(provider: RingProvider, name: str, key: str) -> Switch | Number | Press:
    camera: Camera = by_name(await provider.cameras())[name]
    return next(each for each in camera.controls if each.key == key)


async def turned(provider: RingProvider, name: str, key: str, *, on: bool) -> None:
    control = await found(provider, name, key)
    assert isinstance(control, Switch)
    await control.turn(on)


async def test_a_chime_of_the_newer_sort_can_be_switched(service: RingSimulator, provider: RingProvider) -> None:
    service.device(FRONT_DOOR)["settings"]["chime_settings"]["type"] = 3
    await turned(provider, "Front door", "indoor_chime", on=False)
    assert service.device(FRONT_DOOR)["settings"]["chime_settings"] == {"type": 3, "enable": 0, "duration": 5}
    assert service.device(FRONT_DOOR)["description"] == "Front door"


async def test_a_doorbell_may_have_a_light_and_a_siren(service: RingSimulator, provider: RingProvider) -> None:
    service.device(BACK_DOOR).update(led_status="off", siren_status={"seconds_remaining": 0})
    await turned(provider, "Back door", "light", on=True)
    await turned(provider, "Back door", "siren", on=True)
    assert service.device(BACK_DOOR)["led_status"] == "on"
    assert service.device(BACK_DOOR)["siren_status"] == {"seconds_remaining": 30}


async def test_what_has_no_name_is_given_none(service: RingSimulator, provider: RingProvider) -> None:
    for number in (GARDEN, HALL):
        service.device(number)["description"] = None
    volume = await found(provider, str(GARDEN), "volume")
    assert isinstance(volume, Number)
    await volume.put(3)
    loudness = await found(provider, "Front door", f"chime_volume_{HALL}")
    assert isinstance(loudness, Number)
    await loudness.put(1)
    assert service.device(GARDEN)["settings"]["doorbell_volume"] == 3
    assert service.device(HALL)["settings"]["volume"] == 1
    assert service.device(GARDEN)["description"] is service.device(HALL)["description"] is None


async def test_who_may_only_look_is_told_so(service: RingSimulator, provider: RingProvider) -> None:
    settings = Canned(status=404, body='{"error": "Not Found"}')
    service.faults.answers[f"api.ring.com/devices/v1/devices/{BACK_DOOR}/settings"] = settings
    service.faults.answers[f"api.ring.com/devices/v1/devices/{DRIVE}/settings"] = settings
    with pytest.raises(Unsupported) as caught:
        await turned(provider, "Back door", "motion", on=False)
    assert caught.value.reason == "insufficient_permission"
    with pytest.raises(Unsupported) as caught:
        await turned(provider, "Drive", "motion", on=False)
    assert caught.value.reason == "not_on_server", "its owner may"
    service.faults.answers[f"api.ring.com/devices/v1/devices/{BACK_DOOR}/settings"] = OUTAGE
    with pytest.raises(Unreachable):
        await turned(provider, "Back door", "motion", on=False)


async def test_a_camera_on_a_cable_has_no_wifi(service: RingSimulator, provider: RingProvider) -> None:
    said = '{"device_health": {"network_connection": "ethernet", "latest_signal_strength": -99}}'
    service.faults.answers[f"api.ring.com/clients_api/doorbots/{DRIVE}/health"] = Canned(status=200, body=said)
    health = by_name(await provider.cameras())["Drive"].health
    assert health is not None
    assert health.wifi_dbm is None


async def test_where_health_is_not_told_the_list_tells_the_wifi(service: RingSimulator, provider: RingProvider) -> None:
    service.device(DRIVE)["health"] = {"rssi": -61.0}
    path = f"api.ring.com/clients_api/doorbots/{DRIVE}/health"
    service.faults.answers[path] = Canned(status=404, body='{"error": "Not Found"}')
    health = by_name(await provider.cameras())["Drive"].health
    assert health is not None
    assert health.wifi_dbm == -61


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({"detection_type": None, "detection_types": [{"detection_type": "human"}]}, EventKind.PERSON),
        ({"detection_type": "other_motion", "detection_types": ["vehicle"]}, EventKind.VEHICLE),
        ({"detection_type": "null", "detection_types": [{"detection_type": "animal"}, 7]}, EventKind.ANIMAL),
        ({"detection_types": [{"detection_type": "package_pickup"}], "person_detected": False}, EventKind.PACKAGE),
        ({"detection_type": None, "detection_types": None, "person_detected": None}, EventKind.MOTION),
    ],
)
def test_everything_that_was_detected_counts(seen: dict[str, Any], kind: EventKind) -> None:
    entry: Any = {"id": 7, "created_at": "2026-01-02T03:04:05.678Z", "kind": "motion", "cv_properties": seen}
    (event,) = parse.history([entry], "1")
    assert event.kind is kind

import json

import pytest

from custom_components.camhub.kernel.errors import AuthError, Malformed, Unreachable
from custom_components.camhub.kernel.model import CredentialState, EventKind
from custom_components.camhub.kernel.provider import Number, Press, Switch
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.home import BACK_DOOR, DRIVE, FRONT_DOOR, GARDEN, HALL

from .conftest import MakeProvider, by_name

DEVICES = "api.ring.com/clients_api/ring_devices"


async def test_cameras_of_an_account(service: RingSimulator, provider: RingProvider) -> None:
    await provider.connect()
    cameras = by_name(await provider.cameras())
    assert list(cameras) == ["Front door", "Back door", "Garden", "Drive", "Shed"]
    front, back, garden, shed = (cameras[each] for each in ("Front door", "Back door", "Garden", "Shed"))
    assert (front.id, front.identity.manufacturer, front.identity.model) == (str(FRONT_DOOR), "Ring", "Doorbell Pro")
    assert front.identity.firmware == "3.14.15"
    assert EventKind.DOORBELL in front.event_kinds
    assert EventKind.DOORBELL not in garden.event_kinds
    assert {EventKind.MOTION, EventKind.PERSON} <= garden.event_kinds
    assert (front.still_floor, back.still_floor, garden.still_floor) == (30, 600, 600)
    assert back.health is not None
    assert (back.health.battery, back.health.battery_2) == (87, None)
    assert garden.health is not None
    assert (garden.health.battery, garden.health.battery_2, garden.health.wifi_dbm) == (62, 31, -41 - GARDEN % 30)
    assert (shed.online, shed.offline_reason, shed.identity.model) == (
        False,
        "camera_not_connected",
        "cam_of_next_year",
    )
    assert shed.health is not None
    assert shed.health.wifi_dbm is None, "what is off is not asked"


async def test_floors_can_be_chosen(service: RingSimulator, make_provider: MakeProvider) -> None:
    cameras = by_name(await make_provider(wired_floor=60, battery_floor=3600).cameras())
    assert (cameras["Front door"].still_floor, cameras["Garden"].still_floor) == (60, 3600)


async def test_cameras_come_and_go(service: RingSimulator, provider: RingProvider) -> None:
    before = by_name(await provider.cameras())
    service.home.lists["stickup_cams"].pop()
    (front,) = service.home.lists["doorbots"]
    service.home.lists["doorbots"].append(front | {"id": 77, "description": "Side door"})
    front["description"] = "Porch"
    after = by_name(await provider.cameras())
    assert list(after) == ["Porch", "Side door", "Back door", "Garden", "Drive"]
    assert after["Porch"].webrtc is before["Front door"].webrtc
    assert after["Side door"].stills is not before["Front door"].stills


async def test_a_camera_that_tells_nothing_of_itself_keeps_what_it_told(
    service: RingSimulator, provider: RingProvider
) -> None:
    before = await provider.cameras()
    service.faults.answers[f"api.ring.com/clients_api/doorbots/{DRIVE}/health"] = OUTAGE
    assert await provider.cameras() == before
    service.faults.answers[f"api.ring.com/clients_api/doorbots/{DRIVE}/health"] = Canned(status=200, body="[]")
    assert by_name(await provider.cameras())["Drive"].health != by_name(before)["Drive"].health


async def test_a_login_that_ends_while_health_is_read_is_told(service: RingSimulator, provider: RingProvider) -> None:
    await provider.cameras()
    service.faults.answers[f"api.ring.com/clients_api/doorbots/{DRIVE}/health"] = Canned(status=401, body="{}")
    with pytest.raises(AuthError):
        await provider.cameras()


@pytest.mark.parametrize("body", ["[]", "null", "{}", "<html>"])
async def test_a_list_of_devices_that_is_none(body: str, service: RingSimulator, provider: RingProvider) -> None:
    service.faults.answers[DEVICES] = Canned(status=200, body=body)
    with pytest.raises(Malformed):
        await provider.cameras()


async def test_the_login_as_it_stands(service: RingSimulator, provider: RingProvider) -> None:
    assert provider.token_status() is None
    assert provider.diagnostics() == {}
    assert provider.problems() == ()
    await provider.cameras()
    assert provider.token_status() is None
    told = provider.diagnostics()
    assert json.loads(json.dumps(told)) == told
    assert "example" not in json.dumps(told)
    service.change_password("another")
    with pytest.raises(AuthError):
        await provider.cameras()
    status = provider.token_status()
    assert status is not None
    assert status.state is CredentialState.REFUSED


async def control(provider: RingProvider, name: str, key: str) -> Switch | Number | Press:
    camera = by_name(await provider.cameras())[name]
    return next(each for each in camera.controls if each.key == key)


async def turn(provider: RingProvider, name: str, key: str, *, on: bool) -> bool:
    switch = await control(provider, name, key)
    assert isinstance(switch, Switch)
    await switch.turn(on)
    after = await control(provider, name, key)
    assert isinstance(after, Switch)
    return after.is_on


async def test_what_can_be_set(service: RingSimulator, provider: RingProvider) -> None:
    keys = {name: [each.key for each in camera.controls] for name, camera in by_name(await provider.cameras()).items()}
    chime = [f"chime_{HALL}", f"chime_volume_{HALL}"]
    assert keys == {
        "Front door": ["motion", "indoor_chime", "volume", *chime],
        "Back door": ["motion", "volume", *chime],
        "Garden": ["motion", "siren", "volume"],
        "Drive": ["motion", "light", "siren", "volume"],
        "Shed": ["motion", "volume"],
    }


async def test_switches(service: RingSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(siren_time=20)
    assert await turn(provider, "Garden", "motion", on=False) is False
    assert await turn(provider, "Drive", "light", on=True) is True
    assert await turn(provider, "Drive", "siren", on=True) is True
    assert service.device(DRIVE)["siren_status"] == {"seconds_remaining": 20}, "it ends by itself"
    assert await turn(provider, "Drive", "siren", on=False) is False
    assert await turn(provider, "Front door", "indoor_chime", on=False) is False
    assert await turn(provider, "Back door", "motion", on=True) is True


async def test_volumes_and_chimes(service: RingSimulator, provider: RingProvider) -> None:
    volume = await control(provider, "Back door", "volume")
    assert isinstance(volume, Number)
    assert (volume.value, volume.minimum, volume.maximum) == (6, 0, 11)
    await volume.put(9.0)
    assert service.device(BACK_DOOR)["settings"]["doorbell_volume"] == 9
    chime = await control(provider, "Front door", f"chime_{HALL}")
    assert isinstance(chime, Press)
    assert chime.name == "Hall"
    await chime.press()
    assert service.home.sounded == [(HALL, "ding")]
    loudness = await control(provider, "Front door", f"chime_volume_{HALL}")
    assert isinstance(loudness, Number)
    await loudness.put(2)
    assert service.device(HALL)["settings"]["volume"] == 2


async def test_chimes_elsewhere_belong_to_others(service: RingSimulator, provider: RingProvider) -> None:
    service.device(HALL)["location_id"] = "another"
    camera = by_name(await provider.cameras())["Front door"]
    assert [each.key for each in camera.controls] == ["motion", "indoor_chime", "volume"]
    service.home.lists["chimes"][0] |= {"location_id": service.device(FRONT_DOOR)["location_id"], "settings": {}}
    camera = by_name(await provider.cameras())["Front door"]
    assert [each.key for each in camera.controls][-1] == f"chime_{HALL}", "without a volume it can still sound"


async def test_a_camera_that_lets_nothing_be_set(service: RingSimulator, provider: RingProvider) -> None:
    service.device(GARDEN)["settings"] = {}
    assert [each.key for each in by_name(await provider.cameras())["Garden"].controls] == ["siren"]


async def test_a_command_that_fails_says_why(service: RingSimulator, provider: RingProvider) -> None:
    switch = await control(provider, "Garden", "motion")
    assert isinstance(switch, Switch)
    service.faults.answers[f"api.ring.com/devices/v1/devices/{GARDEN}/settings"] = OUTAGE
    with pytest.raises(Unreachable):
        await switch.turn(False)

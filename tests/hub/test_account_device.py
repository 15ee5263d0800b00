from dataclasses import replace

from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
import pytest

from custom_components.camhub.camera_rtsp import RtspCamera
from custom_components.camhub.kernel.model import DeviceIdentity
from custom_components.camhub.kernel.provider import Health, Switch

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec

SERVER = DeviceIdentity(name="Server", manufacturer="Example", firmware="1.0")


def with_server(provider: FakeProvider) -> None:
    provider.hub = SERVER
    provider.own_health = Health(inference_ms=9.8, disk_used_gib=292.5, disk_free_gib=97.7)


async def test_what_the_server_reports_of_itself(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    fake.prepare = with_server
    entry = await add_account()
    found = {
        key: state_of(hub, f"sensor.server_{key}").state for key in ("detection_time", "disk_used", "disk_space_free")
    }
    assert {key: float(value) for key, value in found.items()} == {
        "detection_time": 9.8,
        "disk_used": 292.5,
        "disk_space_free": 97.7,
    }
    assert hub.states.get("sensor.server_disk_free") is None
    fake.provider.own_health = Health(inference_ms=20, disk_free_percent=25)
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done()
    assert float(state_of(hub, "sensor.server_detection_time").state) == 20
    assert state_of(hub, "sensor.server_disk_used").state == "unknown"
    assert state_of(hub, "sensor.server_disk_free").state == "25"
    fake.provider.own_health = None
    await entry.runtime_data.async_refresh()
    assert state_of(hub, "sensor.server_disk_free").state == "unknown"


async def test_a_version_that_changes_while_we_run(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    fake.prepare = with_server
    entry = await add_account()
    fake.provider.hub = replace(SERVER, firmware="1.1")
    await entry.runtime_data.async_refresh()
    (device,) = [
        each
        for each in dr.async_entries_for_config_entry(dr.async_get(hub), entry.entry_id)
        if entry.runtime_data.account_identifier in each.identifiers
    ]
    assert device.sw_version == "1.1"


async def test_an_account_of_a_service_tells_of_its_login_once(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    """What earlier versions put at each camera moves to the account."""

    def of_two(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard"), provider.camera("shed")]

    fake.prepare, fake.cloud = of_two, "https://service.example.com"
    entry = await add_account(setup=False)
    earlier = er.async_get(hub).async_get_or_create(
        "sensor", "camhub", "yard_credential_status", config_entry=entry, translation_key="credential_status"
    )
    assert await hub.config_entries.async_setup(entry.entry_id)
    await hub.async_block_till_done()
    assert er.async_get(hub).async_get(earlier.entity_id) is None
    logins = [each for each in hub.states.async_entity_ids("sensor") if each.endswith("_login_status")]
    assert logins == ["sensor.home_login_status"]
    status = er.async_get(hub).async_get(logins[0])
    account = dr.async_get(hub).async_get(status.device_id or "") if status else None
    assert isinstance(account, dr.DeviceEntry)
    assert (account.name, account.entry_type) == ("Home", dr.DeviceEntryType.SERVICE)


async def test_no_server_no_sensors(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def without(provider: FakeProvider) -> None:
        provider.own_health = Health(inference_ms=1)

    fake.prepare = without
    await add_account()
    assert not [each for each in hub.states.async_entity_ids("sensor") if "detection_time" in each]


async def test_what_is_switched_elsewhere_is_seen_at_once(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    async def turn(on: bool) -> None:
        raise NotImplementedError

    def switched(provider: FakeProvider) -> None:
        with_server(provider)
        provider.listed = [provider.camera("yard", controls=(Switch(key="detect", is_on=True, turn=turn),))]

    fake.prepare = switched
    entry = await add_account()
    listened: list[None] = []
    entry.runtime_data.async_add_listener(lambda: listened.append(None))
    provider = fake.provider
    provider.tell(provider.listed)
    assert not listened, "nothing is different"
    now = provider.camera("yard", online=False, controls=(Switch(key="detect", is_on=False, turn=turn),))
    provider.own_health = Health(inference_ms=30)
    provider.tell([now])
    assert state_of(hub, "switch.yard_object_detection").state == "off"
    assert state_of(hub, "binary_sensor.yard_online").state == "off"
    assert float(state_of(hub, "sensor.server_detection_time").state) == 30
    assert len(listened) == 1


async def test_a_camera_that_is_watched_in_another_way_now_is_of_another_kind_at_once(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    await add_account()
    provider = fake.provider

    def with_stream(later: FakeProvider) -> None:
        later.listed = [later.camera("yard", rtsp=later.rtsp)]

    fake.prepare = with_stream
    provider.tell([provider.camera("yard", rtsp=provider.rtsp)])
    await hub.async_block_till_done()
    assert isinstance(get_camera_from_entity_id(hub, "camera.yard"), RtspCamera)


@pytest.mark.parametrize(("area", "suggested"), [("Garden", "Garden"), ("yard", None), (None, None)])
async def test_a_camera_is_put_into_its_room_unless_that_has_its_name(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, area: str | None, suggested: str | None
) -> None:
    def in_a_room(provider: FakeProvider) -> None:
        camera = provider.camera("yard")
        provider.listed = [replace(camera, identity=replace(camera.identity, area=area))]

    fake.prepare = in_a_room
    entry = await add_account()
    devices = dr.async_entries_for_config_entry(dr.async_get(hub), entry.entry_id)
    (device,) = [each for each in devices if each.name == "Yard"]
    room = ar.async_get(hub).async_get_area(device.area_id) if device.area_id else None
    assert (room.name if room else None) == suggested

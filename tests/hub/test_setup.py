from datetime import timedelta

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.camhub import async_remove_config_entry_device
from custom_components.camhub.const import CONF_CREDENTIALS, DOMAIN
from custom_components.camhub.credential_store import CredentialStore
from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.model import DeviceIdentity
from custom_components.camhub.kernel.provider import Health
from custom_components.camhub.runtime import SHARED

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec


async def next_look(hass: HomeAssistant) -> None:
    """Let the interval pass."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await hass.async_block_till_done()


async def test_an_account_that_did_not_answer_is_looked_at_again_soon(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    coordinator = (await add_account()).runtime_data
    for error in (Unreachable(), Malformed()):
        fake.provider.cameras_error = error
        await next_look(hub)
        assert not coordinator.last_update_success
        fake.provider.cameras_error = None
        async_fire_time_changed(hub, dt_util.utcnow() + timedelta(seconds=21))
        await hub.async_block_till_done()
        assert coordinator.last_update_success


async def test_account_loads_and_unloads(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    assert entry.state is ConfigEntryState.LOADED
    assert hub.states.get("camera.yard") is not None
    assert await hub.config_entries.async_unload(entry.entry_id)
    await hub.async_block_till_done()
    assert not hasattr(entry, "runtime_data")
    assert fake.provider.closed == 1
    assert await hub.config_entries.async_setup(entry.entry_id)
    await hub.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_a_picture_being_taken_ends_with_its_account(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    fake.provider.stills.gate.clear()
    taking = hub.async_create_task(entry.runtime_data.async_take("yard"))
    fake.provider.stills.asked.clear()
    await fake.provider.stills.asked.wait()
    assert await hub.config_entries.async_unload(entry.entry_id)
    with pytest.raises(Unreachable) as caught:
        await taking
    assert caught.value.reason == "shutting_down"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AuthError(), ConfigEntryState.SETUP_ERROR),
        (Unreachable(), ConfigEntryState.SETUP_RETRY),
        (Throttled(retry_after=5), ConfigEntryState.SETUP_RETRY),
        (Malformed(), ConfigEntryState.SETUP_RETRY),
    ],
)
async def test_what_goes_wrong_at_setup(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, error: HubError, state: ConfigEntryState
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.connect_error = error

    fake.prepare = fail
    entry = await add_account()
    assert entry.state is state
    assert entry.error_reason_translation_key == error.reason
    assert fake.provider.closed == 1
    flows = hub.config_entries.flow.async_progress()
    assert len(flows) == (1 if isinstance(error, AuthError) else 0)


async def test_an_account_that_does_not_list_its_cameras_at_setup_is_tried_again(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.cameras_error = Unreachable()

    fake.prepare = fail
    entry = await add_account()
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def test_refused_later_asks_for_a_new_login(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    fake.provider.cameras_error = AuthError()
    await next_look(hub)
    assert [flow["context"]["source"] for flow in hub.config_entries.flow.async_progress()] == ["reauth"]
    assert state_of(hub, "binary_sensor.yard_online").state == "off"
    assert entry.state is ConfigEntryState.LOADED


async def test_an_account_that_goes_and_comes_is_logged_once_each(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    await add_account()
    fake.provider.cameras_error = Unreachable()
    for _ in range(3):
        await next_look(hub)
    fake.provider.cameras_error = None
    for _ in range(2):
        await next_look(hub)
    told = [record.getMessage() for record in caplog.records if record.name == "custom_components.camhub"]
    assert len([text for text in told if text.startswith("Error fetching")]) == 1
    assert len([text for text in told if text.startswith("Fetching") and text.endswith("data recovered")]) == 1


async def test_a_wrong_key_is_said_and_nothing_is_overwritten(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(setup=False)
    sealed = entry.data[CONF_CREDENTIALS]
    hub.data[SHARED].store = CredentialStore(hub)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMHUB_ENCRYPTION_KEY", "ab" * 32)
        await hub.config_entries.async_setup(entry.entry_id)
        await hub.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "wrong_key"
    assert entry.data[CONF_CREDENTIALS] == sealed


async def test_a_lost_key_is_not_replaced(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account(setup=False)
    hub.data[SHARED].store = CredentialStore(hub)

    def lose() -> None:
        from pathlib import Path

        Path(hub.config.path(".storage", "camhub", "key")).unlink()

    await hub.async_add_executor_job(lose)
    await hub.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "key_missing"


async def test_cameras_come_and_go_without_a_reload(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, device_registry: dr.DeviceRegistry
) -> None:
    entry = await add_account()
    provider = fake.provider
    provider.listed = [provider.camera("yard"), provider.camera("door")]
    await next_look(hub)
    assert hub.states.get("camera.door") is not None
    provider.listed = [provider.camera("door")]
    await next_look(hub)
    assert hub.states.get("camera.yard") is None
    names = {device.name for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id)}
    assert names == {"Door"}
    provider.listed = [provider.camera("yard"), provider.camera("door")]
    await next_look(hub)
    assert hub.states.get("camera.yard") is not None


async def test_a_measure_that_is_missing_for_a_while_comes_back(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    await add_account()
    provider = fake.provider
    for health, shown in ((None, "unknown"), (Health(disk_free_percent=30.0), "30.0")):
        provider.listed = [provider.camera("yard", health=health)]
        await next_look(hub)
        assert state_of(hub, "sensor.yard_disk_free").state == shown
    assert "does not generate unique IDs" not in caplog.text


async def test_cameras_behind_a_recorder_refer_to_it(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, device_registry: dr.DeviceRegistry
) -> None:
    def behind(provider: FakeProvider) -> None:
        provider.hub = DeviceIdentity(
            name="Recorder", manufacturer="Example", model="R-4", mac="02:00:00:00:99:01", address="192.0.2.9"
        )

    fake.prepare = behind
    entry = await add_account()
    devices = {device.name: device for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id)}
    assert devices["Yard"].via_device_id == devices["Recorder"].id
    assert devices["Yard"].sw_version == "1.2"
    # A restart keeps the recorder's device.
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    again = {device.name: device.id for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id)}
    assert again["Recorder"] == devices["Recorder"].id


async def test_only_devices_of_missing_cameras_can_be_deleted(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, device_registry: dr.DeviceRegistry
) -> None:
    entry = await add_account()
    (yard,) = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert not await async_remove_config_entry_device(hub, entry, yard)
    gone = device_registry.async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, "gone")})
    assert await async_remove_config_entry_device(hub, entry, gone)


async def test_removing_an_account_deletes_its_pictures(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await entry.runtime_data.async_take("yard")
    album = hub.data[SHARED].album
    assert album.last(f"{entry.entry_id}/yard") is not None
    await hub.config_entries.async_remove(entry.entry_id)
    await hub.async_block_till_done()
    assert album.last(f"{entry.entry_id}/yard") is None


async def test_entities_are_named_and_unique(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, entity_registry: er.EntityRegistry
) -> None:
    entry = await add_account()
    entries = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    assert {item.entity_id for item in entries} == {
        "binary_sensor.yard_motion",
        "binary_sensor.yard_online",
        "button.yard_check_camera",
        "button.yard_refresh_snapshot",
        "camera.yard",
        "event.yard_activity",
        "image.yard_last_event",
        "sensor.yard_disk_free",
        "sensor.yard_firmware",
        "sensor.yard_frame_rate",
        "sensor.yard_last_snapshot",
        "sensor.yard_login_status",
    }
    assert all(item.has_entity_name for item in entries)


async def test_what_a_camera_runs_can_be_followed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, entity_registry: er.EntityRegistry
) -> None:
    def second(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", health=Health(battery=62, battery_2=31))]

    fake.prepare = second
    entry = await add_account()
    entity_registry.async_update_entity("sensor.yard_firmware", disabled_by=None)
    assert await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert state_of(hub, "sensor.yard_firmware").state == "1.2"
    assert (state_of(hub, "sensor.yard_battery").state, state_of(hub, "sensor.yard_second_battery").state) == (
        "62",
        "31",
    )
    entry.runtime_data.async_set_updated_data({})
    assert state_of(hub, "sensor.yard_firmware").state == "unavailable"


async def test_reloads_leave_nothing_behind(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    for _ in range(20):
        assert await hub.config_entries.async_reload(entry.entry_id)
        await hub.async_block_till_done()
    assert [provider.closed for provider in fake.opened] == [1] * 20 + [0]


async def test_everything_closes_when_home_assistant_stops(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    await add_account()
    await hub.async_stop(force=True)
    assert fake.provider.closed >= 1


async def test_setup_without_accounts(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert hass.services.has_service(DOMAIN, "status")

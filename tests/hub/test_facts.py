import socket
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.checking import async_examine
from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.endpoints import Endpoint
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import CredentialState, DeviceIdentity, TokenStatus

from .conftest import CREDENTIALS, AddAccount
from .fake_provider import PASSWORD, FakeProvider, FakeSpec


async def test_diagnostics_tell_much_but_no_secret(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def full(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.OK)
        provider.listed = [provider.camera("yard", mjpeg=provider.mjpeg), provider.camera("door", stills=None)]

    assert await async_setup_component(hub, "diagnostics", {})
    fake.prepare = full
    entry = await add_account()
    await entry.runtime_data.sweep
    coordinator = entry.runtime_data
    assert coordinator.relays.of(coordinator.data["yard"]) is not None
    facts: Any = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    assert [camera["abilities"] for camera in facts["cameras"]] == [["stills", "mjpeg"], []]
    assert facts["details"] == {"firmware": "1.2"}
    for secret in (PASSWORD, "192.0.2.9", "porter", "S-yard", "Yard"):
        assert secret not in str(facts)


async def test_diagnostics_of_an_account_that_failed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.connect_error = Unreachable()

    assert await async_setup_component(hub, "diagnostics", {})
    fake.prepare = fail
    entry = await add_account()
    facts: Any = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    assert facts["reason"] == "cannot_connect"
    assert str(CREDENTIALS["address"]) not in str(facts)


async def test_pseudonyms_stay(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def two(provider: FakeProvider) -> None:
        provider.hub = DeviceIdentity(name="Cellar box", manufacturer="Example", serial="BOX-000001")
        provider.entrances = (
            Endpoint(host="box.example.com", port=80),
            Endpoint(host="api.example.com", port=443, cloud=True),
        )
        provider.told = {"yard": {"stream": "S-yard main"}, "host": "box.example.com", "service": "api.example.com"}
        provider.listed = [provider.camera("yard"), provider.camera("door")]

    assert await async_setup_component(hub, "diagnostics", {})
    fake.prepare = two
    viewers = {"yard": {"users": ["u" * 32], "groups": []}}
    entry = await add_account(options={"viewers": viewers, "motion": {"yard": {}}})
    facts: Any = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    yard, door = (camera["camera"] for camera in facts["cameras"])
    assert yard != door
    assert facts["details"] == {
        yard: {"stream": f"{yard} main"},
        "host": facts["account"],
        "service": "api.example.com",
    }
    assert facts["options"] == {"motion": {yard: {}}}
    assert facts["cameras_with_viewers"] == 1
    fake.provider.listed.reverse()
    await entry.runtime_data.async_refresh()
    again: Any = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    assert [camera["camera"] for camera in again["cameras"]] == [door, yard]
    for secret in ("Cellar", "BOX-000001", "box.example", "u" * 32, "Door", "S-door"):
        assert secret not in str(again)


async def test_the_checks_are_in_the_diagnostics(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def offline(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", online=False, offline_reason="camera_offline")]

    assert await async_setup_component(hub, "diagnostics", {})
    fake.prepare = offline
    entry = await add_account()
    facts: Any = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    (yard,) = facts["cameras"]
    assert yard["checks_asked_for"] is None
    assert yard["checks_by_what_is_known"]["verdict"] == "online"
    assert yard["checks_by_what_is_known"]["checks"]["online"] == "camera_offline"
    await async_examine(hub, entry, "yard")
    facts = await get_diagnostics_for_config_entry(hub, hass_client, entry)
    assert facts["cameras"][0]["checks_asked_for"]["checks"]["listing"] == "ok"


async def test_diagnostics_of_one_device(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def two(provider: FakeProvider) -> None:
        provider.hub = DeviceIdentity(name="Box", manufacturer="Example")
        provider.listed = [provider.camera("yard"), provider.camera("door")]

    assert await async_setup_component(hub, "diagnostics", {})
    fake.prepare = two
    entry = await add_account()
    registry = dr.async_get(hub)
    door = registry.async_get_device_by_identifier(entry.runtime_data.device_identifier("door"), entry.entry_id)
    box = registry.async_get_device_by_identifier(entry.runtime_data.account_identifier, entry.entry_id)
    assert door is not None
    assert box is not None
    one: Any = await get_diagnostics_for_device(hub, hass_client, entry, door)
    assert len(one["cameras"]) == 1
    both: Any = await get_diagnostics_for_device(hub, hass_client, entry, box)
    assert len(both["cameras"]) == 2
    fake.prepare = lambda provider: setattr(provider, "connect_error", Unreachable())
    await hub.config_entries.async_reload(entry.entry_id)
    failed: Any = await get_diagnostics_for_device(hub, hass_client, entry, door)
    assert failed["checks"]["verdict"] == "listing"


async def test_system_health_counts(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, socket_enabled: None
) -> None:
    def two(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard"), provider.camera("door", online=False)]

    assert await async_setup_component(hub, "system_health", {})
    fake.prepare = two
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        fake.cloud = f"http://127.0.0.1:{unused.getsockname()[1]}"
    await add_account()
    ignored = MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id="x", data={})
    ignored.add_to_hass(hub)
    told = await get_system_health_info(hub, DOMAIN)
    assert await told.pop("can_reach_mjpeg") == {"type": "failed", "error": "unreachable"}
    assert isinstance(told.pop("ffmpeg"), bool)
    assert "aiortc" in told.pop("capture")
    assert told == {
        "accounts": "1/1",
        "cameras": 2,
        "online": 1,
        "dark": 1,
        "viewers": 0,
        "event_lines": "1/1",
    }

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import CredentialState, TokenStatus

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


async def test_system_health_counts(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def two(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard"), provider.camera("door", online=False)]

    assert await async_setup_component(hub, "system_health", {})
    fake.prepare = two
    await add_account()
    assert await get_system_health_info(hub, DOMAIN) == {"accounts": "1/1", "cameras": 2, "dark": 1, "viewers": 0}

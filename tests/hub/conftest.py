"""Home Assistant with one account of a provider made for these tests."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, State
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.runtime import SHARED
from tests.sentinel import watched_home  # noqa: F401 - a fixture of all tests of the hub

from .fake_provider import PASSWORD, SERIAL, FakeSpec

CREDENTIALS: Mapping[str, JsonValue] = {
    "address": "http://192.0.2.9",
    "username": "porter",
    "password": PASSWORD,
    "verify_tls": True,
}


@pytest.fixture(autouse=True)
def _custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant find CamHub."""


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave the harness's debug mode off, which reads a whole stack for each task: PYTHONASYNCIODEBUG=1 turns it on."""


@pytest.fixture(autouse=True)
def _no_deprecated_use(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when Home Assistant reports something of ours as deprecated."""
    yield
    for record in caplog.records:
        assert "Detected that custom integration 'camhub'" not in record.getMessage()


@pytest.fixture
def hass_config_dir(tmp_path: Path, hass_tmp_config_dir: str) -> str:
    """Give each test a configuration folder of its own."""
    return hass_tmp_config_dir


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSpec:
    """Put the fake provider in the place of a real one."""
    fake = FakeSpec()
    monkeypatch.setattr("custom_components.camhub.runtime.load", fake.spec)
    return fake


@pytest.fixture
async def hub(hass: HomeAssistant, fake: FakeSpec) -> HomeAssistant:
    """Set up the integration without accounts."""
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    return hass


def state_of(hass: HomeAssistant, entity_id: str) -> State:
    """Return a state that must be there."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state


async def credentials_of(hass: HomeAssistant, entry: ConfigEntry[Any]) -> Mapping[str, JsonValue]:
    """Return what is stored of an account."""
    return dict(await hass.data[SHARED].store.async_read(entry))


type AddAccount = Callable[..., Awaitable[MockConfigEntry]]


@pytest.fixture
def add_account(hub: HomeAssistant) -> AddAccount:
    """Return a function that stores an account and sets it up."""

    async def add(*, setup: bool = True, **changes: object) -> MockConfigEntry:
        account = Account(title="Home", unique_id=SERIAL, match=str(CREDENTIALS["address"]), credentials=CREDENTIALS)
        data = await hub.data[SHARED].store.async_entry_data("mjpeg", account)
        fields: dict[str, object] = {
            "domain": DOMAIN,
            "title": "Home",
            "data": data,
            "unique_id": f"mjpeg_{SERIAL}porter",
            **changes,
        }
        entry = MockConfigEntry(**fields)
        entry.add_to_hass(hub)
        if setup:
            await hub.config_entries.async_setup(entry.entry_id)
            await hub.async_block_till_done()
        return entry

    return add

"""What Home Assistant is told of each kind of error, at setup and later, and that all comes back by itself."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from tests.fake_clock import FakeClock

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

ERRORS = [
    AuthError(),
    Unreachable(),
    Throttled(retry_after=7200),
    Malformed(),
    Unsupported(),
]
# Longer than the interval, and than the pause before an account is set up again.
LATER = timedelta(minutes=6)


def named(error: HubError) -> str:
    return type(error).__name__


def how(entry: MockConfigEntry) -> ConfigEntryState:
    return entry.state


def reauths(hass: HomeAssistant) -> int:
    return sum(flow["context"]["source"] == "reauth" for flow in hass.config_entries.flow.async_progress())


async def passes(hass: HomeAssistant, entry: MockConfigEntry, time: timedelta) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + time)
    async with entry.setup_lock:
        # It may be that it is set up again just now, behind.
        pass
    await hass.async_block_till_done()


@pytest.mark.parametrize("error", ERRORS, ids=named)
async def test_at_setup(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, error: HubError) -> None:
    fault: list[HubError] = [error]

    def prepare(provider: FakeProvider) -> None:
        provider.connect_error = fault[0] if fault else None

    fake.prepare = prepare
    entry = await add_account()
    refused = isinstance(error, AuthError)
    assert how(entry) is (ConfigEntryState.SETUP_ERROR if refused else ConfigEntryState.SETUP_RETRY)
    assert entry.error_reason_translation_key == error.reason
    assert reauths(hub) == int(refused)
    fault.clear()
    await passes(hub, entry, LATER)
    if refused:
        assert how(entry) is ConfigEntryState.SETUP_ERROR, "who is refused is not tried again by itself"
        return
    assert how(entry) is ConfigEntryState.LOADED
    assert state_of(hub, "binary_sensor.yard_online").state == "on"


@pytest.mark.parametrize("error", ERRORS, ids=named)
async def test_later(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    error: HubError,
) -> None:
    """The last picture stays, marked as old; what is no refusal goes on without the account being loaded anew."""
    entry = await add_account()
    clock = entry.runtime_data.clock = FakeClock(datetime.now(UTC))
    await entry.runtime_data.sweep
    provider, client = fake.provider, await hass_client()
    provider.cameras_error = provider.stills.error = error
    await passes(hub, entry, LATER)
    assert how(entry) is ConfigEntryState.LOADED
    assert not entry.runtime_data.last_update_success
    assert reauths(hub) == int(isinstance(error, AuthError))
    assert state_of(hub, "binary_sensor.yard_online").state == "off"
    with pytest.raises(type(error)):
        await entry.runtime_data.async_take("yard")
    await clock.advance(1800)
    entry.runtime_data.async_update_listeners()
    shown = state_of(hub, "camera.yard")
    assert shown.attributes["stale"] is True
    address = f"/api/camera_proxy/camera.yard?token={shown.attributes['access_token']}"
    picture = await client.get(address)
    assert (picture.status, await picture.read()) == (HTTPStatus.OK, provider.stills.content)
    provider.cameras_error = provider.stills.error = None
    await passes(hub, entry, timedelta(hours=3))
    if isinstance(error, AuthError):
        assert not entry.runtime_data.last_update_success, "nobody asks again until somebody has signed in"
        return
    assert entry.runtime_data.last_update_success
    assert state_of(hub, "binary_sensor.yard_online").state == "on"
    clock = entry.runtime_data.clock = FakeClock(datetime.now(UTC))
    provider.stills.content = jpeg(2)
    await entry.runtime_data.async_take("yard")
    assert state_of(hub, "camera.yard").attributes["stale"] is False
    assert (entry.state, provider.closed) == (ConfigEntryState.LOADED, 0), "it was not loaded anew"


async def test_nobody_is_asked_before_they_said(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    fake.provider.cameras_error = Throttled(retry_after=7200)
    await passes(hub, entry, LATER)
    fake.provider.cameras_error = None
    await passes(hub, entry, timedelta(seconds=7200 - 60))
    assert not entry.runtime_data.last_update_success
    await passes(hub, entry, timedelta(seconds=7200 + 60))
    assert entry.runtime_data.last_update_success


@pytest.mark.parametrize("error", [Malformed(), Throttled(retry_after=60)], ids=named)
async def test_an_account_that_connects_but_lists_nothing_is_tried_again(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, error: HubError
) -> None:
    fault: list[HubError] = [error]

    def prepare(provider: FakeProvider) -> None:
        provider.cameras_error = fault[0] if fault else None

    fake.prepare = prepare
    entry = await add_account()
    assert how(entry) is ConfigEntryState.SETUP_RETRY
    fault.clear()
    await passes(hub, entry, LATER)
    assert how(entry) is ConfigEntryState.LOADED

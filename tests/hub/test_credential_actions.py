from datetime import UTC, datetime
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.camhub.const import CONF_CREDENTIALS, DOMAIN
from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.model import Account, CredentialState, TokenStatus
from custom_components.camhub.kernel.provider import Context as ProviderContext
from custom_components.camhub.kernel.signin import Ask, Consent
from custom_components.camhub.kernel.spec import ProviderSpec
from custom_components.camhub.kernel.vault import Vault
from custom_components.camhub.runtime import SHARED
from tests.sentinel import MARK

from .conftest import CREDENTIALS, AddAccount, credentials_of
from .fake_provider import PASSWORD, FakeProvider, FakeSpec

ENDS = datetime(2030, 1, 1, tzinfo=UTC)


async def act(hass: HomeAssistant, action: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True, context=context)
    await hass.async_block_till_done()
    assert answer is not None
    return dict(answer)


async def update(
    hass: HomeAssistant, entry_id: str, context: Context | None = None, **credentials: object
) -> dict[str, Any]:
    return await act(hass, "update_credentials", context, config_entry_id=entry_id, credentials=credentials)


def good_until(ends: datetime | None) -> Any:
    def prepare(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.OK, expires_at=ends)

    return prepare


async def test_new_credentials_are_tried_before_they_are_stored(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    before = entry.data
    with pytest.raises(HomeAssistantError) as caught:
        await update(hub, entry.entry_id, password="wrong")
    assert caught.value.translation_key == "invalid_auth"
    assert entry.data == before
    assert len(fake.opened) == 1
    fake.prepare = good_until(ENDS)
    told = await update(hub, entry.entry_id, password=PASSWORD, verify_tls=False)
    assert told == {"account": "Home", "status": "ok", "expires": "2030-01-01T00:00:00+00:00", "reason": None}
    assert (await credentials_of(hub, entry))["verify_tls"] is False
    assert len(fake.opened) == 2


async def test_new_credentials_that_the_account_refuses_later_are_told_so(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def refuse(provider: FakeProvider) -> None:
        provider.connect_error = AuthError(reason="insufficient_permission")

    entry = await add_account()
    fake.prepare = refuse
    told = await update(hub, entry.entry_id, password=PASSWORD)
    assert told == {"account": "Home", "status": "refused", "expires": None, "reason": "insufficient_permission"}


async def test_new_credentials_for_a_disabled_account_are_stored_for_later(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(disabled_by=ConfigEntryDisabler.USER, setup=False)
    told = await update(hub, entry.entry_id, verify_tls=False)
    assert told == {"account": "Home", "status": "unknown", "expires": None, "reason": None}
    assert (await credentials_of(hub, entry))["verify_tls"] is False
    with pytest.raises(ServiceValidationError) as caught:
        await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert caught.value.translation_key == "entry_disabled"


async def test_new_credentials_take_the_place_of_unreadable_ones(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(setup=False)
    damaged = {**entry.data, CONF_CREDENTIALS: Vault(bytes(32)).seal("{}")}
    hub.config_entries.async_update_entry(entry, data=damaged)
    told = await act(hub, "update_credentials", config_entry_id=entry.entry_id, credentials=dict(CREDENTIALS))
    assert told["status"] == "ok"
    assert await credentials_of(hub, entry) == CREDENTIALS


async def test_new_credentials_of_another_account_are_refused(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    before = entry.data
    with pytest.raises(ServiceValidationError) as caught:
        await update(hub, entry.entry_id, username="other")
    assert caught.value.translation_key == "other_account"
    assert entry.data == before
    with pytest.raises(ServiceValidationError) as caught:
        await update(hub, "nobody's", username="other")
    assert caught.value.translation_key == "unknown_entry"


async def test_a_login_on_the_vendors_page_cannot_be_handed_in(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sign_in(context: ProviderContext, ask: Ask) -> Account:
        await ask(Consent(url="https://consent.example"))
        raise Unreachable

    entry = await add_account()
    spec = ProviderSpec(key="mjpeg", name="Fake", sign_in=sign_in, open=fake.open)
    monkeypatch.setitem(hub.data[SHARED].specs, spec.key, spec)
    with pytest.raises(ServiceValidationError) as caught:
        await update(hub, entry.entry_id, password="x")
    assert caught.value.translation_key == "unsupported"


async def test_credentials_sealed_elsewhere_are_taken_over(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    key = bytes(range(32))
    sealed = Vault(key).seal(f'{{"password": "{PASSWORD}", "verify_tls": false}}')
    data: dict[str, Any] = {"config_entry_id": entry.entry_id, "sealed": sealed, "key": key.hex()}
    assert (await act(hub, "update_credentials", **data))["status"] == "ok"
    assert await credentials_of(hub, entry) == {**CREDENTIALS, "verify_tls": False}
    assert (await act(hub, "update_credentials", **data, credentials={"verify_tls": True}))["status"] == "ok"
    assert await credentials_of(hub, entry) == CREDENTIALS
    with pytest.raises(HomeAssistantError) as caught:
        await act(hub, "update_credentials", **{**data, "key": bytes(32).hex()})
    assert caught.value.translation_key == "import_wrong_key"
    cases: list[dict[str, Any]] = [{}, {"sealed": sealed}, {"key": MARK}, {"credentials": MARK}, {"pasword": MARK}]
    for unclear in cases:
        with pytest.raises(ServiceValidationError) as unclear_error:
            await act(hub, "update_credentials", **{"config_entry_id": entry.entry_id, **unclear})
        assert unclear_error.value.translation_key == "credentials_unclear"


async def test_credentials_are_tried_as_they_are_used(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = good_until(ENDS)
    entry = await add_account()
    await entry.runtime_data.sweep
    taken = fake.provider.stills.taken
    told = await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    ends = "2030-01-01T00:00:00+00:00"
    assert told == {"account": "Home", "status": "ok", "expires": ends, "reason": None, "valid": True}
    assert fake.provider.stills.taken > taken
    assert len(fake.opened) == 1
    # A camera that gives no picture now says nothing against the login.
    fake.provider.stills.error = Unreachable()
    assert (await act(hub, "verify_credentials", config_entry_id=entry.entry_id))["valid"] is True


async def test_a_battery_camera_is_not_woken_to_try_credentials(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def sleepy(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", still_floor=3600.0)]

    fake.prepare = sleepy
    entry = await add_account()
    await entry.runtime_data.sweep
    taken = fake.provider.stills.taken
    assert (await act(hub, "verify_credentials", config_entry_id=entry.entry_id))["valid"] is True
    assert fake.provider.stills.taken == taken


@pytest.mark.parametrize("where", ["cameras", "picture"])
async def test_credentials_that_are_refused_are_told_and_mended_ones_too(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry, where: str
) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    refusal = AuthError(reason="account_locked", placeholders={"minutes": "5"})
    if where == "cameras":
        fake.provider.cameras_error = refusal
    else:
        fake.provider.stills.error = refusal
    told = await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert (told["valid"], told["status"], told["reason"]) == (False, "refused", "account_locked")
    assert issue_registry.async_get_issue(DOMAIN, f"credential_refused_{entry.entry_id}") is not None
    assert len(hub.config_entries.flow.async_progress()) == 1
    fake.provider.cameras_error = fake.provider.stills.error = None
    told = await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert (told["valid"], told["status"]) == (True, "ok")
    assert issue_registry.async_get_issue(DOMAIN, f"credential_refused_{entry.entry_id}") is None
    assert hub.config_entries.flow.async_progress() == []


async def test_an_account_whose_event_line_was_refused_is_opened_anew(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    fake.provider.line.put_nowait(AuthError())
    while not entry.runtime_data.pump.error:
        await hub.async_block_till_done()
    await entry.runtime_data.async_refresh()
    assert entry.runtime_data.login.state == "refused"
    told = await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert (told["valid"], told["status"]) == (True, "ok")
    assert len(fake.opened) == 2


@pytest.mark.parametrize("error", [Unreachable(), HubError()])
async def test_credentials_that_cannot_be_tried_are_an_error(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, error: HubError
) -> None:
    entry = await add_account()
    fake.provider.cameras_error = error
    with pytest.raises(HomeAssistantError) as caught:
        await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert caught.value.translation_key == error.reason


async def test_a_fault_of_our_own_is_an_error_too(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account()
    coordinator = entry.runtime_data

    async def fault() -> Any:
        raise TimeoutError

    coordinator._async_update_data = fault
    with pytest.raises(HomeAssistantError) as caught:
        await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert caught.value.translation_key == "unknown"


async def test_an_account_that_is_not_loaded_is_loaded_to_try_it(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fails: list[HubError] = [AuthError(), AuthError(), Unreachable()]

    def fail(provider: FakeProvider) -> None:
        provider.connect_error = fails.pop(0) if fails else None

    fake.prepare = fail
    entry = await add_account()
    told = await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert (told["valid"], told["status"], told["reason"]) == (False, "refused", "invalid_auth")
    ir.async_delete_issue(hub, DOMAIN, f"credential_refused_{entry.entry_id}")
    with pytest.raises(HomeAssistantError) as caught:
        await act(hub, "verify_credentials", config_entry_id=entry.entry_id)
    assert caught.value.translation_key == "cannot_connect"
    assert (await act(hub, "verify_credentials", config_entry_id=entry.entry_id))["valid"] is True
    assert entry.state is ConfigEntryState.LOADED


async def test_only_administrators_act_on_credentials(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_read_only_user: MockUser,
    hass_admin_user: MockUser,
) -> None:
    entry = await add_account()
    reader = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await update(hub, entry.entry_id, reader, password=PASSWORD)
    with pytest.raises(Unauthorized):
        await act(hub, "verify_credentials", reader, config_entry_id=entry.entry_id)
    with pytest.raises(Unauthorized):
        await act(hub, "rotate_key", reader)
    await update(hub, entry.entry_id, Context(user_id=hass_admin_user.id), password=PASSWORD)

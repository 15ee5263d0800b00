"""Actions on credentials: replace them, verify them, rotate the encryption key."""

from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv, issue_registry as ir, service
from homeassistant.util.json import JsonObjectType
import probatio

from .const import CONF_MATCH, CONF_PROVIDER, DOMAIN
from .coordinator import CamHubConfigEntry
from .credential_import import open_foreign
from .failures import action_errors
from .kernel.errors import AuthError
from .kernel.model import Account, CredentialState
from .kernel.secret import Credentials
from .kernel.signin import Answers, Form
from .runtime import SHARED, async_known, async_load_spec, async_replace_login, identify
from .signing_in import Conversation

ATTR_ENTRY: Final = "config_entry_id"

# Validated in `_given`: Home Assistant logs input that a schema refuses, secrets included.
UPDATE_SCHEMA: Final = probatio.Schema({probatio.Required(ATTR_ENTRY): cv.string}, extra=probatio.ALLOW_EXTRA)
VERIFY_SCHEMA: Final = probatio.Schema({probatio.Required(ATTR_ENTRY): cv.string})


@callback
def async_setup_credential_actions(hass: HomeAssistant) -> None:
    """Register the actions; they exist whether or not an account does."""
    hass.services.async_register(
        DOMAIN, "update_credentials", _async_update, UPDATE_SCHEMA, supports_response=SupportsResponse.OPTIONAL
    )
    hass.services.async_register(
        DOMAIN, "verify_credentials", _async_verify, VERIFY_SCHEMA, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register(
        DOMAIN, "rotate_key", _async_rotate, probatio.Schema({}), supports_response=SupportsResponse.OPTIONAL
    )


async def async_require_admin(call: ServiceCall) -> None:
    """Raise Unauthorized unless an administrator, or Home Assistant itself, calls."""
    if call.context.user_id is None:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None or not user.is_admin:
        raise Unauthorized(context=call.context)


def _entry(hass: HomeAssistant, entry_id: str) -> CamHubConfigEntry:
    """Return one of our entries, loaded or not; raises ServiceValidationError."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="unknown_entry")
    return entry


def chosen_entries(call: ServiceCall) -> list[CamHubConfigEntry]:
    """Return the loaded account that an action names, else all that are loaded; raises ServiceValidationError."""
    if entry_id := call.data.get(ATTR_ENTRY):
        return [service.async_get_config_entry(call.hass, DOMAIN, entry_id)]
    return call.hass.config_entries.async_loaded_entries(DOMAIN)


async def _async_update(call: ServiceCall) -> ServiceResponse:
    """Sign in with new credentials; they are stored only if that works."""
    await async_require_admin(call)
    hass = call.hass
    entry = _entry(hass, call.data[ATTR_ENTRY])
    with action_errors():
        given = _given(call)
        account = await async_sign_in_with(hass, entry.data[CONF_PROVIDER], await async_known(hass, entry), given)
        unique_id, match = identify(entry.data[CONF_PROVIDER], account)
        if unique_id != entry.unique_id or (unique_id is None and match != entry.data[CONF_MATCH]):
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="other_account")
        hass.config_entries.async_update_entry(entry, data=await async_replace_login(hass, entry, account))
    await hass.config_entries.async_reload(entry.entry_id)
    return _told(hass, entry)


def _given(call: ServiceCall) -> Answers:
    """Return the new values by name; raises ServiceValidationError, WrongKey."""
    match {name: value for name, value in call.data.items() if name != ATTR_ENTRY}:
        case {"credentials": dict(plain), **rest} if not rest:
            return plain
        case {"sealed": str(sealed), "key": str(key), **rest} if not rest:
            return open_foreign(sealed, key)
        case {"sealed": str(sealed), "key": str(key), "credentials": dict(plain), **rest} if not rest:
            return {**open_foreign(sealed, key), **plain}
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="credentials_unclear")


async def _async_verify(call: ServiceCall) -> ServiceResponse:
    """Test the login; an account that is not loaded is loaded first."""
    await async_require_admin(call)
    hass = call.hass
    entry = _entry(hass, call.data[ATTR_ENTRY])
    if entry.disabled_by is not None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="entry_disabled")
    if entry.state is not ConfigEntryState.LOADED:
        await hass.config_entries.async_reload(entry.entry_id)
    if entry.state is ConfigEntryState.LOADED:
        with action_errors():
            try:
                await entry.runtime_data.async_verify()
            except AuthError:
                return {**_told(hass, entry), "valid": False}
        if entry.runtime_data.login.reason:
            # What was refused is not retried until the account is reloaded.
            await hass.config_entries.async_reload(entry.entry_id)
        return {**_told(hass, entry), "valid": True}
    told = _told(hass, entry)
    if told["status"] != CredentialState.REFUSED:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=entry.error_reason_translation_key or "unknown",
            translation_placeholders=dict(entry.error_reason_translation_placeholders or {}),
        )
    return {**told, "valid": False}


async def _async_rotate(call: ServiceCall) -> ServiceResponse:
    """Encrypt everything with a new key."""
    await async_require_admin(call)
    with action_errors():
        return {"accounts": await call.hass.data[SHARED].store.async_rotate_key()}


def _told(hass: HomeAssistant, entry: CamHubConfigEntry) -> JsonObjectType:
    """Return the state of an account's login; `unknown` if the account is not loaded."""
    if entry.state is ConfigEntryState.LOADED:
        login = entry.runtime_data.login
        ends = login.expires_at.isoformat() if login.expires_at else None
        return {"account": entry.title, "status": login.state, "expires": ends, "reason": login.reason}
    refused = ir.async_get(hass).async_get_issue(DOMAIN, f"credential_refused_{entry.entry_id}") is not None
    return {
        "account": entry.title,
        "status": CredentialState.REFUSED if refused else "unknown",
        "expires": None,
        "reason": entry.error_reason_translation_key,
    }


async def async_sign_in_with(hass: HomeAssistant, key: str, earlier: Credentials, given: Answers) -> Account:
    """Answer the provider's questions from the given values, else from the stored ones."""
    known = {**earlier, **given}
    conversation = Conversation(hass, await async_load_spec(hass, key), Credentials(known))
    try:
        turn = await conversation.async_turn()
        while not isinstance(turn, Account):
            if not isinstance(turn, Form):
                raise ServiceValidationError(translation_domain=DOMAIN, translation_key="unsupported")
            if turn.errors:
                raise HomeAssistantError(
                    translation_domain=DOMAIN,
                    translation_key=next(iter(turn.errors.values())),
                    translation_placeholders=dict(turn.placeholders),
                )
            turn = await conversation.async_answer(_answers(turn, known))
    finally:
        conversation.close()
    return turn


def _answers(form: Form, known: Answers) -> Answers:
    """Return a form's answers: what is known, else its own defaults."""
    return {
        field.key: known.get(field.key, field.default)
        for field in form.fields
        if known.get(field.key, field.default) is not None
    }

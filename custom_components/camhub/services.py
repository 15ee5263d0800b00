"""Actions: take a picture, hand in new credentials, tell how everything stands."""

from collections.abc import Iterable
from typing import Final

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .access import camera_entity_id
from .const import CONF_MATCH, CONF_PROVIDER, DOMAIN
from .coordinator import CamHubConfigEntry, CamHubCoordinator, action_errors
from .kernel.model import Account
from .kernel.provider import Camera
from .kernel.secret import Credentials
from .kernel.signin import Answers, Form
from .limits import METER
from .runtime import async_entry_data, async_load_spec, async_unseal
from .signing_in import Conversation

ATTR_ENTRY: Final = "config_entry_id"
ATTR_CREDENTIALS: Final = "credentials"

UPDATE_SCHEMA: Final = probatio.Schema(
    {probatio.Required(ATTR_ENTRY): cv.string, probatio.Required(ATTR_CREDENTIALS): {cv.string: object}}
)
STATUS_SCHEMA: Final = probatio.Schema({probatio.Optional(ATTR_ENTRY): cv.string})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; they exist whether or not an account does."""
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        "refresh_snapshot",
        entity_domain=CAMERA_DOMAIN,
        func="async_refresh_snapshot",
        schema=None,
    )
    hass.services.async_register(DOMAIN, "update_credentials", _async_update_credentials, UPDATE_SCHEMA)
    hass.services.async_register(
        DOMAIN, "status", _async_status, STATUS_SCHEMA, supports_response=SupportsResponse.ONLY
    )


async def _async_require_admin(call: ServiceCall) -> None:
    """Raise Unauthorized unless an administrator, or Home Assistant itself, calls."""
    if call.context.user_id is None:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None or not user.is_admin:
        raise Unauthorized(context=call.context)


async def _async_update_credentials(call: ServiceCall) -> None:
    """Sign in with new values in place of the stored ones; nothing is stored unless that works."""
    await _async_require_admin(call)
    hass = call.hass
    entry = _entry(hass, call.data[ATTR_ENTRY])
    key = entry.data[CONF_PROVIDER]
    with action_errors():
        earlier = await async_unseal(hass, entry)
        account = await _async_sign_in(hass, key, earlier, call.data[ATTR_CREDENTIALS])
        data = await async_entry_data(hass, key, account)
    unique_id = f"{key}_{account.unique_id}" if account.unique_id else None
    if unique_id != entry.unique_id or (unique_id is None and data[CONF_MATCH] != entry.data[CONF_MATCH]):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="other_account")
    hass.config_entries.async_update_entry(entry, data=data)
    hass.config_entries.async_schedule_reload(entry.entry_id)


async def _async_sign_in(hass: HomeAssistant, key: str, earlier: Credentials, given: Answers) -> Account:
    """Answer the provider's questions from what was given, else from what is stored."""
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


def _entry(hass: HomeAssistant, entry_id: str) -> CamHubConfigEntry:
    """Return one of our entries, loaded or not; raises ServiceValidationError."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="unknown_entry")
    return entry


async def _async_status(call: ServiceCall) -> ServiceResponse:
    """Return, per camera, where it comes from, how old its picture is and until when its login holds."""
    await _async_require_admin(call)
    entry_id = call.data.get(ATTR_ENTRY)
    entries: list[CamHubConfigEntry] = (
        [service.async_get_config_entry(call.hass, DOMAIN, entry_id)]
        if entry_id
        else call.hass.config_entries.async_loaded_entries(DOMAIN)
    )
    rows: list[JsonValueType] = [
        _row(call.hass, entry, camera) for entry in entries for camera in entry.runtime_data.data.values()
    ]
    return {"cameras": rows, "usage": await _async_usage(call.hass, entries)}


async def _async_usage(hass: HomeAssistant, entries: Iterable[CamHubConfigEntry]) -> list[JsonValueType]:
    """Return who takes how much over the stream routes."""
    titles = {entry.entry_id: entry.title for entry in entries}
    rows: list[JsonValueType] = []
    for (account, user_id), usage in hass.data[METER].all().items():
        if account in titles:
            user = await hass.auth.async_get_user(user_id)
            rows.append(
                {
                    "account": titles[account],
                    "user_id": user_id,
                    "user": user.name if user else None,
                    "streams": usage.streams,
                    "bytes_today": usage.bytes_today,
                }
            )
    return rows


def _row(hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera) -> JsonObjectType:
    """Return what is known of one camera."""
    coordinator = entry.runtime_data
    return {
        "account": entry.title,
        "provider": entry.data[CONF_PROVIDER],
        "camera": camera.identity.name,
        "entity_id": camera_entity_id(hass, entry, camera.id),
        "online": camera.online if coordinator.last_update_success else False,
        "reason": camera.offline_reason,
        **_picture(coordinator, camera),
        **_token(coordinator),
        **_stream(coordinator, camera),
    }


def _picture(coordinator: CamHubCoordinator, camera: Camera) -> JsonObjectType:
    """Return the age of the newest picture and what went wrong since."""
    key = coordinator.picture_key(camera.id)
    image = coordinator.album.last(key)
    error = coordinator.album.state(key).error
    age = (coordinator.clock.now() - image.taken_at).total_seconds() if image else None
    return {
        "last_snapshot": image.taken_at.isoformat() if image else None,
        "snapshot_age_seconds": round(age) if age is not None else None,
        "last_error": error.reason if error else None,
    }


def _token(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return how the account's login stands."""
    status = coordinator.token_status
    return {
        "token_status": status.state if status else None,
        "token_expires": status.expires_at.isoformat() if status and status.expires_at else None,
    }


def _stream(coordinator: CamHubCoordinator, camera: Camera) -> JsonObjectType:
    """Return how many watch the camera over the relay."""
    relay = coordinator.relays.get(camera.id)
    return {"viewers": relay.viewers if relay else 0}

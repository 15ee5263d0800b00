"""The action that says why a camera shows no picture."""

from typing import Final

from homeassistant.auth.models import User
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .access import may_view
from .checking import Words, async_examine, async_words
from .const import CONF_CREDENTIALS, DOMAIN
from .coordinator import CamHubConfigEntry
from .kernel.checkup import Report

SCHEMA: Final = probatio.Schema({**cv.ENTITY_SERVICE_FIELDS})


@callback
def async_setup_why_dark(hass: HomeAssistant) -> None:
    """Register the action; not an entity action, as a camera of an account that is not loaded has no entity."""
    hass.services.async_register(DOMAIN, "why_dark", _async_why, SCHEMA, supports_response=SupportsResponse.ONLY)


async def _async_why(call: ServiceCall) -> ServiceResponse:
    """Check each camera in turn, so that no account gets two checks at once."""
    hass = call.hass
    user = await hass.auth.async_get_user(call.context.user_id) if call.context.user_id else None
    chosen = async_extract_referenced_entity_ids(hass, TargetSelection(dict(call.data)))
    wanted = sorted(chosen.referenced | chosen.indirectly_referenced)
    cameras = [found for entity_id in wanted if (found := _camera(hass, entity_id)) is not None]
    if not cameras:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_camera_chosen")
    for _, entry, camera_id in cameras:
        if call.context.user_id and (user is None or not may_view(hass, user, entry, camera_id)):
            raise Unauthorized(context=call.context)
    return {entity_id: await _async_answer(hass, entry, camera_id, user) for entity_id, entry, camera_id in cameras}


def _camera(hass: HomeAssistant, entity_id: str) -> tuple[str, CamHubConfigEntry, str] | None:
    """Return the account and camera id of one of our camera entities; None for any other entity."""
    found = er.async_get(hass).async_get(entity_id)
    if found is None or found.platform != DOMAIN or found.domain != CAMERA_DOMAIN:
        return None
    entry = hass.config_entries.async_get_entry(found.config_entry_id or "")
    if entry is None or CONF_CREDENTIALS not in entry.data:
        return None
    prefix = f"{entry.unique_id or entry.entry_id}_"
    return entity_id, entry, found.unique_id.removeprefix(prefix).removesuffix("_camera")


async def _async_answer(
    hass: HomeAssistant, entry: CamHubConfigEntry, camera_id: str, user: User | None
) -> JsonObjectType:
    """Return the result in words; addresses only for administrators and automations."""
    if entry.disabled_by is not None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="entry_disabled")
    report = await async_examine(hass, entry, camera_id)
    words = await async_words(hass, entry, camera_name(entry, camera_id), user)
    answer: JsonObjectType = {
        "verdict": words.verdict(report),
        "next_step": words.step(report),
        "checked_at": report.at.isoformat(),
        "checks": _rows(report, words),
    }
    if user is None or user.is_admin:
        answer["addresses"] = _addresses(entry)
    return answer


def camera_name(entry: CamHubConfigEntry, camera_id: str) -> str:
    """Return the name of a camera, the account's title if that is not loaded."""
    known = entry.runtime_data.data.get(camera_id) if entry.state is ConfigEntryState.LOADED else None
    return known.identity.name if known else entry.title


def _rows(report: Report, words: Words) -> list[JsonValueType]:
    return [
        {
            "check": str(result.check),
            "name": words.name(result),
            "result": str(result.outcome),
            "sentence": words.say(result.sentence, result.words),
            "next_step": words.say(result.step) if result.step else None,
        }
        for result in report.results
    ]


def _addresses(entry: CamHubConfigEntry) -> list[JsonValueType]:
    if entry.state is not ConfigEntryState.LOADED:
        return []
    return [f"{endpoint.host}:{endpoint.port}" for endpoint in entry.runtime_data.provider.endpoints()]

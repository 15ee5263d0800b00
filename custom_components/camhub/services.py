"""Actions on cameras: take a picture, put a recording aside, tell how everything stands."""

from collections.abc import Iterable
from typing import Final

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, service
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .access import camera_entity_id
from .const import CONF_PROVIDER, DOMAIN, NAME_LENGTH
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .credential_actions import ATTR_ENTRY, async_require_admin, async_setup_credential_actions
from .kernel.provider import Camera
from .limits import METER
from .why_dark import async_setup_why_dark

EXPORT_SCHEMA: Final[VolDictType] = {
    probatio.Required("start"): cv.datetime,
    probatio.Required("end"): cv.datetime,
    probatio.Optional("name"): probatio.All(cv.string, probatio.Length(min=1, max=NAME_LENGTH)),
}
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
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        "export_clip",
        entity_domain=CAMERA_DOMAIN,
        func="async_export_clip",
        schema=EXPORT_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    async_setup_credential_actions(hass)
    async_setup_why_dark(hass)
    hass.services.async_register(
        DOMAIN, "status", _async_status, STATUS_SCHEMA, supports_response=SupportsResponse.ONLY
    )


async def _async_status(call: ServiceCall) -> ServiceResponse:
    """Return, per camera, where it comes from, how old its picture is and until when its login holds."""
    await async_require_admin(call)
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
        **_quota(coordinator),
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
    login = coordinator.login
    return {
        "token_status": login.state,
        "token_expires": login.expires_at.isoformat() if login.expires_at else None,
    }


def _quota(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return when the service may be asked again, None if it may be now."""
    at = coordinator.provider.next_call_at()
    return {"next_call_at": at.isoformat() if at else None}


def _stream(coordinator: CamHubCoordinator, camera: Camera) -> JsonObjectType:
    """Return how many watch the camera over the relay."""
    relay = coordinator.relays.get(camera.id)
    return {"viewers": relay.viewers if relay else 0}

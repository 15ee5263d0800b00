"""Actions on cameras: take a picture, export and record clips, report the status."""

from collections.abc import Iterable
from typing import Final

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, service
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.json import JsonValueType
import probatio

from .alerts import async_setup_alerts
from .archive_actions import async_setup_archive_actions
from .const import DOMAIN, NAME_LENGTH
from .coordinator import CamHubConfigEntry
from .credential_actions import ATTR_ENTRY, async_require_admin, async_setup_credential_actions, chosen_entries
from .dashboard import async_setup_dashboard
from .limits import METER
from .recordings import START, STOP
from .status import account_row, camera_row, clip_rows
from .why_dark import async_setup_why_dark

EXPORT_SCHEMA: Final[VolDictType] = {
    probatio.Required("start"): cv.datetime,
    probatio.Required("end"): cv.datetime,
    probatio.Optional("name"): probatio.All(cv.string, probatio.Length(min=1, max=NAME_LENGTH)),
}
RECORD_SCHEMA: Final[VolDictType] = {
    probatio.Optional("action", default=START): probatio.In([START, STOP]),
    probatio.Optional("duration"): probatio.All(probatio.Coerce(float), probatio.Range(min=1, max=3600)),
}
LINK_SCHEMA: Final[VolDictType] = {
    probatio.Optional("event_id"): cv.string,
    probatio.Optional("seconds"): probatio.All(probatio.Coerce(int), probatio.Range(min=10, max=3600)),
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
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        "record",
        entity_domain=CAMERA_DOMAIN,
        func="async_record_clip",
        schema=RECORD_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        "clip_link",
        entity_domain=CAMERA_DOMAIN,
        func="async_clip_link",
        schema=LINK_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    async_setup_credential_actions(hass)
    async_setup_archive_actions(hass)
    async_setup_why_dark(hass)
    async_setup_dashboard(hass)
    async_setup_alerts(hass)
    hass.services.async_register(
        DOMAIN, "status", _async_status, STATUS_SCHEMA, supports_response=SupportsResponse.ONLY
    )


async def _async_status(call: ServiceCall) -> ServiceResponse:
    """Return a row for each account, loaded or not, for each camera, and for each user of streams."""
    await async_require_admin(call)
    entries = chosen_entries(call)
    rows: list[JsonValueType] = [
        camera_row(call.hass, entry, camera) for entry in entries for camera in entry.runtime_data.data.values()
    ]
    every = (
        entries if call.data.get(ATTR_ENTRY) else call.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    )
    return {
        "accounts": [account_row(entry) for entry in every],
        "cameras": rows,
        "clips": [row for entry in entries for row in await clip_rows(entry)],
        "usage": await _async_usage(call.hass, entries),
    }


async def _async_usage(hass: HomeAssistant, entries: Iterable[CamHubConfigEntry]) -> list[JsonValueType]:
    """Return the usage of the stream routes by user."""
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

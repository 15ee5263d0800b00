"""Who may see a camera: one decision for every route, Home Assistant's own included.

Core checks no permission on `camera_proxy`, `camera_proxy_stream`, `camera/stream` and `camera/webrtc/offer`, so the
entities check here themselves. Two context variables of Home Assistant tell whose request or connection it is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.http import KEY_HASS_USER
from homeassistant.components.websocket_api import current_connection
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.http import current_request
from homeassistant.helpers.script import script_stack_cv

from .const import DOMAIN, OPTION_VIEWERS, VIEWER_GROUPS, VIEWER_USERS
from .coordinator import CamHubConfigEntry
from .entity import CamHubEntity

EVENT_REFUSED: Final = f"{DOMAIN}_access_refused"
# Checked in place of a camera that does not exist, so that both refusals take the same code path.
_NOBODYS: Final = f"{CAMERA_DOMAIN}.{DOMAIN}_none"
_NOBODY: Final[Mapping[str, list[str]]] = MappingProxyType({VIEWER_USERS: [], VIEWER_GROUPS: []})


@callback
def camera_entity_id(hass: HomeAssistant, entry: CamHubConfigEntry | None, camera_id: str) -> str | None:
    """Return the entity of a camera, loaded or not; None if there is none (yet)."""
    account = entry and (entry.unique_id or entry.entry_id)
    unique_id = f"{account}_{camera_id}_camera"
    return er.async_get(hass).async_get_entity_id(CAMERA_DOMAIN, DOMAIN, unique_id)


@callback
def may_view(hass: HomeAssistant, user: User, entry: CamHubConfigEntry | None, camera_id: str) -> bool:
    """Return whether a user may see a camera, by Home Assistant's entity permissions and the camera's viewer list.

    A camera that does not exist takes the same steps as one that the user may not see. The viewer list does not apply
    to administrators, who can change it, nor to system-generated users.
    """
    entity_id = camera_entity_id(hass, entry, camera_id)
    if not user.permissions.check_entity(entity_id or _NOBODYS, POLICY_READ):
        return False
    if user.is_admin or user.system_generated:
        return True
    lists = entry.options.get(OPTION_VIEWERS, {}) if entry else {}
    return _is_listed(user, lists.get(camera_id, None if entity_id else _NOBODY))


def _is_listed(user: User, viewers: Mapping[str, list[str]] | None) -> bool:
    """Return whether a viewer list names the user or one of their groups; without a list everyone may view."""
    if viewers is None:
        return True
    return user.id in viewers[VIEWER_USERS] or any(group.id in viewers[VIEWER_GROUPS] for group in user.groups)


@callback
def async_tell_refusal(hass: HomeAssistant, entity_id: str | None, user: User, route: str) -> None:
    """Fire an event about a refusal; `entity_id` is None if there is no such camera."""
    hass.bus.async_fire(EVENT_REFUSED, {"entity_id": entity_id, "user_id": user.id, "route": route})


async def async_require_view(entity: CamHubEntity, route: str) -> None:
    """Raise unless the caller may see the camera: HTTPForbidden for an HTTP request, else HomeAssistantError.

    Automations, scripts and other integrations act for Home Assistant and are never refused.
    """
    if script_stack_cv.get() is not None:
        return
    request = None
    if (connection := current_connection.get()) is not None:
        user: User | None = connection.user
    elif (request := current_request.get()) is not None:
        user = request.get(KEY_HASS_USER)
        if user is None:
            user, request = await _async_app_user(entity.hass, request), None
    else:
        return
    if user is None or may_view(entity.hass, user, entity.coordinator.config_entry, entity.camera_id):
        return
    async_tell_refusal(entity.hass, entity.entity_id, user, route)
    if request is not None:
        raise web.HTTPForbidden
    raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_yours")


async def _async_app_user(hass: HomeAssistant, request: web.Request) -> User | None:
    """Return the user of a companion app, which requests HLS through a webhook that carries no user."""
    webhook_id = request.match_info.get(CONF_WEBHOOK_ID)
    if webhook_id is None:
        return None
    for entry in hass.config_entries.async_entries("mobile_app"):
        if entry.data.get(CONF_WEBHOOK_ID) == webhook_id:
            return await hass.auth.async_get_user(entry.data["user_id"])
    return None

"""The camera picture that a flow shows."""

from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Final

from aiohttp import web
from homeassistant.components.http import KEY_HASS_USER, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, callback

from .coordinator import CamHubCoordinator
from .kernel.checkup import AWAKE_FLOOR
from .kernel.errors import HubError
from .kernel.policy import within

# Seconds for which a flow waits for a picture.
GLANCE: Final = 4.0
PREVIEW_URL: Final = "/api/camhub/preview/{flow_id}"
# A flow that is left open longer loses its picture.
PREVIEW_LIFE: Final = timedelta(minutes=30)


async def async_glance(coordinator: CamHubCoordinator, camera_id: str) -> bytes | None:
    """Return a current picture; the last one if the camera sleeps or does not answer in time."""
    key, camera = coordinator.picture_key(camera_id), coordinator.data.get(camera_id)
    if camera is not None and camera.stills is not None and camera.still_floor <= AWAKE_FLOOR:
        taking = coordinator.album.refresh(key, camera.stills, floor=camera.still_floor)
        # A failure must not prevent changing a setting.
        with suppress(HubError):
            return (await within(coordinator.clock, GLANCE, taking)).content
    picture = await coordinator.album.read(key)
    return picture.content if picture else None


class FlowPreviews(HomeAssistantView):
    """Keeps the pictures of open flows and serves each by a signed path."""

    url = PREVIEW_URL
    name = "api:camhub:preview"

    def __init__(self, hass: HomeAssistant) -> None:
        """Keep none."""
        self._hass = hass
        self._pictures: dict[str, bytes] = {}
        # Each picture has a new URL, so that a browser does not show a cached one.
        self._turns = count(1)

    def __len__(self) -> int:
        """Return how many flows show one."""
        return len(self._pictures)

    @callback
    def async_show(self, flow_id: str, picture: bytes | None) -> str:
        """Replace a flow's picture; return the Markdown that shows it, empty for none."""
        self.async_forget(flow_id)
        if picture is None:
            return ""
        self._pictures[flow_id] = picture
        path = async_sign_path(self._hass, PREVIEW_URL.format(flow_id=flow_id), PREVIEW_LIFE)
        return f"![]({path}#{next(self._turns)})"

    @callback
    def async_forget(self, flow_id: str) -> None:
        """Drop the picture of a closed flow."""
        self._pictures.pop(flow_id, None)

    async def get(self, request: web.Request, flow_id: str) -> web.Response:
        """Return the picture; 404 once the flow is closed. Only administrators open flows."""
        user = request[KEY_HASS_USER]
        # The path of a step that follows a progress step is signed by a system-generated user.
        if not (user.is_admin or user.system_generated):
            raise web.HTTPForbidden
        if (picture := self._pictures.get(flow_id)) is None:
            raise web.HTTPNotFound
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})

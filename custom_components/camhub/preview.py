"""The picture that a sign-in dialog shows of the camera it found."""

from datetime import timedelta
from typing import Final

from aiohttp import web
from homeassistant.components.http import HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant

PREVIEW_URL: Final = "/api/camhub/preview/{flow_id}"
# A dialog left open longer shows no picture any more.
PREVIEW_LIFE: Final = timedelta(minutes=30)


class FlowPreviewView(HomeAssistantView):
    """Serves the picture of an open dialog to the user who opened it (by signed path)."""

    url = PREVIEW_URL
    name = "api:camhub:preview"

    def __init__(self, previews: dict[str, bytes]) -> None:
        """Share the pictures with the dialogs."""
        self._previews = previews

    async def get(self, request: web.Request, flow_id: str) -> web.Response:
        """Return the picture; 404 once the dialog is closed."""
        if (picture := self._previews.get(flow_id)) is None:
            raise web.HTTPNotFound
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def async_preview_markdown(hass: HomeAssistant, flow_id: str, turn: int) -> str:
    """Return the Markdown that shows a dialog's picture; `turn` makes each new picture a new address."""
    path = f"{PREVIEW_URL.format(flow_id=flow_id)}"
    return f"![]({async_sign_path(hass, path, PREVIEW_LIFE)}#{turn})"

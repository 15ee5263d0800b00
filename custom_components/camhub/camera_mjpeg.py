"""A camera with an MJPEG stream, which all viewers share."""

from typing import override

from aiohttp import web
from homeassistant.components.stream import Stream

from .access import async_require_view
from .camera_still import StillCamera
from .record_stream import RecordStream
from .viewers import serve_mjpeg


class MjpegCamera(StillCamera):
    """A camera whose frames all viewers share."""

    @override
    async def async_create_stream(self) -> Stream | None:
        """Return a stream that only `camera.record` can use."""
        await async_require_view(self, "record")
        return RecordStream(self.hass, self.recordings, self.camera_id) if self.camera else None

    @override
    async def handle_async_mjpeg_stream(self, request: web.Request) -> web.StreamResponse | None:
        await async_require_view(self, "mjpeg")
        relay = self.coordinator.relays.of(self.camera) if self.camera else None
        return await serve_mjpeg(request, relay) if relay else None

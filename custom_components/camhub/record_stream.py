"""`camera.record` for cameras whose pictures Home Assistant's own stream cannot play."""

from pathlib import Path
from typing import Final, override

from homeassistant.components.camera.prefs import DynamicStreamSettings
from homeassistant.components.stream import Stream
from homeassistant.components.stream.const import ATTR_SETTINGS, DOMAIN as STREAM_DOMAIN
from homeassistant.components.stream.core import StreamOutput
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .failures import action_errors
from .recordings import Recordings

_LONGEST: Final = 3600


class RecordStream(Stream):
    """A stand-in for Home Assistant's stream that can only be recorded, by CamHub."""

    def __init__(self, hass: HomeAssistant, recordings: Recordings, camera_id: str) -> None:
        """Read nothing yet."""
        settings = hass.data[STREAM_DOMAIN][ATTR_SETTINGS]
        super().__init__(hass, "", {}, settings, DynamicStreamSettings())
        self._recordings = recordings
        self._camera_id = camera_id

    @override
    def add_provider(self, fmt: str, timeout: int | None = None) -> StreamOutput:
        """Refuse playback: browsers get these pictures by MJPEG."""
        words = {"format": fmt}
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="format_unavailable", translation_placeholders=words
        )

    @override
    async def async_record(self, video_path: str, duration: int = 30, lookback: int = 5) -> None:
        """Record into a file as Home Assistant does (mp4, or webm by the file name); return when it is finished."""
        allowed = await self.hass.async_add_executor_job(self.hass.config.is_allowed_path, video_path)
        if not allowed:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="path_not_allowed")
        with action_errors():
            recorder = await self._recordings.async_recorder(self._camera_id)
            await recorder.film(Path(video_path), min(max(1, duration), _LONGEST), max(0, lookback))

"""A camera with stills, and what all camera entities have in common."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, override

from aiohttp import web
from homeassistant.components.camera import Camera as CameraEntity
from homeassistant.core import ServiceResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from .access import async_require_view
from .const import DOMAIN, LOGGER, LONGEST_EXPORT, STILL_PATIENCE
from .coordinator import CamHubCoordinator
from .entity import CamHubEntity
from .failures import action_errors
from .kernel.errors import HubError, Unsupported
from .kernel.model import Image
from .kernel.provider import Camera, ExportedClips
from .recordings import Recordings, entry_recordings
from .scaling import ScaledPictures


class StillCamera(CamHubEntity, CameraEntity):
    """A camera with stills: it returns the last good one at once and fetches a newer one in the background."""

    _attr_name = None
    _attr_translation_key = "camera"
    _unrecorded_attributes = frozenset({"taken_at"})

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start with the last picture from the album, if there is one."""
        super().__init__(coordinator, camera, "camera")
        CameraEntity.__init__(self)
        self._attr_brand = camera.identity.manufacturer
        self._attr_model = camera.identity.model
        self._scaled = ScaledPictures()

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_picture(self.picture_key, self.async_write_ha_state))
        self.async_on_remove(self.recordings.async_on_change(self.camera_id, self._recording_changed))
        self._attr_is_recording = self.recordings.is_recording(self.camera_id)

    @property
    def recordings(self) -> Recordings:
        """Return the recordings of the camera's account."""
        return entry_recordings(self.hass, self.coordinator)

    @callback
    def _recording_changed(self) -> None:
        self._attr_is_recording = self.recordings.is_recording(self.camera_id)
        self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        """A camera with a picture stays: the picture says how old it is, `online` whether the camera is there."""
        return self.camera is not None and (
            self.coordinator.last_update_success or self.coordinator.album.last(self.picture_key) is not None
        )

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        image = self.coordinator.album.last(self.picture_key)
        if image is None:
            return {"taken_at": None, "stale": True, "source": None}
        age = (self.coordinator.clock.now() - image.taken_at).total_seconds()
        limit = 2 * (self.coordinator.update_interval.total_seconds() if self.coordinator.update_interval else 0)
        return {"taken_at": image.taken_at, "stale": age > limit, "source": image.source}

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        await async_require_view(self, "still")
        image = await self._async_picture()
        if image is None or width is None or height is None:
            return image.content if image else None
        return await self._scaled.async_get(self.hass, image, width, height)

    async def _async_picture(self) -> Image | None:
        """Return the picture to show, None if there has never been one."""
        camera, album = self.camera, self.coordinator.album
        if camera is None or camera.stills is None:
            return await album.read(self.picture_key)
        try:
            return await album.get(
                self.picture_key,
                camera.stills,
                max_age=self.coordinator.picture_age,
                floor=camera.still_floor,
                patience=STILL_PATIENCE,
            )
        except HubError as error:
            LOGGER.debug("No picture of %s: %s", self.entity_id, error.reason)
        return None

    @override
    async def handle_async_still_stream(self, request: web.Request, interval: float) -> web.StreamResponse:
        await async_require_view(self, "mjpeg")
        return await super().handle_async_still_stream(request, interval)

    async def async_refresh_snapshot(self) -> None:
        """Take a picture now; raises a translated HomeAssistantError."""
        await async_require_view(self, "refresh_snapshot")
        with action_errors():
            await self.coordinator.async_take(self.camera_id)

    async def async_export_clip(self, start: datetime, end: datetime, name: str | None = None) -> ServiceResponse:
        """Export a period at the camera's recorder; raises a translated HomeAssistantError."""
        await async_require_view(self, "export_clip")
        begin, until = dt_util.as_utc(start), dt_util.as_utc(end)
        if not timedelta() < until - begin <= LONGEST_EXPORT:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="bad_export_time")
        clips = self.camera.clips if self.camera else None
        if not isinstance(clips, ExportedClips):
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="export_unsupported")
        with action_errors():
            return {"export_id": await clips.export(begin, until, name)}

    async def async_record_clip(self, action: str, duration: float | None = None) -> ServiceResponse:
        """Start or stop a manual recording; raises a translated HomeAssistantError."""
        await async_require_view(self, "record")
        with action_errors():
            return await self.recordings.async_by_hand(self.camera_id, action, duration)

    async def async_clip_link(self, event_id: str | None = None, seconds: int = 300) -> ServiceResponse:
        """Return a temporary link to an archived clip of this camera; raises HomeAssistantError."""
        await async_require_view(self, "clip_link")
        archiving = self.coordinator.archiving
        with action_errors():
            if archiving is None:
                raise Unsupported("no archive", reason="archive_none")
            job = await archiving.async_find(self.camera_id, event_id)
            link = await archiving.async_link(job, seconds)
        ends = self.coordinator.clock.now() + timedelta(seconds=seconds)
        return {"clip": job.reference, "event_id": job.event_id, "url": link, "expires": ends.isoformat()}

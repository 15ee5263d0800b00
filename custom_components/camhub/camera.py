"""Cameras: one class per way of watching, RTSP first, then MJPEG, then stills."""

from collections.abc import Iterable, Mapping
from typing import Any, override

from aiohttp import web
from homeassistant.components.camera import Camera as CameraEntity, CameraEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import LOGGER, STILL_PATIENCE
from .coordinator import CamHubConfigEntry, CamHubCoordinator, action_errors
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.errors import HubError
from .kernel.model import Image
from .kernel.provider import Camera
from .scaling import ScaledPictures
from .viewers import serve_mjpeg

# Stills of one camera are fetched once however many ask; Home Assistant need not queue them.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a camera entity for each camera."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[StillCamera]:
    """Choose the class by what the camera can."""
    if camera.rtsp is not None:
        yield RtspCamera(coordinator, camera)
    elif camera.mjpeg is not None:
        yield MjpegCamera(coordinator, camera)
    else:
        yield StillCamera(coordinator, camera)


class StillCamera(CamHubEntity, CameraEntity):
    """A camera that gives pictures: the last good one at once, a newer one behind."""

    _attr_name = None
    _attr_translation_key = "camera"
    _unrecorded_attributes = frozenset({"taken_at"})

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start with whatever picture the album has kept."""
        super().__init__(coordinator, camera, "camera")
        CameraEntity.__init__(self)
        self._attr_brand = camera.identity.manufacturer
        self._attr_model = camera.identity.model
        self._scaled = ScaledPictures()

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_picture(self.picture_key, self.async_write_ha_state))

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
        image = await self._async_picture()
        if image is None or width is None or height is None:
            return image.content if image else None
        return await self._scaled.async_get(self.hass, image, width, height)

    async def _async_picture(self) -> Image | None:
        """Return the picture to show now, None if there has never been one."""
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

    async def async_refresh_snapshot(self) -> None:
        """Take a picture now; raises HomeAssistantError in the user's words."""
        with action_errors():
            await self.coordinator.async_take(self.camera_id)


class MjpegCamera(StillCamera):
    """A camera whose frames all viewers share."""

    @override
    async def handle_async_mjpeg_stream(self, request: web.Request) -> web.StreamResponse | None:
        relay = self.coordinator.relay(self.camera) if self.camera else None
        return await serve_mjpeg(request, relay) if relay else None


class RtspCamera(StillCamera):
    """A camera that players open themselves: HLS and recording by Home Assistant, WebRTC by its go2rtc."""

    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start without asking for an address."""
        super().__init__(coordinator, camera)
        self._added = False

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._added = True

    @override
    async def stream_source(self) -> str | None:
        """Never raises: Home Assistant also asks while the entity is added, when no call may be spent."""
        rtsp = self.camera.rtsp if self.camera else None
        if rtsp is None:
            return None
        if not self._added:
            return rtsp.peek()
        try:
            return (await rtsp.open()).value
        except HubError as error:
            LOGGER.debug("No stream of %s: %s", self.entity_id, error.reason)
            return None

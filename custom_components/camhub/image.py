"""The picture of the last event."""

from collections.abc import Iterable
from datetime import datetime
from typing import override

from homeassistant.components.image import ImageEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .access import async_require_view
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.provider import Camera

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a picture for each camera that reports events."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[LastEventImage]:
    """Only what reports events has a last one."""
    if camera.event_kinds:
        yield LastEventImage(coordinator, camera)


class LastEventImage(CamHubEntity, ImageEntity):
    """What the camera saw when it last told of something; kept across restarts."""

    _attr_translation_key = "last_event"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "last_event")
        ImageEntity.__init__(self, coordinator.hass)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        key = self.coordinator.event_picture_key(self.camera_id)
        self.async_on_remove(self.coordinator.async_on_picture(key, self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """A picture of what happened stays: the state says when that was, `online` whether the camera is there."""
        return super().available or (self.camera is not None and self.image_last_updated is not None)

    @property
    @override
    def image_last_updated(self) -> datetime | None:
        image = self.coordinator.album.last(self.coordinator.event_picture_key(self.camera_id))
        return image.taken_at if image else None

    @override
    async def async_image(self) -> bytes | None:
        await async_require_view(self, "event_picture")
        image = await self.coordinator.album.read(self.coordinator.event_picture_key(self.camera_id))
        return image.content if image else None

"""A button that takes a picture now."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.button import ButtonEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CamHubConfigEntry, CamHubCoordinator, action_errors
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.provider import Camera

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a button for each camera that takes pictures."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[RefreshButton]:
    """Only what takes pictures has the button."""
    if camera.stills is not None:
        yield RefreshButton(coordinator, camera)


class RefreshButton(CamHubEntity, ButtonEntity):
    """Takes a picture when pressed."""

    _attr_translation_key = "refresh_snapshot"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "refresh_snapshot")

    @override
    async def async_press(self) -> None:
        with action_errors():
            await self.coordinator.async_take(self.camera_id)

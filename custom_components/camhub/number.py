"""Values that can be set at a camera."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.number import NumberEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import ControlEntity, async_add_for_cameras
from .failures import action_errors
from .kernel.provider import Camera, Number

# One change at a time: devices take a while to settle.
PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a number for each value that can be set."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CameraNumber]:
    """One per number of the camera."""
    for control in camera.controls:
        if isinstance(control, Number):
            yield CameraNumber(coordinator, camera, control)


class CameraNumber(ControlEntity[Number], NumberEntity):
    """One value of a camera."""

    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera, control: Number) -> None:
        """Take over the value's bounds."""
        super().__init__(coordinator, camera, control)
        self._attr_native_min_value = control.minimum
        self._attr_native_max_value = control.maximum
        self._attr_native_step = control.step

    @property
    @override
    def native_value(self) -> float | None:
        return self.control.value if self.control else None

    @override
    async def async_set_native_value(self, value: float) -> None:
        with action_errors():
            await self.present.put(value)
        await self.coordinator.async_refresh()

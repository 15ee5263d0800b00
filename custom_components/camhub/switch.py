"""Switches of cameras."""

from collections.abc import Iterable
from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import ControlEntity, async_add_for_cameras
from .failures import action_errors
from .kernel.provider import Camera, Switch

# One change at a time: devices take a while to settle.
PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a switch for each thing that is on or off."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CameraSwitch]:
    """One per switch of the camera."""
    for control in camera.controls:
        if isinstance(control, Switch):
            yield CameraSwitch(coordinator, camera, control)


class CameraSwitch(ControlEntity[Switch], SwitchEntity):
    """One switch of a camera."""

    _attr_entity_category = EntityCategory.CONFIG

    @property
    @override
    def is_on(self) -> bool | None:
        return self.control.is_on if self.control else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._turn(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self._turn(on=False)

    async def _turn(self, *, on: bool) -> None:
        """Turn it on or off, then refresh the camera's state."""
        with action_errors():
            await self.present.turn(on)
        await self.coordinator.async_refresh()

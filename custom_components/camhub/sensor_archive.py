"""Sensors of an account's archive: pending and failed clips, and the last one archived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory

from .archiving import Archiving
from .coordinator import CamHubCoordinator
from .entity import AccountEntity
from .kernel.provider import Camera


@dataclass(frozen=True, kw_only=True)
class ArchiveDescription(SensorEntityDescription):
    """A sensor and how to read it from an account's archive."""

    value_fn: Callable[[Archiving], datetime | int | None]


LAST_CLIP: Final = "last_clip"
ARCHIVE: Final = (
    ArchiveDescription(
        key="clips_pending",
        translation_key="clips_pending",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda archiving: archiving.tally.pending,
    ),
    ArchiveDescription(
        key="clips_failed",
        translation_key="clips_failed",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda archiving: archiving.tally.dead,
    ),
    ArchiveDescription(
        key=LAST_CLIP,
        translation_key="last_clip",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda archiving: archiving.last_at,
    ),
)


class ArchiveSensor(AccountEntity, SensorEntity):
    """One figure of an account's archive."""

    entity_description: ArchiveDescription
    _unrecorded_attributes = frozenset({"clip_url"})

    def __init__(self, coordinator: CamHubCoordinator, description: ArchiveDescription, camera: Camera | None) -> None:
        """Prepare."""
        super().__init__(coordinator, description.key, camera)
        self.entity_description = description

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        if self.coordinator.archiving is not None:
            self.async_on_remove(self.coordinator.archiving.async_on_change(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> datetime | int | None:
        archiving = self.coordinator.archiving
        return self.entity_description.value_fn(archiving) if archiving else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, str | None] | None:
        archiving = self.coordinator.archiving
        return archiving.last_told if archiving and self.entity_description.key == LAST_CLIP else None

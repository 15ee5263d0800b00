"""What cameras saw, as events."""

from collections.abc import Iterable
from typing import Final, override

from homeassistant.components.event import DoorbellEventType, EventDeviceClass, EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.model import CameraEvent, EventKind, EventPhase
from .kernel.provider import Camera

PARALLEL_UPDATES = 0

# An event is told when it begins; its end is for binary sensors.
BEGINNINGS: Final = (EventPhase.START, EventPhase.PULSE)


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add event entities for the cameras that report events."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CameraEventEntity]:
    """One entity for a doorbell, one for all else."""
    if EventKind.DOORBELL in camera.event_kinds:
        yield DoorbellEvent(coordinator, camera)
    if camera.event_kinds - {EventKind.DOORBELL}:
        yield ActivityEvent(coordinator, camera)


class CameraEventEntity(CamHubEntity, EventEntity):
    """Tells the events of one camera that are its kind."""

    _unrecorded_attributes = frozenset({"metadata"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_subscribe(self.camera_id, self._seen))

    def _type_of(self, event: CameraEvent) -> str | None:
        """Return the event's type here, None if it is not for this entity."""
        raise NotImplementedError

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Tell an event that begins."""
        event_type = self._type_of(event)
        if event_type is None or event.phase not in BEGINNINGS:
            return
        self._trigger_event(
            event_type,
            {
                "event_id": event.id,
                "at": event.at.isoformat(),
                "zones": list(event.zones),
                "score": event.score,
                "metadata": dict(event.metadata),
            },
        )
        self.async_write_ha_state()


class ActivityEvent(CameraEventEntity):
    """Motion and everything like it."""

    _attr_translation_key = "activity"
    _attr_device_class = EventDeviceClass.MOTION

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """List what this camera may report."""
        super().__init__(coordinator, camera, "activity")
        self._attr_event_types = sorted(camera.event_kinds - {EventKind.DOORBELL})

    @override
    def _type_of(self, event: CameraEvent) -> str | None:
        return event.kind if event.kind in self.event_types else None


class DoorbellEvent(CameraEventEntity):
    """Somebody rings."""

    _attr_translation_key = "doorbell"
    _attr_device_class = EventDeviceClass.DOORBELL

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Know one type: a doorbell rings."""
        super().__init__(coordinator, camera, "doorbell")
        self._attr_event_types = [DoorbellEventType.RING]

    @override
    def _type_of(self, event: CameraEvent) -> str | None:
        return DoorbellEventType.RING if event.kind is EventKind.DOORBELL else None

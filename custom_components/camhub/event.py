"""Event entities of cameras."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, override

from homeassistant.components.event import DoorbellEventType, EventDeviceClass, EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .access import camera_entity_id
from .const import EVENT_SEEN
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.model import CameraEvent, EventKind, EventPhase, Recognised
from .kernel.provider import Camera

PARALLEL_UPDATES = 0

# An event fires once, when it begins: a state trigger would take new attributes for another event. Recognitions that
# come later have an entity of their own; ends are for binary sensors.
BEGINNINGS: Final = (EventPhase.START, EventPhase.PULSE)


# How many recognised names are remembered, so that each fires once per event.
NAMES_KEPT: Final = 200


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add event entities for the cameras that report events."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CameraEventEntity]:
    """Yield an entity for the doorbell, one for all other events, and one for recognitions."""
    if EventKind.DOORBELL in camera.event_kinds:
        yield DoorbellEvent(coordinator, camera)
    if camera.event_kinds - {EventKind.DOORBELL}:
        yield ActivityEvent(coordinator, camera)
    if camera.recognised:
        yield RecognitionEvent(coordinator, camera)


class CameraEventEntity(CamHubEntity, EventEntity):
    """Fires the events of one camera that belong to this entity."""

    _unrecorded_attributes = frozenset({"metadata"})

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.events.async_subscribe(self.camera_id, self._seen))

    @property
    @override
    def available(self) -> bool:
        # While events arrive, none must be lost just because the last poll of the account failed.
        return super().available or (self.camera is not None and self.coordinator.pump.connected)

    def _type_of(self, event: CameraEvent) -> str | None:
        """Return the event's type here, None if it is not for this entity."""
        raise NotImplementedError

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Fire an event that begins."""
        event_type = self._type_of(event)
        if event_type is None or event.phase not in BEGINNINGS:
            return
        self._trigger_event(event_type, _told(event))
        self.async_write_ha_state()
        self._tell(event)

    def _tell(self, event: CameraEvent, who: str | None = None) -> None:
        """Fire a bus event, which the logbook describes."""
        facts = {
            "entity_id": camera_entity_id(self.hass, self.coordinator.config_entry, self.camera_id),
            "event_id": event.id,
            "kind": event.kind.value,
            "zones": list(event.zones),
            "who": who,
        }
        self.hass.bus.async_fire(EVENT_SEEN, facts)


def _told(event: CameraEvent) -> dict[str, Any]:
    """Return an event as attributes."""
    return {
        "event_id": event.id,
        "at": event.at.isoformat(),
        "zones": list(event.zones),
        "score": event.score,
        "metadata": dict(event.metadata),
    }


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
    """The doorbell was rung."""

    _attr_translation_key = "doorbell"
    _attr_device_class = EventDeviceClass.DOORBELL

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Declare its only type."""
        super().__init__(coordinator, camera, "doorbell")
        self._attr_event_types = [DoorbellEventType.RING]

    @override
    def _type_of(self, event: CameraEvent) -> str | None:
        return DoorbellEventType.RING if event.kind is EventKind.DOORBELL else None


class RecognitionEvent(CameraEventEntity):
    """Somebody or something was recognised: fired once per sighting and name, at its beginning or later."""

    _attr_translation_key = "recognition"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """List what this camera can recognise."""
        super().__init__(coordinator, camera, "recognition")
        self._attr_event_types = sorted(camera.recognised)
        self._known: OrderedDict[tuple[str, Recognised, str], None] = OrderedDict()

    @callback
    @override
    def _seen(self, event: CameraEvent) -> None:
        """Fire each new name, but not for objects that were present before."""
        for what in Recognised:
            name = event.metadata.get(what)
            # An object that rests and moves again is another event of the same object.
            thing = str(event.metadata.get("event_id", event.id))
            if what not in self.event_types or not isinstance(name, str) or not self._is_new((thing, what, name)):
                continue
            if event.phase is not EventPhase.PRESENT:
                self._trigger_event(what, {"name": name, "kind": event.kind, **_told(event)})
                self.async_write_ha_state()
                self._tell(event, name)

    def _is_new(self, mark: tuple[str, Recognised, str]) -> bool:
        """Return whether a name is seen for the first time, and remember it."""
        new = mark not in self._known
        self._known[mark] = None
        if len(self._known) > NAMES_KEPT:
            self._known.popitem(last=False)
        return new

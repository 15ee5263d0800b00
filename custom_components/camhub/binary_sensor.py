"""Whether a camera is online, whether something moves in front of it, and what is there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.model import CameraEvent, EventKind, EventPhase, Recognised
from .kernel.provider import Camera

PARALLEL_UPDATES = 0

MOTION_KINDS: Final = frozenset(
    {
        EventKind.MOTION,
        EventKind.PERSON,
        EventKind.VEHICLE,
        EventKind.ANIMAL,
        EventKind.LINE_CROSSING,
        EventKind.INTRUSION,
        EventKind.REGION_ENTRANCE,
        EventKind.REGION_EXIT,
    }
)
# Seconds for which an event without an end keeps the sensor on.
PULSE_HOLD: Final = 10.0
# Seconds of silence on a connected event line after which nothing is there: what is there is reported at once.
SILENCE: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class PresenceDescription(BinarySensorEntityDescription):
    """A presence sensor and the kind of event that it follows."""

    kind: EventKind


# A camera may report every kind, and few users want all of them: only the usual two are enabled by default.
PRESENCE: Final = (
    PresenceDescription(
        key="person_detected",
        translation_key="person_detected",
        device_class=BinarySensorDeviceClass.OCCUPANCY,
        kind=EventKind.PERSON,
    ),
    PresenceDescription(
        key="vehicle_detected",
        translation_key="vehicle_detected",
        device_class=BinarySensorDeviceClass.OCCUPANCY,
        kind=EventKind.VEHICLE,
    ),
    PresenceDescription(
        key="animal_detected",
        translation_key="animal_detected",
        device_class=BinarySensorDeviceClass.OCCUPANCY,
        entity_registry_enabled_default=False,
        kind=EventKind.ANIMAL,
    ),
    PresenceDescription(
        key="package_detected",
        translation_key="package_detected",
        device_class=BinarySensorDeviceClass.OCCUPANCY,
        entity_registry_enabled_default=False,
        kind=EventKind.PACKAGE,
    ),
    PresenceDescription(
        key="face_detected",
        translation_key="face_detected",
        device_class=BinarySensorDeviceClass.OCCUPANCY,
        entity_registry_enabled_default=False,
        kind=EventKind.FACE,
    ),
    PresenceDescription(
        key="sound_detected",
        translation_key="sound_detected",
        device_class=BinarySensorDeviceClass.SOUND,
        entity_registry_enabled_default=False,
        kind=EventKind.SOUND,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of each camera."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CamHubEntity]:
    """Every camera has a connectivity sensor; motion and presence need events, presence their ends as well."""
    yield OnlineSensor(coordinator, camera)
    if camera.event_kinds & MOTION_KINDS:
        yield MotionSensor(coordinator, camera)
    for description in PRESENCE:
        if description.kind in camera.lasting:
            yield PresenceSensor(coordinator, camera, description)


class OnlineSensor(CamHubEntity, BinarySensorEntity):
    """On while the camera is reachable; the `reason` attribute says why it is not."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "online"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "online")

    @property
    @override
    def available(self) -> bool:
        """Stay available while the account is unreachable: its cameras are offline then."""
        return self.camera is not None

    @property
    @override
    def is_on(self) -> bool | None:
        if self.camera is None or not self.coordinator.last_update_success:
            return False
        return self.camera.online

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        return {"reason": self.camera.offline_reason if self.camera else None}


class MotionSensor(CamHubEntity, BinarySensorEntity):
    """On while motion is being reported."""

    _attr_device_class = BinarySensorDeviceClass.MOTION
    _attr_is_on = False

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start without motion."""
        super().__init__(coordinator, camera, "motion")
        self._going_on: set[str] = set()
        self._cancel_hold: Callable[[], None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.events.async_subscribe(self.camera_id, self._seen))
        self.async_on_remove(self._release)

    @property
    @override
    def available(self) -> bool:
        return super().available and self.coordinator.reports_motion(self.camera_id)

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Follow events from start to end; one without an end is held for a while."""
        if event.kind not in MOTION_KINDS:
            return
        if event.phase is EventPhase.START:
            self._going_on.add(event.id)
        elif event.phase is EventPhase.END:
            self._going_on.discard(event.id)
        elif event.phase is EventPhase.PULSE:
            self._release()
            self._cancel_hold = async_call_later(self.hass, PULSE_HOLD, self._hold_over)
        self._show()

    @callback
    def _hold_over(self, _now: object) -> None:
        """End the hold of an event without an end."""
        self._cancel_hold = None
        self._show()

    def _release(self) -> None:
        """Cancel the hold."""
        if self._cancel_hold is not None:
            self._cancel_hold()
            self._cancel_hold = None

    def _show(self) -> None:
        """Write the state."""
        self._attr_is_on = bool(self._going_on) or self._cancel_hold is not None
        self.async_write_ha_state()


class PresenceSensor(CamHubEntity, BinarySensorEntity):
    """On while at least one object of a kind is present, moving or not; unknown until that is certain.

    Events that were going on when the line dropped are kept: once it is back the provider reports which have ended.
    """

    _unrecorded_attributes = frozenset({"labels", "names", "zones"})
    entity_description: PresenceDescription

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera, description: PresenceDescription) -> None:
        """Start with nothing known."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description
        self._there: dict[str, CameraEvent] = {}
        self._known = False
        self._cancel_silence: Callable[[], None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.events.async_subscribe(self.camera_id, self._seen))
        self.async_on_remove(self._listen_no_more)
        self._listen()

    @property
    @override
    def available(self) -> bool:
        return super().available and self.coordinator.pump.connected

    @property
    @override
    def is_on(self) -> bool | None:
        return bool(self._there) if self._known else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        there = self._there.values()
        names = {name for event in there for key in Recognised if isinstance(name := event.metadata.get(key), str)}
        labels = {label for event in there if isinstance(label := event.metadata.get("label"), str)}
        zones = {zone for event in there for zone in event.zones}
        return {"count": len(there), "labels": sorted(labels), "names": sorted(names), "zones": sorted(zones)}

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._listen()
        super()._handle_coordinator_update()

    def _listen(self) -> None:
        """Start the silence timer while the event line is connected, and stop it while it is not."""
        if not self.coordinator.pump.connected:
            self._listen_no_more()
        elif not self._known and self._cancel_silence is None:
            self._cancel_silence = async_call_later(self.hass, SILENCE, self._all_silent)

    def _listen_no_more(self) -> None:
        if self._cancel_silence is not None:
            self._cancel_silence()
            self._cancel_silence = None

    @callback
    def _all_silent(self, _now: object) -> None:
        """Conclude from silence that nothing is there."""
        self._cancel_silence = None
        self._known = True
        self.async_write_ha_state()

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Follow what is present; the end of something unknown says nothing about the rest."""
        if event.kind is not self.entity_description.kind:
            return
        if event.phase in {EventPhase.START, EventPhase.PRESENT}:
            self._there[event.id] = event
            self._known = True
            self._listen_no_more()
        elif event.id not in self._there:
            return
        elif event.phase is EventPhase.UPDATE:
            self._there[event.id] = event
        elif event.phase is EventPhase.END:
            del self._there[event.id]
        self.async_write_ha_state()

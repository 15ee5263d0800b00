"""Whether a camera is online, and whether something moves in front of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import CamHubEntity, async_add_for_cameras
from .kernel.model import CameraEvent, EventKind, EventPhase
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
# Seconds that an event without an end of its own keeps the sensor on.
PULSE_HOLD: Final = 10.0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of each camera."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CamHubEntity]:
    """Every camera is online or not; motion only where it is reported."""
    yield OnlineSensor(coordinator, camera)
    if camera.event_kinds & MOTION_KINDS:
        yield MotionSensor(coordinator, camera)


class OnlineSensor(CamHubEntity, BinarySensorEntity):
    """On while the camera answers; the reason says why it does not."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "online"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "online")

    @property
    @override
    def available(self) -> bool:
        """An account that cannot be reached is an answer too: its cameras are not online."""
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
    """On while anything that moves is being reported."""

    _attr_device_class = BinarySensorDeviceClass.MOTION
    _attr_is_on = False

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start with nothing moving."""
        super().__init__(coordinator, camera, "motion")
        self._going_on: set[str] = set()
        self._cancel_hold: Callable[[], None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_subscribe(self.camera_id, self._seen))
        self.async_on_remove(self._release)

    @property
    @override
    def available(self) -> bool:
        return super().available and self.coordinator.pump.connected

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
        """Let go of an event without an end."""
        self._cancel_hold = None
        self._show()

    def _release(self) -> None:
        """Stop holding."""
        if self._cancel_hold is not None:
            self._cancel_hold()
            self._cancel_hold = None

    def _show(self) -> None:
        """Write the state."""
        self._attr_is_on = bool(self._going_on) or self._cancel_hold is not None
        self.async_write_ha_state()

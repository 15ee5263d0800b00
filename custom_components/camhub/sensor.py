"""Times and measures: the last picture, the credentials' end, the health of a camera and of what stands before it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .archiving import Archiving
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import AccountEntity, CamHubEntity, async_add_for_account, async_add_for_cameras
from .kernel.model import CameraEvent, CredentialState, EventPhase, Recognised
from .kernel.provider import Camera, Health

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class HealthDescription(SensorEntityDescription):
    """A sensor and how to read it from a camera's health."""

    value_fn: Callable[[Health], float | int | None]


HEALTH: Final = (
    HealthDescription(
        key="battery",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda health: health.battery,
    ),
    HealthDescription(
        key="battery_2",
        translation_key="battery_2",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda health: health.battery_2,
    ),
    HealthDescription(
        key="wifi",
        translation_key="wifi",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda health: health.wifi_dbm,
    ),
    HealthDescription(
        key="fps",
        translation_key="fps",
        native_unit_of_measurement="fps",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        value_fn=lambda health: health.fps,
    ),
    HealthDescription(
        key="cpu",
        translation_key="cpu",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        value_fn=lambda health: health.cpu_percent,
    ),
    HealthDescription(
        key="inference",
        translation_key="inference",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        value_fn=lambda health: health.inference_ms,
    ),
    HealthDescription(
        key="disk_free",
        translation_key="disk_free",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=0,
        value_fn=lambda health: health.disk_free_percent,
    ),
    HealthDescription(
        key="disk_used",
        translation_key="disk_used",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=0,
        value_fn=lambda health: health.disk_used_gib,
    ),
    HealthDescription(
        key="disk_space",
        translation_key="disk_space",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=0,
        value_fn=lambda health: health.disk_free_gib,
    ),
)


@dataclass(frozen=True, kw_only=True)
class ArchiveDescription(SensorEntityDescription):
    """A sensor and how to read it from an account's archive."""

    value_fn: Callable[[Archiving], datetime | int | None]


def _told(key: str, value_fn: Callable[[Archiving], datetime | int | None]) -> ArchiveDescription:
    counted = key != LAST_CLIP
    return ArchiveDescription(
        key=key,
        translation_key=key,
        device_class=None if counted else SensorDeviceClass.TIMESTAMP,
        state_class=SensorStateClass.MEASUREMENT if counted else None,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=value_fn,
    )


LAST_CLIP: Final = "last_clip"
ARCHIVE: Final = (
    _told("clips_pending", lambda archiving: archiving.tally.pending),
    _told("clips_failed", lambda archiving: archiving.tally.dead),
    _told(LAST_CLIP, lambda archiving: archiving.last_at),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the account and of each camera."""
    coordinator = entry.runtime_data
    if coordinator.hub_id is not None:
        async_add_entities((*_login_entities(coordinator), *_archive_entities(coordinator)))
    async_add_for_cameras(entry, async_add_entities, _entities)
    async_add_for_account(entry, async_add_entities, _account_entities)


def _login_entities(coordinator: CamHubCoordinator, camera: Camera | None = None) -> Iterable[AccountEntity]:
    yield CredentialStatusSensor(coordinator, "credential_status", camera)
    if coordinator.token_status is not None:
        yield CredentialExpirySensor(coordinator, "credential_expiry", camera)


def _archive_entities(coordinator: CamHubCoordinator, camera: Camera | None = None) -> Iterable[ArchiveSensor]:
    if coordinator.archiving is not None:
        yield from (ArchiveSensor(coordinator, description, camera) for description in ARCHIVE)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[CamHubEntity | AccountEntity]:
    """Only what the camera reports becomes a sensor."""
    if camera.stills is not None:
        yield LastSnapshotSensor(coordinator, camera)
    if camera.identity.firmware is not None:
        yield FirmwareSensor(coordinator, camera)
    if Recognised.WHO in camera.recognised:
        yield LastVisitorSensor(coordinator, camera)
    if coordinator.hub_id is None:
        yield from _login_entities(coordinator, camera)
        yield from _archive_entities(coordinator, camera)
    for description in HEALTH:
        if camera.health is not None and description.value_fn(camera.health) is not None:
            yield HealthSensor(coordinator, camera, description)


def _account_entities(coordinator: CamHubCoordinator) -> Iterable[AccountHealthSensor]:
    """Only what is reported becomes a sensor."""
    for description in HEALTH:
        if (health := coordinator.provider.health()) is not None and description.value_fn(health) is not None:
            yield AccountHealthSensor(coordinator, description)


class LastSnapshotSensor(CamHubEntity, SensorEntity):
    """When the newest picture was taken."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "last_snapshot"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "last_snapshot")

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_picture(self.picture_key, self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        return self.camera is not None

    @property
    @override
    def native_value(self) -> datetime | None:
        image = self.coordinator.album.last(self.picture_key)
        return image.taken_at if image else None


class FirmwareSensor(CamHubEntity, SensorEntity):
    """What the camera runs; its change is worth an automation."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "firmware"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "firmware")

    @property
    @override
    def native_value(self) -> str | None:
        return self.camera.identity.firmware if self.camera else None


class CredentialExpirySensor(AccountEntity, SensorEntity):
    """When the account's login ends, if it is not renewed."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "credential_expiry"

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.coordinator.login.expires_at


class CredentialStatusSensor(AccountEntity, SensorEntity):
    """How the account's login stands."""

    entity_description = SensorEntityDescription(
        key="credential_status",
        translation_key="credential_status",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=list(CredentialState),
    )

    @property
    @override
    def native_value(self) -> str:
        return self.coordinator.login.state

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str | None]:
        login = self.coordinator.login
        ends = login.expires_at.isoformat() if login.expires_at else None
        return {"account": self.coordinator.config_entry.title, "expires": ends, "reason": login.reason}


class ArchiveSensor(AccountEntity, SensorEntity):
    """How an account's archive does."""

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


class HealthSensor(CamHubEntity, SensorEntity):
    """One measure of a camera's health."""

    entity_description: HealthDescription

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera, description: HealthDescription) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description

    @property
    @override
    def native_value(self) -> float | int | None:
        health = self.camera.health if self.camera else None
        return self.entity_description.value_fn(health) if health else None


class AccountHealthSensor(AccountEntity, SensorEntity):
    """One measure of the device before the cameras; there is one of it, so none is off at first."""

    entity_description: HealthDescription

    def __init__(self, coordinator: CamHubCoordinator, description: HealthDescription) -> None:
        """Prepare."""
        super().__init__(coordinator, description.key)
        self.entity_description = replace(description, entity_registry_enabled_default=True)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_account(self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        return self.coordinator.last_update_success

    @property
    @override
    def native_value(self) -> float | int | None:
        health = self.coordinator.provider.health()
        return self.entity_description.value_fn(health) if health else None


class LastVisitorSensor(CamHubEntity, RestoreSensor):
    """Who was recognised last, whoever knew it: the camera's own server, or the face service of the settings."""

    _attr_translation_key = "last_visitor"
    _unrecorded_attributes = frozenset({"pictures_today", "pictures_a_day", "last_error"})

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Know nobody yet."""
        super().__init__(coordinator, camera, "last_visitor")
        self._at: str | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        if (kept := await self.async_get_last_sensor_data()) is not None:
            self._attr_native_value = kept.native_value
        if (state := await self.async_get_last_state()) is not None:
            self._at = state.attributes.get("at")
        self.async_on_remove(self.coordinator.async_subscribe(self.camera_id, self._seen))

    @property
    @override
    def available(self) -> bool:
        return self.camera is not None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        return {"at": self._at, **self.coordinator.visitor_facts()}

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Show who it is; an end or an old sight says nothing new."""
        name, at = event.metadata.get(Recognised.WHO), event.at.isoformat()
        if (
            isinstance(name, str)
            and event.phase is not EventPhase.PRESENT
            and (name, at) != (self.native_value, self._at)
        ):
            self._attr_native_value, self._at = name, at
            self.async_write_ha_state()

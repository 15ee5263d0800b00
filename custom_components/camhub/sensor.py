"""Sensors: last picture, last visitor, firmware, login; those of the archive and of health are added here too."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import RestoreSensor, SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import AccountEntity, CamHubEntity, async_add_for_account, async_add_for_cameras
from .kernel.model import CameraEvent, CredentialState, EventPhase, Recognised
from .kernel.provider import Camera
from .sensor_archive import ARCHIVE, ArchiveSensor
from .sensor_health import HEALTH, AccountHealthSensor, HealthSensor

PARALLEL_UPDATES = 0


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
    """Yield the sensors of what the camera reports."""
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
    """Yield the sensors of what the account's own device reports."""
    for description in HEALTH:
        if (health := coordinator.provider.health()) is not None and description.value_fn(health) is not None:
            yield AccountHealthSensor(coordinator, description)


class LastSnapshotSensor(CamHubEntity, SensorEntity):
    """When the newest picture was taken; disabled by default, as it would fill the logbook."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
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
    """The camera's firmware version."""

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
    """When the account's login expires unless it is renewed."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "credential_expiry"

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.coordinator.login.expires_at


class CredentialStatusSensor(AccountEntity, SensorEntity):
    """The state of the account's login."""

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


class LastVisitorSensor(CamHubEntity, RestoreSensor):
    """Who was recognised last, by the camera's own server or by the configured face service."""

    _attr_translation_key = "last_visitor"
    _unrecorded_attributes = frozenset({"pictures_today", "pictures_a_day", "last_error"})

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start without a visitor."""
        super().__init__(coordinator, camera, "last_visitor")
        self._at: str | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        if (kept := await self.async_get_last_sensor_data()) is not None:
            self._attr_native_value = kept.native_value
        if (state := await self.async_get_last_state()) is not None:
            self._at = state.attributes.get("at")
        self.async_on_remove(self.coordinator.events.async_subscribe(self.camera_id, self._seen))

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
        """Show who was recognised, ignoring repetitions and those present before."""
        name, at = event.metadata.get(Recognised.WHO), event.at.isoformat()
        if (
            isinstance(name, str)
            and event.phase is not EventPhase.PRESENT
            and (name, at) != (self.native_value, self._at)
        ):
            self._attr_native_value, self._at = name, at
            self.async_write_ha_state()

"""Health sensors of a camera, and of the recorder or server it is connected to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import (
    PERCENTAGE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfInformation,
    UnitOfTime,
)

from .coordinator import CamHubCoordinator
from .entity import AccountEntity, CamHubEntity
from .kernel.provider import Camera, Health


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


class HealthSensor(CamHubEntity, SensorEntity):
    """One health value of a camera."""

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
    """One health value of the account's own device; as there is only one device, all are enabled by default."""

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

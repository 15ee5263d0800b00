"""The base classes of all entities, and how entities are added."""

from collections.abc import Callable, Iterable, Mapping
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import Unsupported
from .kernel.model import DeviceIdentity
from .kernel.provider import Camera, Number, Press, Switch


class CamHubEntity(CoordinatorEntity[CamHubCoordinator]):
    """One aspect of one camera."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera, key: str) -> None:
        """Identify the entity by the camera's device and its own key."""
        super().__init__(coordinator)
        self.camera_id = camera.id
        _, identifier = coordinator.device_identifier(camera.id)
        self._attr_unique_id = f"{identifier}_{key}"
        self._attr_device_info = _device_info(coordinator, camera)

    @property
    def camera(self) -> Camera | None:
        """Return the current camera, None once the account no longer lists it."""
        data: Mapping[str, Camera] | None = self.coordinator.data
        return data.get(self.camera_id) if data else None

    @property
    def picture_key(self) -> str:
        """Return the name of the camera's picture in the album."""
        return self.coordinator.picture_key(self.camera_id)

    @property
    @override
    def available(self) -> bool:
        return super().available and self.camera is not None


class AccountEntity(CoordinatorEntity[CamHubCoordinator]):
    """One aspect of an account as a whole; available even while the account is unreachable."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: CamHubCoordinator, key: str, camera: Camera | None = None) -> None:
        """Attach to the account's own device, or to a camera if there is none."""
        super().__init__(coordinator)
        identifier = coordinator.device_identifier(camera.id) if camera else coordinator.account_identifier
        self._attr_unique_id = f"{identifier[1]}_{key}"
        self._attr_device_info = DeviceInfo(identifiers={identifier})

    @property
    @override
    def available(self) -> bool:
        return True


class ControlEntity[T: (Switch, Number, Press)](CamHubEntity):
    """One control of a camera."""

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera, control: T) -> None:
        """Name the entity after the control."""
        super().__init__(coordinator, camera, control.key)
        self._attr_translation_key = control.kind or control.key
        if control.name is not None:
            self._attr_translation_placeholders = {"name": control.name}
        self._kind: type[T] = type(control)
        self._key = control.key

    @property
    def control(self) -> T | None:
        """Return the current control, None while the camera does not offer it."""
        for control in self.camera.controls if self.camera else ():
            if isinstance(control, self._kind) and control.key == self._key:
                return control
        return None

    @property
    def present(self) -> T:
        """Return the control; raises Unsupported while the camera does not offer it."""
        if (control := self.control) is None:
            raise Unsupported(f"no control {self._key}")
        return control

    @property
    @override
    def available(self) -> bool:
        return super().available and self.control is not None


def configuration_url(identity: DeviceIdentity) -> str | None:
    """Return the URL of the device's own page, None if its address is not a web address."""
    address = identity.address or ""
    return address if address.startswith(("http://", "https://")) else None


def _device_info(coordinator: CamHubCoordinator, camera: Camera) -> DeviceInfo:
    """Return the device info of a camera, linked to its recorder if there is one."""
    identity = camera.identity
    info = DeviceInfo(
        identifiers={coordinator.device_identifier(camera.id)},
        name=identity.name,
        manufacturer=identity.manufacturer,
        model=identity.model,
        sw_version=identity.firmware,
        serial_number=identity.serial,
    )
    # An area with the camera's own name would repeat it in every entity name.
    if identity.area and identity.area.casefold() != identity.name.casefold():
        info["suggested_area"] = identity.area
    if identity.mac:
        info["connections"] = {(dr.CONNECTION_NETWORK_MAC, identity.mac)}
    if url := configuration_url(identity):
        info["configuration_url"] = url
    if coordinator.hub_id:
        info["via_device_id"] = coordinator.hub_id
    return info


def async_add_for_cameras(
    entry: CamHubConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[CamHubCoordinator, Camera], Iterable[Entity]],
) -> None:
    """Add the entities of every camera, now and whenever one appears or gains an ability."""
    coordinator = entry.runtime_data
    known: dict[str, set[str | None]] = {}
    seen: Mapping[str, Camera] | None = None

    @callback
    def add_new() -> None:
        nonlocal seen
        if coordinator.data is seen:
            return
        seen = coordinator.data
        # The entities of a removed camera are gone; a camera that stays keeps those without a current value.
        for camera_id in known.keys() - seen.keys():
            del known[camera_id]
        added: list[Entity] = []
        for camera in seen.values():
            had = known.setdefault(camera.id, set())
            fresh = [entity for entity in make(coordinator, camera) if entity.unique_id not in had]
            had.update(entity.unique_id for entity in fresh)
            added += fresh
        if added:
            async_add_entities(added)

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))


def async_add_for_account(
    entry: CamHubConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[CamHubCoordinator], Iterable[AccountEntity]],
) -> None:
    """Add the entities of the account's own device, if there is one, now and whenever it reports something new."""
    coordinator = entry.runtime_data
    known: set[str | None] = set()

    @callback
    def add_new() -> None:
        if coordinator.hub_id is None:
            return
        fresh = [entity for entity in make(coordinator) if entity.unique_id not in known]
        known.update(entity.unique_id for entity in fresh)
        if fresh:
            async_add_entities(fresh)

    add_new()
    entry.async_on_unload(coordinator.async_on_account(add_new))

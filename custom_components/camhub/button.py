"""Buttons: take a picture, check why a camera is offline, test the archive, and the camera's own actions."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.button import ButtonEntity
from homeassistant.components.persistent_notification import async_create
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .checking import async_examine, async_words
from .const import DOMAIN
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .entity import AccountEntity, CamHubEntity, ControlEntity, async_add_for_cameras
from .failures import action_errors
from .kernel.provider import Camera, Press

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of each camera."""
    if entry.runtime_data.hub_id is not None:
        async_add_entities(_archive_entities(entry.runtime_data))
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[ButtonEntity]:
    """Yield the checks, the refresh button of cameras with stills, and one button per press control."""
    yield CheckButton(coordinator, camera)
    if coordinator.hub_id is None:
        yield from _archive_entities(coordinator, camera)
    if camera.stills is not None:
        yield RefreshButton(coordinator, camera)
    for control in camera.controls:
        if isinstance(control, Press):
            yield CameraButton(coordinator, camera, control)


def _archive_entities(coordinator: CamHubCoordinator, camera: Camera | None = None) -> Iterable[ButtonEntity]:
    """Yield the archive test if there is an archive."""
    if coordinator.archiving is not None:
        yield ArchiveTestButton(coordinator, "test_archive", camera)


class ArchiveTestButton(AccountEntity, ButtonEntity):
    """Writes a small file to the archive, checks it and deletes it."""

    _attr_translation_key = "test_archive"
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    @override
    async def async_press(self) -> None:
        if (archiving := self.coordinator.archiving) is not None:
            with action_errors():
                await archiving.archive.check()


class RefreshButton(CamHubEntity, ButtonEntity):
    """Takes a picture when pressed."""

    _attr_translation_key = "refresh_snapshot"

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "refresh_snapshot")

    @override
    async def async_press(self) -> None:
        with action_errors():
            await self.coordinator.async_take(self.camera_id)


class CheckButton(CamHubEntity, ButtonEntity):
    """Runs the checks of a camera and shows the result in a notification."""

    _attr_translation_key = "check"
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Prepare."""
        super().__init__(coordinator, camera, "check")

    @property
    @override
    def available(self) -> bool:
        """Always available: unreachable cameras are what it is for."""
        return True

    @override
    async def async_press(self) -> None:
        entry, camera = self.coordinator.config_entry, self.camera
        report = await async_examine(self.hass, entry, self.camera_id)
        words = await async_words(self.hass, entry, camera.identity.name if camera else entry.title)
        said = f"**{words.verdict(report)}**\n\n{words.step(report)}\n\n{words.lines(report)}"
        async_create(self.hass, said, title=words.camera, notification_id=f"{DOMAIN}_check_{self.unique_id}")


class CameraButton(ControlEntity[Press], ButtonEntity):
    """Triggers an action of a camera."""

    @override
    async def async_press(self) -> None:
        with action_errors():
            await self.present.press()
        await self.coordinator.async_refresh()

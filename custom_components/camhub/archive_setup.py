"""Sets an account's archive up with the account, or says why there is none."""

from functools import partial

from homeassistant.core import HomeAssistant

from .archive_choice import ArchiveKind, async_archive_choice, async_make, kind_of
from .archiving import VENDOR, Archiving
from .clip_sources import LOCAL
from .const import LOGGER
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import HubError, Unreachable
from .kernel.provider import Clips, SessionFactory
from .recordings import Recordings
from .runtime import SHARED, close_at_stop


async def async_setup_archive(
    hass: HomeAssistant,
    entry: CamHubConfigEntry,
    coordinator: CamHubCoordinator,
    session: SessionFactory,
    recordings: Recordings,
) -> None:
    """Have clips of events and finished recordings kept, where that is wanted; where it cannot be, the log says so."""
    choice = await async_archive_choice(hass.data[SHARED].store, entry)
    if kind_of(choice) is ArchiveKind.NONE:
        return

    def find(source: str, camera_id: str) -> Clips:
        camera, place = coordinator.data.get(camera_id), coordinator.clip_places.get(source)
        clips = (camera.clips if camera else None) if source == VENDOR else place and place(camera_id)
        if clips is None:
            raise Unreachable("the camera has no clips now")
        return clips

    try:
        archive = await async_make(hass, choice, session, coordinator.clock)
    except HubError as error:
        LOGGER.warning("Clips of %s are not archived: %s", entry.title, error.reason)
        return
    names = {camera.id: camera.identity.name for camera in coordinator.data.values()}
    archiving = Archiving(
        hass, entry, choice, archive, find, names, clock=coordinator.clock, counters=coordinator.counters
    )
    entry.async_on_unload(archiving.async_close)
    entry.async_on_unload(close_at_stop(hass, archiving.async_close))
    archiving.async_start(coordinator.async_refused)
    entry.async_on_unload(recordings.async_on_finished(partial(archiving.async_enqueue, source=LOCAL)))
    entry.async_on_unload(
        coordinator.events.async_subscribe_all(
            lambda event: archiving.async_heard(event, coordinator.data.get(event.camera))
        )
    )
    coordinator.archiving = archiving

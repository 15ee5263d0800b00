"""Sets up an account's archive; if that fails its clips wait in the queue."""

from functools import partial

from homeassistant.core import HomeAssistant, callback

from .archive_choice import ArchiveKind, async_archive_choice, async_make, kind_of
from .archive_problems import ArchiveProblems, is_exposed
from .archiving import Archiving
from .const import LOCAL, LOGGER, VENDOR
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import HubError, Unreachable
from .kernel.provider import Clips, SessionFactory
from .previews import KeptPreviews
from .recording.archives import Archive
from .recording.archives.late import LateArchive
from .recordings import Recordings
from .runtime import SHARED, close_at_stop


async def async_setup_archive(
    hass: HomeAssistant,
    entry: CamHubConfigEntry,
    coordinator: CamHubCoordinator,
    session: SessionFactory,
    recordings: Recordings,
    previews: KeptPreviews,
) -> None:
    """Archive clips, previews and recordings if the user wants that; a repair issue reports what prevents it."""
    choice = await async_archive_choice(hass.data[SHARED].store, entry)
    if kind_of(choice) is ArchiveKind.NONE:
        return

    def find(source: str, camera_id: str) -> Clips:
        camera, place = coordinator.data.get(camera_id), coordinator.clip_places.get(source)
        clips = (camera.clips if camera else None) if source == VENDOR else place and place(camera_id)
        if clips is None:
            raise Unreachable("the camera has no clips now")
        return clips

    make = partial(async_make, hass, choice, session, coordinator.clock)
    archive: Archive
    unusable: str | None = None
    try:
        archive = await make()
    except HubError as error:
        LOGGER.warning("Clips of %s wait, as there is no archive for them: %s", entry.title, error.reason)
        archive, unusable = LateArchive(make), error.reason
    exposed = await hass.async_add_executor_job(is_exposed, hass, entry, choice)
    problems = ArchiveProblems(coordinator.clock, unusable, exposed=exposed)
    names = {camera.id: camera.identity.name for camera in coordinator.data.values()}
    archiving = Archiving(
        hass, entry, choice, archive, find, names, problems, clock=coordinator.clock, counters=coordinator.counters
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
    entry.async_on_unload(previews.async_on_kept(archiving.async_preview))
    coordinator.archiving = archiving
    coordinator.issues.sources.append(archiving.problems)
    _check_when_told(entry, coordinator, archiving)


def _check_when_told(entry: CamHubConfigEntry, coordinator: CamHubCoordinator, archiving: Archiving) -> None:
    """Update the repair issues of an archive as soon as its problems change."""
    known: set[str] = set()

    @callback
    def look() -> None:
        nonlocal known
        before, known = known, set(archiving.problems())
        if known != before:
            coordinator.async_check()

    entry.async_on_unload(archiving.async_on_change(look))
    look()

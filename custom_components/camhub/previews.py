"""Event previews that the vendor serves for moments only: fetched at once and stored, outside the backups."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
import shutil
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN, LOGGER, OPTION_KEPT, PREVIEWS
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import HubError
from .kernel.model import CameraEvent, Clip
from .kernel.observers import Observers
from .kernel.provider import Clips, Previews
from .recording.encoding import Container
from .recording.library import Library, Name
from .recording.retention import RetentionLimits, sweep
from .recording_options import recording_limits

# The most bytes for an account's previews, whatever the limit for recordings; one has a few hundred thousand.
LARGEST: Final = 10**9
# Previews that are remembered: several events may refer to the same one.
_KNOWN: Final = 200

type KeptListener = Callable[[str, Clip, CameraEvent], None]


class KeptPreviews:
    """The previews of one account, in a library of their own."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator) -> None:
        """Keep nothing yet."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._limits = preview_limits(recording_limits(entry.options.get(OPTION_KEPT, {})))
        self._library = Library(previews_folder(hass, entry.entry_id), entry.entry_id)
        self._films: OrderedDict[str, asyncio.Task[Clip | None]] = OrderedDict()
        # Set after the cleanup, which would take a file being written for a leftover.
        self._tidied = asyncio.Event()
        self._listeners: Observers[str, Clip, CameraEvent] = Observers("a kept preview")

    @callback
    def clips_of(self, camera_id: str) -> Clips | None:
        """Return the previews of a camera, None for one without previews."""
        camera = self._coordinator.data.get(camera_id)
        return None if camera is None or camera.previews is None else self._library.of(camera_id)

    @callback
    def async_on_kept(self, listener: KeptListener) -> Callable[[], None]:
        """Call `listener(camera_id, clip, event)` for each event whose film is kept; returns the undo."""
        return self._listeners.add(listener)

    @callback
    def async_begin(self) -> None:
        """Start storing previews; leftovers of an earlier run are cleaned up in the background."""
        self._entry.async_on_unload(self._coordinator.events.async_subscribe_all(self._hear))
        self._entry.async_create_background_task(self._hass, self._tidy(), f"{DOMAIN} tidy previews")

    async def _tidy(self) -> None:
        try:
            await self._hass.async_add_executor_job(self._library.mend)
        finally:
            self._tidied.set()
        await self._sweep()

    async def _sweep(self) -> None:
        now = self._coordinator.clock.now()
        # A missing disk is reported by the next failed write.
        with suppress(OSError):
            await self._hass.async_add_executor_job(sweep, self._library, self._limits, now)

    @callback
    def _hear(self, event: CameraEvent) -> None:
        camera = self._coordinator.data.get(event.camera)
        if event.clip is None or camera is None or camera.previews is None:
            return
        key = f"{camera.id}/{event.clip.id}"
        if (film := self._films.get(key)) is None:
            keeping = self._keep(camera.previews, event.clip, event)
            film = self._entry.async_create_background_task(self._hass, keeping, f"{DOMAIN} keep a preview")
            self._films[key] = film
            if len(self._films) > _KNOWN:
                self._films.popitem(last=False)
        self._entry.async_create_background_task(self._hass, self._tell(film, event), f"{DOMAIN} tell of a preview")

    async def _keep(self, previews: Previews, clip: Clip, event: CameraEvent) -> Clip | None:
        """Fetch and store a preview; None if that fails, as it cannot be fetched a second time."""
        name = Name(trigger=event.kind, start=clip.start, container=Container.MP4)
        try:
            content = await previews.fetch(clip)
            await self._tidied.wait()
            kept = await self._hass.async_add_executor_job(self._library.of(clip.camera).keep, name, content)
        except HubError as error:
            self._coordinator.counters.count(f"previews.{error.reason}")
            LOGGER.debug("A preview of %s is lost: %s", self._entry.title, error.reason)
            return None
        await self._sweep()
        return kept

    async def _tell(self, film: asyncio.Task[Clip | None], event: CameraEvent) -> None:
        if (kept := await asyncio.shield(film)) is not None:
            self._listeners.tell(event.camera, kept, event)


def preview_limits(recordings: RetentionLimits) -> RetentionLimits:
    """Return the limits of previews, derived from those of recordings."""
    return replace(recordings, size=min(recordings.size or LARGEST, LARGEST))


def previews_folder(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder of an account's previews, outside the backups."""
    return Path(hass.config.cache_path(DOMAIN, PREVIEWS, entry_id))


def forget_previews(hass: HomeAssistant, entry_id: str) -> None:
    """Delete those of a removed account. Blocking."""
    shutil.rmtree(previews_folder(hass, entry_id), ignore_errors=True)


@callback
def async_keep_previews(hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator) -> KeptPreviews:
    """Return the previews of an account, registered as a source of clips."""
    previews = KeptPreviews(hass, entry, coordinator)
    coordinator.clip_places[PREVIEWS] = previews.clips_of
    return previews

"""What the user has to fix about an archive: it has failed for long, or everybody can open what is in it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .archive_choice import ArchiveKind, kind_of, listed
from .const import OPTION_VIEWERS
from .exposure import is_media
from .kernel.clock import Clock
from .kernel.errors import HubError
from .kernel.secret import Credentials
from .recording.pipeline import ARCHIVING
from .recording.queue import Job, State, Tally, Trouble

FAILING: Final = "archive_failing"
OPEN: Final = "archive_open"
NO_FFMPEG: Final = "ffmpeg_missing"
# Seconds for which an archive may fail before the user is told: a share is mounted late, a store is being repaired.
PATIENCE: Final = 3600.0
# Faults of the archive itself, independent of the clip.
OWN: Final = frozenset(
    {
        "address_forbidden",
        "archive_clock",
        "archive_full",
        "archive_no_bucket",
        "archive_no_folder",
        "archive_no_library",
        "archive_not_allowed",
        "archive_not_pi",
        "archive_refused",
        "archive_settings",
        "archive_unreachable",
    }
)


def by_archive(waits: Job | Trouble) -> bool:
    """Return whether a clip waits because of the archive itself."""
    return waits.state in ARCHIVING and waits.reason in OWN


class ArchiveProblems:
    """Decides which failures of an account's clips are worth a repair issue."""

    def __init__(self, clock: Clock, unusable: str | None, *, exposed: bool) -> None:
        """Take the reason why the archive is unusable, if it is, and whether everybody can open its clips."""
        self._clock = clock
        self._unusable = unusable
        self._exposed = exposed
        # Why the archive last failed in this run.
        self._answer: str | None = None

    def failed(self, job: Job, error: HubError) -> None:
        """Note that a clip has to wait."""
        if job.state in ARCHIVING and error.reason in OWN:
            self._answer = error.reason

    def worked(self) -> None:
        """Note that a clip was archived."""
        self._answer = self._unusable = None

    def reason(self, tally: Tally) -> str | None:
        """Return why the archive fails, once that has lasted a while; None if it works."""
        if self._unusable is not None or self._answer is None:
            return self._unusable
        last = (tally.last.processed_at if tally.last else None) or 0.0
        stuck = [each.since for each in tally.troubles if by_archive(each)]
        since = max(last, min(stuck, default=self._clock.now().timestamp()))
        return self._answer if self._clock.now().timestamp() - since >= PATIENCE else None

    def found(self, tally: Tally) -> Iterable[str]:
        """Yield the problems (`issues.<slug>`)."""
        if self.reason(tally) is not None:
            yield FAILING
        if self._exposed:
            yield OPEN
        if any(each.state is State.FETCHED and each.reason == NO_FFMPEG for each in tally.troubles):
            yield NO_FFMPEG


def is_exposed(hass: HomeAssistant, entry: ConfigEntry[Any], choice: Credentials) -> bool:
    """Return whether clips of a camera that only some people may see go into a media folder; blocks."""
    wanted = set(listed(choice, "cameras"))
    restricted = {camera for camera in entry.options.get(OPTION_VIEWERS, {}) if not wanted or camera in wanted}
    if kind_of(choice) is not ArchiveKind.FOLDER or not restricted:
        return False
    return is_media(hass, Path(choice.text("folder")))

"""Deletes from an archive what is older than the user wants it, and nothing because a clock was set."""

from typing import Final

from ..kernel.clock import Clock
from .archives import Archive
from .queue import ClipQueue

DAY: Final = 86_400.0
# Seconds by which the time of day may drift from the clock that nobody sets, and how long more is not believed.
_DRIFT: Final = 60.0
_MISTRUST: Final = DAY


class Expiry:
    """Looks now and then; `days` is how long a clip is kept."""

    def __init__(self, queue: ClipQueue, archive: Archive, key: str, days: float, clock: Clock) -> None:
        """Remember what time it is by both clocks."""
        self._queue = queue
        self._archive = archive
        self._key = key
        self._days = days
        self._clock = clock
        self._seen = (clock.now().timestamp(), clock.monotonic())
        self._trusted_at = 0.0

    async def run(self) -> int:
        """Delete what is too old, a hundred at most; return how many. Raises HubError at the first that stays."""
        now, passed = self._clock.now().timestamp(), self._clock.monotonic()
        if abs((now - self._seen[0]) - (passed - self._seen[1])) > _DRIFT:
            # It may have been set to a time to come by mistake; a day is enough for somebody to see it.
            self._trusted_at = passed + _MISTRUST
        self._seen = (now, passed)
        if passed < self._trusted_at:
            return 0
        old = await self._queue.older(self._key, now - self._days * DAY)
        for job in old:
            await self._archive.delete(f"{job.reference}")
            await self._queue.forget(job)
        return len(old)

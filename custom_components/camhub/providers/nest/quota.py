"""What may be asked in a minute, handed out by importance (peers.md N1, protocols.md 2.6).

The sandbox counts commands of a user, and those of a kind for a device, in any minute. A bucket that fills up steadily
would let twice as many pass in its first minute, so the calls of the last minute are counted instead.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from ...kernel.clock import Clock
from ...kernel.errors import Throttled
from ...kernel.model import JsonValue
from .answers import WINDOW_S

COMMANDS: Final = 10
LISTINGS: Final = 5
PER_DEVICE: Final = 5


class Rank(IntEnum):
    """Who comes first; the value is how many calls are left to those before."""

    LIVE = 0
    STILL = 2
    PROBE = 4


class _Window:
    """Calls of the last minute, at most `limit`."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._times: deque[float] = deque(maxlen=limit)
        self._silent_until = -WINDOW_S

    @property
    def used(self) -> int:
        now = self._clock.monotonic()
        while self._times and now - self._times[0] >= WINDOW_S:
            self._times.popleft()
        return len(self._times)

    def wait(self, places: int) -> float:
        """Return in how many seconds there are so many places."""
        missing = self.used + min(places, self._limit) - self._limit
        free_at = self._times[missing - 1] + WINDOW_S if missing > 0 else self._silent_until
        return max(0.0, free_at - self._clock.monotonic(), self._silent_until - self._clock.monotonic())

    def take(self) -> None:
        self._times.append(self._clock.monotonic())

    def silence(self, seconds: float) -> None:
        self._silent_until = self._clock.monotonic() + seconds


class Quota:
    """Counts one account's calls; after a 429 all of that kind are held back for a minute."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing used."""
        self._clock = clock
        self._commands = _Window(COMMANDS, clock)
        self._listings = _Window(LISTINGS, clock)
        self._devices: defaultdict[Hashable, _Window] = defaultdict(lambda: _Window(PER_DEVICE, clock))
        self.refused = 0

    def command(self, device: str, name: str, rank: Rank, *, ahead: int = 0) -> None:
        """Count a command; raises Throttled if there is no place for it and `ahead` more that will follow."""
        own = self._devices[device, name]
        wait = max(self._commands.wait(1 + ahead + rank), own.wait(1))
        if wait > 0:
            raise self._throttled(wait)
        self._commands.take()
        own.take()

    def listing(self) -> None:
        """Count a listing of the devices; raises Throttled."""
        if (wait := self._listings.wait(1)) > 0:
            raise self._throttled(wait)
        self._listings.take()

    def silence(self, seconds: float = WINDOW_S, *, listings: bool = False) -> None:
        """Hold all commands back for so long, or all listings: Google has counted more than we."""
        self.refused += 1
        (self._listings if listings else self._commands).silence(seconds)

    def free_at(self, rank: Rank = Rank.LIVE) -> datetime | None:
        """Return when the next command of a rank may be sent (aware, UTC), None for now."""
        wait = self._commands.wait(1 + rank)
        return self._clock.now() + timedelta(seconds=wait) if wait > 0 else None

    def facts(self) -> Mapping[str, JsonValue]:
        """Return how it stands."""
        free = {rank.name.lower(): self.free_at(rank) for rank in (Rank.LIVE, Rank.STILL)}
        return {
            "commands_in_last_minute": self._commands.used,
            "commands_per_minute": COMMANDS,
            "refused_by_service": self.refused,
            **{f"next_{name}_at": at.isoformat() if at else None for name, at in free.items()},
        }

    def _throttled(self, wait: float) -> Throttled:
        return Throttled("no place in this minute", reason="quota_used_up", retry_after=wait)

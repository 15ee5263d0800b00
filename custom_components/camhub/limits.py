"""What one user may take from one account: streams at once, bytes a second, bytes a day."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
import math
from typing import Any, Final, Self, TypedDict

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, OPTION_MAX_DAY, OPTION_MAX_RATE, OPTION_MAX_STREAMS
from .kernel.clock import Clock
from .upgrade import async_load_or_leave

KILO: Final = 1000
MEGA: Final = 1_000_000
# Seconds after which to try again where nobody can say when another stream will end.
TRY_AGAIN: Final = 10
# Seconds after which what was taken is written down; Home Assistant writes it when it stops, too.
SAVE_AFTER: Final = 60


class Limit(StrEnum):
    """What there is a limit for; the slug of the sentence that says so."""

    STREAMS = "limit_streams"
    RATE = "limit_rate"
    DAY = "limit_day"


class LimitReached(Exception):
    """Somebody has taken all they may for now; `retry_after` is whole seconds, `until` aware."""

    def __init__(self, limit: Limit, *, retry_after: int, until: datetime) -> None:
        """Tell which limit and until when it holds."""
        self.limit = limit
        self.retry_after = retry_after
        self.until = until
        super().__init__(limit.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of an account, in bytes; 0 is none."""

    streams: int = 0
    rate: int = 0
    day: int = 0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read an entry's options: streams, kB a second, MB a day."""
        return cls(
            streams=options.get(OPTION_MAX_STREAMS, 0),
            rate=options.get(OPTION_MAX_RATE, 0) * KILO,
            day=options.get(OPTION_MAX_DAY, 0) * MEGA,
        )


class _Kept(TypedDict):
    """What is stored: bytes by account and user, of one day."""

    day: str
    bytes: dict[str, dict[str, int]]


class Usage:
    """What one user takes from one account."""

    def __init__(self, clock: Clock, *, taken: int = 0, changed: Callable[[], None] = lambda: None) -> None:
        """Start with the bytes that were taken today; `changed` is called when more count for a day's limit."""
        self._clock = clock
        self._changed = changed
        self._streams: dict[Hashable, float] = {}
        self._day: date = self._today()
        self._bytes = taken
        # What was taken and not yet forgiven, one second's worth every second.
        self._debt = 0.0
        self._debt_at = 0.0

    @property
    def streams(self) -> int:
        """Return how many streams are open."""
        now = self._clock.monotonic()
        self._streams = {stream: until for stream, until in self._streams.items() if until > now}
        return len(self._streams)

    @property
    def bytes_today(self) -> int:
        """Return what was taken since midnight, local time."""
        if self._day != (today := self._today()):
            self._day, self._bytes = today, 0
        return self._bytes

    def admit(self, limits: Limits, stream: Hashable | None = None) -> None:
        """Raise LimitReached where nothing may be taken now, or no further stream be opened."""
        if limits.day and self.bytes_today >= limits.day:
            until = dt_util.as_utc(dt_util.start_of_local_day(self._today() + timedelta(days=1)))
            wait = math.ceil((until - self._clock.now()).total_seconds())
            raise LimitReached(Limit.DAY, retry_after=wait, until=until)
        if limits.rate and (wait := math.ceil(self.wait(limits))):
            raise self._reached(Limit.RATE, wait)
        if stream is not None and limits.streams and self.streams >= limits.streams and stream not in self._streams:
            raise self._reached(Limit.STREAMS, TRY_AGAIN)

    def _reached(self, limit: Limit, wait: int) -> LimitReached:
        return LimitReached(limit, retry_after=wait, until=self._clock.now() + timedelta(seconds=wait))

    def hold(self, stream: Hashable, seconds: float = math.inf) -> None:
        """Count a stream as open for that long, or until it is released."""
        self._streams[stream] = self._clock.monotonic() + seconds

    def holds(self, stream: Hashable) -> bool:
        """Tell whether a stream counts as open."""
        return self._streams.get(stream, -math.inf) > self._clock.monotonic()

    @contextmanager
    def opening(self, limits: Limits, stream: Hashable, seconds: float = math.inf) -> Iterator[None]:
        """Count a stream as open while it is being opened, and for that long from then on; raises LimitReached.

        Many that are opened at once are counted like this, one that does not open is not.
        """
        known = self.holds(stream)
        self.admit(limits, stream)
        self.hold(stream, seconds)
        try:
            yield
        except BaseException:  # also when whoever waits gives up
            if not known:
                self.release(stream)
            raise
        self.hold(stream, seconds)

    def release(self, stream: Hashable) -> None:
        """Count a stream as closed."""
        self._streams.pop(stream, None)

    def count(self, size: int, limits: Limits) -> None:
        """Note bytes that were sent."""
        self._bytes = self.bytes_today + size
        if limits.day:
            self._changed()
        if limits.rate:
            self._debt = self._owed(limits) + size
            self._debt_at = self._clock.monotonic()

    def spent(self, limits: Limits) -> bool:
        """Tell whether the day's bytes have been taken."""
        return bool(limits.day) and self.bytes_today >= limits.day

    def wait(self, limits: Limits) -> float:
        """Return for how many seconds nothing more may be sent; one second's bytes may go at once."""
        if not limits.rate:
            return 0.0
        return max(0.0, self._owed(limits) / limits.rate - 1)

    def _owed(self, limits: Limits) -> float:
        return max(0.0, self._debt - (self._clock.monotonic() - self._debt_at) * limits.rate)

    def _today(self) -> date:
        return dt_util.as_local(self._clock.now()).date()


class Meter:
    """The usage of all users, by account and user; what was taken today outlasts a restart."""

    def __init__(self, hass: HomeAssistant, clock: Clock) -> None:
        """Start with nobody."""
        self._clock = clock
        self._store: Store[_Kept] = Store(hass, 1, f"{DOMAIN}.usage", private=True)
        self._usages: dict[tuple[str, str], Usage] = {}
        self._waiting = False

    async def async_load(self) -> None:
        """Take up what was taken today before Home Assistant was started."""
        kept = await async_load_or_leave(self._store)
        if kept is not None and kept["day"] == self._today():
            for account, users in kept["bytes"].items():
                for user, taken in users.items():
                    self._usages[account, user] = self._new(taken)

    def usage(self, account: str, user: str) -> Usage:
        """Return what a user takes from an account."""
        who = (account, user)
        if who not in self._usages:
            self._usages[who] = self._new(0)
        return self._usages[who]

    def holders(self, account: str, stream: Hashable) -> int:
        """Return how many users have a stream of an account open."""
        return sum(usage.holds(stream) for (of, _), usage in self._usages.items() if of == account)

    def forget(self, account: str) -> None:
        """Let go of what was taken from an account that is removed."""
        for who in [known for known in self._usages if known[0] == account]:
            del self._usages[who]
        self._changed()

    def all(self) -> Mapping[tuple[str, str], Usage]:
        """Return all there is, by account and user."""
        return self._usages

    def _new(self, taken: int) -> Usage:
        return Usage(self._clock, taken=taken, changed=self._changed)

    def _changed(self) -> None:
        """Write it down soon; also called for every frame, so that nothing is done while that waits."""
        if not self._waiting:
            self._waiting = True
            self._store.async_delay_save(self._kept, SAVE_AFTER)

    def _kept(self) -> _Kept:
        self._waiting = False
        taken: dict[str, dict[str, int]] = {}
        for (account, user), usage in self._usages.items():
            if usage.bytes_today:
                taken.setdefault(account, {})[user] = usage.bytes_today
        return {"day": self._today(), "bytes": taken}

    def _today(self) -> str:
        return dt_util.as_local(self._clock.now()).date().isoformat()


METER: Final[HassKey[Meter]] = HassKey(f"{DOMAIN}_meter")

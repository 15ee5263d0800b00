"""Limits per user and account: concurrent streams, bytes per second, bytes per day."""

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
# Retry-After in seconds if all streams are in use: nobody knows when one will end.
TRY_AGAIN: Final = 10
# Delay in seconds before the usage is saved; Home Assistant also saves it when it stops.
SAVE_AFTER: Final = 60


class Limit(StrEnum):
    """The kinds of limit; each is the translation key of its message."""

    STREAMS = "limit_streams"
    RATE = "limit_rate"
    DAY = "limit_day"


class LimitReached(Exception):
    """A user has reached a limit; `retry_after` is whole seconds, `until` aware."""

    def __init__(self, limit: Limit, *, retry_after: int, until: datetime) -> None:
        """Keep which limit it is and until when it applies."""
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
        """Read an entry's options: streams, kB per second, MB per day."""
        return cls(
            streams=options.get(OPTION_MAX_STREAMS, 0),
            rate=options.get(OPTION_MAX_RATE, 0) * KILO,
            day=options.get(OPTION_MAX_DAY, 0) * MEGA,
        )


class _Kept(TypedDict):
    """The stored form: bytes by account and user, of one day."""

    day: str
    bytes: dict[str, dict[str, int]]


class Usage:
    """The usage of one account by one user."""

    def __init__(self, clock: Clock, *, taken: int = 0, changed: Callable[[], None] = lambda: None) -> None:
        """Start with today's bytes; `changed` is called when more count towards a daily limit."""
        self._clock = clock
        self._changed = changed
        self._streams: dict[Hashable, float] = {}
        self._day: date = self._today()
        self._bytes = taken
        # A leaky bucket: bytes sent, drained by the rate.
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
        """Return the bytes since midnight, local time."""
        if self._day != (today := self._today()):
            self._day, self._bytes = today, 0
        return self._bytes

    def admit(self, limits: Limits, stream: Hashable | None = None) -> None:
        """Raise LimitReached if nothing may be sent now, or no further stream opened."""
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
        """Count a stream as open for `seconds`, or until it is released."""
        self._streams[stream] = self._clock.monotonic() + seconds

    def holds(self, stream: Hashable) -> bool:
        """Return whether a stream counts as open."""
        return self._streams.get(stream, -math.inf) > self._clock.monotonic()

    @contextmanager
    def opening(self, limits: Limits, stream: Hashable, seconds: float = math.inf) -> Iterator[None]:
        """Count a stream while it is being opened, and for `seconds` from then on; raises LimitReached.

        So streams that are opened at the same time count, and one that fails to open does not.
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
        """Count bytes that were sent."""
        self._bytes = self.bytes_today + size
        if limits.day:
            self._changed()
        if limits.rate:
            self._debt = self._owed(limits) + size
            self._debt_at = self._clock.monotonic()

    def spent(self, limits: Limits) -> bool:
        """Return whether the daily limit has been reached."""
        return bool(limits.day) and self.bytes_today >= limits.day

    def wait(self, limits: Limits) -> float:
        """Return for how many seconds nothing may be sent; bursts of one second's bytes are allowed."""
        if not limits.rate:
            return 0.0
        return max(0.0, self._owed(limits) / limits.rate - 1)

    def _owed(self, limits: Limits) -> float:
        return max(0.0, self._debt - (self._clock.monotonic() - self._debt_at) * limits.rate)

    def _today(self) -> date:
        return dt_util.as_local(self._clock.now()).date()


class Meter:
    """The usage of all accounts by all users; today's bytes survive a restart."""

    def __init__(self, hass: HomeAssistant, clock: Clock) -> None:
        """Start with nobody."""
        self._clock = clock
        self._store: Store[_Kept] = Store(hass, 1, f"{DOMAIN}.usage", private=True)
        self._usages: dict[tuple[str, str], Usage] = {}
        self._waiting = False

    async def async_load(self) -> None:
        """Load today's usage from before the restart."""
        kept = await async_load_or_leave(self._store)
        if kept is not None and kept["day"] == self._today():
            for account, users in kept["bytes"].items():
                for user, taken in users.items():
                    self._usages[account, user] = self._new(taken)

    def usage(self, account: str, user: str) -> Usage:
        """Return the usage of an account by a user."""
        who = (account, user)
        if who not in self._usages:
            self._usages[who] = self._new(0)
        return self._usages[who]

    def holders(self, account: str, stream: Hashable) -> int:
        """Return how many users have a stream of an account open."""
        return sum(usage.holds(stream) for (of, _), usage in self._usages.items() if of == account)

    def forget(self, account: str) -> None:
        """Drop the usage of a removed account."""
        for who in [known for known in self._usages if known[0] == account]:
            del self._usages[who]
        self._changed()

    def all(self) -> Mapping[tuple[str, str], Usage]:
        """Return all there is, by account and user."""
        return self._usages

    def _new(self, taken: int) -> Usage:
        return Usage(self._clock, taken=taken, changed=self._changed)

    def _changed(self) -> None:
        """Schedule a save; this is called for every frame, so it does nothing while one is pending."""
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

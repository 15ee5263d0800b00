"""Leases of limited life: stream addresses, sessions, signed links."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
import math
import random
from types import TracebackType
from typing import Final, Self

from .clock import Clock
from .errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from .observers import Observers
from .policy import Backoff, Chance, pause_after

BACKOFF: Final = Backoff(first=1, factor=2, maximum=60, jitter=0.5)
# Seconds before its end at which a watched lease is renewed: a vendor may throttle for a minute.
PATIENT_MARGIN: Final = 75.0


async def _nothing() -> None:
    """Release what needs no releasing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease[T]:
    """A value, its expiry (aware, None for never), and how to renew and release it."""

    value: T = field(repr=False)
    expires_at: datetime | None = None
    renew: Callable[[], Awaitable[Lease[T]]] | None = field(default=None, repr=False)
    release: Callable[[], Awaitable[None]] = field(default=_nothing, repr=False)


class LeaseKeeper[T]:
    """Holds one lease and keeps it from expiring.

    It is renewed `margin` seconds before its end (a short one at half its life), with growing waits while that fails.
    If it cannot be renewed or has expired a new one is opened, after an hour if that is Unsupported. With `anew=False`
    it is renewed but never opened again. If nothing can follow, as after AuthError, the value serves until its end.
    """

    def __init__(
        self,
        open_lease: Callable[[], Awaitable[Lease[T]]],
        *,
        clock: Clock,
        margin: float = 30.0,
        backoff: Backoff = BACKOFF,
        random: Chance = random.random,
        anew: bool = True,
    ) -> None:
        """Open nothing yet."""
        self._open = open_lease
        self._anew = anew
        self._clock = clock
        self._margin = margin
        self._backoff = backoff
        self._random = random
        self._lease: Lease[T] | None = None
        self._error: HubError | None = None
        self._opened_anew = False
        self._task: asyncio.Task[None] | None = None
        self._changed: Observers[T] = Observers("a renewed lease")
        self._last = asyncio.Event()

    @property
    def error(self) -> HubError | None:
        """Return why the last renewal failed, None if it did not."""
        return self._error

    @property
    def expires_at(self) -> datetime | None:
        """Return when the value expires, None if never or if there is none."""
        return self._lease.expires_at if self._lease else None

    def current(self) -> T:
        """Return the current value; once it has expired raises what kept it from being renewed."""
        if self._lease is None:
            raise Unreachable("the lease is not open", reason="lease_ended")
        if self._remaining(self._lease) > 0:
            return self._lease.value
        raise copy(self._error) if self._error else Unreachable("the lease has ended", reason="lease_ended")

    def on_change(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call `callback` with each value that differs from the one before; return the undo."""
        return self._changed.add(callback)

    async def until_over(self) -> None:
        """Return once a lease has expired that no other can follow."""
        await self._last.wait()
        if self._lease is not None and (remaining := self._remaining(self._lease)) > 0:
            await self._clock.sleep(remaining)

    async def start(self) -> T:
        """Open the lease and keep it from now on; raises HubError."""
        self._lease = await self._open()
        self._task = asyncio.create_task(self._keep(self._lease))
        return self._lease.value

    async def close(self) -> None:
        """Release the lease; leaves no task and may be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        if self._lease is not None:
            lease, self._lease = self._lease, None
            await _give_back(lease)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _remaining(self, lease: Lease[T]) -> float:
        if lease.expires_at is None:
            return math.inf
        return (lease.expires_at - self._clock.now()).total_seconds()

    async def _keep(self, lease: Lease[T]) -> None:
        while (remaining := self._remaining(lease)) < math.inf:
            # A minimum pause, in case a vendor hands out expired leases.
            await self._clock.sleep(max(remaining - self._margin, remaining / 2, self._backoff.first))
            if (following := await self._follow(lease)) is None:
                self._last.set()
                return
            self._lease, self._error = following, None
            if following.value != lease.value:
                self._changed.tell(following.value)
            if self._opened_anew:
                await _give_back(lease)
            lease = following

    async def _follow(self, lease: Lease[T]) -> Lease[T] | None:
        """Return the lease that comes after this one, None if there can be none."""
        delays = self._backoff.delays(self._random)
        renew = lease.renew
        while True:
            step = renew if self._remaining(lease) > 0 else None
            if step is None and not self._anew:
                return None
            try:
                following = await (step or self._open)()
            except HubError as error:
                self._error = error
                if isinstance(error, AuthError):
                    return None
                if step is not None and isinstance(error, Malformed | Unsupported):
                    # It can never be renewed, but a new one may be opened.
                    renew = None
                    continue
                pause = self._pause(lease, error, next(delays))
            else:
                self._opened_anew = step is None
                return following
            await self._clock.sleep(pause)

    def _pause(self, lease: Lease[T], error: HubError, usual: float) -> float:
        """Return the pause before the next attempt, at most until the end of a lease that cannot be opened again."""
        remaining = self._remaining(lease)
        pause = pause_after(error, min(usual, remaining) if remaining > 0 else usual)
        return pause if self._anew else min(pause, max(0.0, remaining))


async def _give_back[T](lease: Lease[T]) -> None:
    # It expires by itself anyway.
    with suppress(HubError):
        await lease.release()

"""One lease shared by concurrent users: opened by the first, released after the last."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from .clock import Clock
from .errors import HubError
from .lease import PATIENT_MARGIN, Lease, LeaseKeeper
from .observers import Observers

# Seconds between two checks for remaining users, and from the last use to the release.
LOOK_S: Final = 15.0
GRACE_S: Final = 60.0


class SharedLease[T]:
    """Opens a lease on first use and keeps it while `wanted`, which is polled, says so.

    A lease that never expires is not kept: each caller gets their own. `over` is whether the last value is no longer
    valid, because it was released or could not be renewed.
    """

    def __init__(
        self,
        open_lease: Callable[[], Awaitable[Lease[T]]],
        wanted: Callable[[], bool],
        *,
        clock: Clock,
        margin: float = PATIENT_MARGIN,
        grace: float = GRACE_S,
    ) -> None:
        """Open nothing yet."""
        self._open = open_lease
        self._wanted = wanted
        self._clock = clock
        self._margin = margin
        self._grace = grace
        self._turn = asyncio.Lock()
        self._keeper: LeaseKeeper[T] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._kept = False
        self._wanted_at = 0.0
        self._changed: Observers[T] = Observers("a renewed lease")

    @property
    def over(self) -> bool:
        """Return whether a value that was handed out is no longer valid."""
        return self._kept and (self._keeper is None or not _serves(self._keeper))

    def on_change(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call `callback` with each value that differs from the one before; return the undo."""
        return self._changed.add(callback)

    async def get(self) -> T:
        """Return the shared value; raises HubError."""
        async with self._turn:
            # The caller counts as a user even before `wanted` says so, which may need a player that has started.
            self._wanted_at = self._clock.monotonic()
            if self._keeper is not None:
                with suppress(HubError):
                    return self._keeper.current()
                await self._give_back()
            first = await self._open()
            self._kept = first.expires_at is not None
            if self._kept:
                await self._keep(first)
            return first.value

    async def close(self) -> None:
        """Release the lease; leaves no task and may be called twice."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})
        async with self._turn:
            await self._give_back()

    async def _keep(self, first: Lease[T]) -> None:
        leases = iter((first,))

        async def open_next() -> Lease[T]:
            return next(leases, None) or await self._open()

        self._keeper = LeaseKeeper(open_next, clock=self._clock, margin=self._margin)
        self._keeper.on_change(self._changed.tell)
        await self._keeper.start()
        if self._watch is None:
            self._watch = asyncio.create_task(self._while_wanted())

    async def _while_wanted(self) -> None:
        """Release the lease once nobody has wanted it for a while."""
        while True:
            await self._clock.sleep(LOOK_S)
            async with self._turn:
                now = self._clock.monotonic()
                if self._wanted():
                    self._wanted_at = now
                elif now - self._wanted_at >= self._grace:
                    self._watch = None
                    await self._give_back()
                    return

    async def _give_back(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.close()


def _serves[T](keeper: LeaseKeeper[T]) -> bool:
    try:
        keeper.current()
    except HubError:
        return False
    return True

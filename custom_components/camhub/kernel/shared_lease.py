"""One lease for all who want the same thing at the same time: opened by the first, given back after the last."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from .clock import Clock
from .errors import HubError
from .lease import PATIENT_MARGIN, Lease, LeaseKeeper
from .observers import Observers

# Seconds between two looks whether anybody still wants it, and from the last one who did to giving it back.
LOOK_S: Final = 15.0
GRACE_S: Final = 60.0


class SharedLease[T]:
    """Opens a lease when it is first asked for and keeps it as long as `wanted` says so, asked now and then.

    A lease that never ends is not kept: each who asks gets one of their own. `over` is whether the last value no longer
    serves, because it was given back or could not be renewed.
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
        """Return whether a value that was handed out does not serve any more."""
        return self._kept and (self._keeper is None or not _serves(self._keeper))

    def on_change(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call `callback` with each value that differs from the one before; return the undo."""
        return self._changed.add(callback)

    async def get(self) -> T:
        """Return the value, the same as everybody else's; raises HubError."""
        async with self._turn:
            # Whoever asks wants it, though `wanted` may say so only once their player has begun.
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
        """Give the lease back; leaves no task and may be called twice."""
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
        """Give the lease back once nobody has wanted it for a while."""
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

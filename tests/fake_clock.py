"""A clock that stands still until a test moves it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import heapq
from itertools import count
from typing import override


class FakeClock:
    """Time that passes only in `advance`; sleepers wake in order."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self._elapsed = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Let that much time pass and everything that wakes in it run."""
        end = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._elapsed, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)
            await settle()
        self._elapsed = end
        await settle()

    @property
    def sleepers(self) -> int:
        """Return how many are asleep."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)


class LimitClock(FakeClock):
    """Knows how many time limits stand: so many wait for an answer, which takes its real time."""

    def __init__(self, *of: float) -> None:
        super().__init__()
        self._of = of
        self.limits = 0

    @override
    async def sleep(self, seconds: float) -> None:
        limit = seconds in self._of
        self.limits += limit
        try:
            await super().sleep(seconds)
        finally:
            self.limits -= limit


async def in_time[T](clock: LimitClock, work: Awaitable[T], step: float = 1) -> T:
    """Let the waits between tries pass until something is done; real answers take their real time."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=0.005)
        if not task.done() and not clock.limits:
            await clock.advance(step)
    return await task


async def settle(turns: int = 10) -> None:
    """Let tasks that are ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Let tasks run until something holds; a test that waits in vain ends by its time limit."""
    for _ in count():
        if holds():
            return
        await asyncio.sleep(0)

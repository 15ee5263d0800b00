"""A loop on which time passes only while nothing happens, so that nobody waits and limits still run out."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
import selectors
from typing import Any, override

from tests.fake_clock import FakeClock

# With all sockets of this machine quiet for so long (real seconds), everybody waits for time to pass.
IDLE_S = 0.002


class _Jumping(selectors.DefaultSelector):
    """Skips what is left of a wait once nothing comes; not while a thread works, whose end comes as news."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        self.working = 0
        self.idle = IDLE_S

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= self.idle or self.working:
            return super().select(timeout)
        events = super().select(self.idle)
        if not events:
            self.ahead += timeout - self.idle
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """`patience` is for how many real seconds all must be quiet before time is skipped."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return super().time() + self._jumping.ahead

    def be_patient(self, idle: float) -> None:
        """Skip time only after so many quiet seconds: a library works in threads of its own."""
        self._jumping.idle = idle

    @override
    def run_in_executor[T, *Ts](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self._jumping.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self._jumping.working -= 1


class LoopClock(FakeClock):
    """The loop's own time, for those who are handed a clock."""

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(start)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._asleep = 0

    @override
    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    @override
    def monotonic(self) -> float:
        return self._loop.time() - self._began

    @override
    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._asleep += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._asleep -= 1

    @override
    async def advance(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @property
    @override
    def sleepers(self) -> int:
        return self._asleep


class WrongClock(LoopClock):
    """A machine's clock that is off; how fast time passes it knows as well as any other."""

    def __init__(self, right: LoopClock, off: timedelta) -> None:
        super().__init__(right.now() + off)
        self._right = right

    @override
    async def sleep(self, seconds: float) -> None:
        await self._right.sleep(seconds)

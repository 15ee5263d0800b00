"""A time limit by the clock that was handed in."""

import asyncio
from collections.abc import Awaitable

from ...kernel.clock import Clock
from ...kernel.errors import Unreachable


async def within[T](clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Return what `work` returns, or cancel it and raise Unreachable (`timeout`) after that many seconds."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Unreachable(f"no answer within {seconds:g} s", reason="timeout")
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)

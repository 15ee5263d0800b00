"""Back-off, retries and time limits; clock and randomness are injected, so that tests need not wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import math
import random
import re
from typing import Final

from .clock import Clock
from .errors import AuthError, HubError, Throttled, Unreachable, Unsupported

type Chance = Callable[[], float]

UNSUPPORTED_S: Final = 3600.0
"""Seconds after which an Unsupported request is retried."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `first` seconds growing by `factor` to `maximum`, each with up to `jitter` seconds more."""

    first: float = 1.0
    factor: float = 2.0
    maximum: float = 60.0
    jitter: float = 0.5

    def delays(self, random: Chance) -> Iterator[float]:
        """Yield the waits in seconds, for ever; `random` gives numbers in [0, 1)."""
        delay = min(self.first, self.maximum)
        while True:
            yield delay + self.jitter * random()
            delay = min(delay * self.factor, self.maximum)


def pause_after(error: HubError, usual: float) -> float:
    """Return the pause in seconds after an error; `usual` is the regular back-off."""
    match error:
        case AuthError():
            return math.inf
        case Unsupported():
            # Mostly permanent, but a proxy may answer so temporarily.
            return max(usual, UNSUPPORTED_S)
        case Throttled():
            return max(usual, error.retry_after or 0.0)
        case _:
            return usual


async def retry[T](
    call: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    attempts: int,
    backoff: Backoff,
    random: Chance = random.random,
) -> T:
    """Return what `call` returns, called up to `attempts` times while it raises Unreachable; for idempotent reads only.

    Throttled is repeated only where its `retry_after` is known and no longer than `backoff.maximum`, after at least
    that long. Every other error is raised at once, and so is the last one.
    """
    delays = backoff.delays(random)
    for _ in range(attempts - 1):
        pause = next(delays)
        try:
            return await call()
        except Throttled as error:
            if error.retry_after is None or error.retry_after > backoff.maximum:
                raise
            pause = max(pause, error.retry_after)
        except Unreachable:
            pass
        await clock.sleep(pause)
    return await call()


async def within[T](clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Return what `work` returns, or cancel it and raise Unreachable (`timeout`) after that many seconds."""
    task, limit = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Unreachable(f"no answer within {seconds:g} s", reason="timeout")
    finally:
        task.cancel()
        limit.cancel()
        await asyncio.gather(task, limit, return_exceptions=True)
        # An error of the task knows this frame: a frame that knows the task would be a cycle for the collector.
        del task, limit, work


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for (RFC 9110 section 10.2.3), None where it cannot be read."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII):
        seconds = float(value)
    else:
        try:
            at = parsedate_to_datetime(value)
        except ValueError, OverflowError:
            return None
        # The obsolete asctime form names no zone; HTTP dates are in UTC.
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None

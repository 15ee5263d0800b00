"""What a thread reads, handed over to the event loop as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
import threading

from ..kernel.errors import Unreachable


async def read_in_thread[T](
    read: Callable[[], None], stop: threading.Event, waiting: asyncio.Queue[T], *, reason: str
) -> AsyncGenerator[T]:
    """Run `read`, which blocks, and yield what comes into `waiting`; set `stop` when nobody wants more.

    Raises what `read` raises, and Unreachable with `reason` where it just ends.
    """
    reading = asyncio.ensure_future(asyncio.to_thread(read))
    try:
        while True:
            taking = asyncio.ensure_future(waiting.get())
            try:
                await asyncio.wait({taking, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    reading.result()
                    raise Unreachable("the stream ended", reason=reason)
                yield taking.result()
            finally:
                taking.cancel()
    finally:
        stop.set()
        # It ends by itself, at the latest when the camera has been silent for a while; nobody else looks at the end.
        reading.add_done_callback(_look_away)


def _look_away(reading: asyncio.Future[None]) -> None:
    if not reading.cancelled():
        reading.exception()

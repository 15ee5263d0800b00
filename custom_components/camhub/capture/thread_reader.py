"""What a thread reads, handed over to the event loop as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
import threading
from typing import Any

from ..kernel.errors import Unreachable


async def read_in_thread[T](
    read: Callable[[], None], stop: threading.Event, waiting: asyncio.Queue[T], *, reason: str
) -> AsyncGenerator[T]:
    """Run `read`, which blocks, and yield what it puts into `waiting`; set `stop` when the consumer has had enough.

    Raises what `read` raises, and Unreachable with `reason` when it returns.
    """
    reading = _in_thread_of_its_own(read)
    try:
        while True:
            taking = asyncio.ensure_future(waiting.get())
            try:
                either: set[asyncio.Future[Any]] = {taking, reading}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    reading.result()
                    raise Unreachable("the stream ended", reason=reason)
                yield taking.result()
            finally:
                taking.cancel()
    finally:
        stop.set()
        # The thread ends by itself, at the latest when the camera has been silent for a while; nobody awaits it then.
        reading.add_done_callback(_retrieve_exception)


def _in_thread_of_its_own(read: Callable[[], None]) -> asyncio.Future[None]:
    """Start a thread and return the future of its result.

    Not in the event loop's executor: a stream is read for days, and all of Home Assistant shares its 64 threads.
    """
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if error is None:
            reading.set_result(None)
        else:
            reading.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            read()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits the future
            failure = error
        # The loop is closed when Home Assistant stopped before the camera sent its next packet.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=run, name="camhub stream reader", daemon=True).start()
    return reading


def _retrieve_exception(reading: asyncio.Future[None]) -> None:
    if not reading.cancelled():
        reading.exception()

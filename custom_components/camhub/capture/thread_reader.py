"""What a thread reads, handed over to the event loop as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
import threading
from types import TracebackType
from typing import Any, Literal

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
    reading: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def run() -> None:
        with _Outcome(reading):
            read()

    threading.Thread(target=run, name="camhub stream reader", daemon=True).start()
    return reading


class _Outcome:
    """Settles a future from another thread: with what a block raises, or None where it ends."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[True]:
        # The loop is closed when Home Assistant stopped before the camera sent its next packet.
        with suppress(RuntimeError):
            self._future.get_loop().call_soon_threadsafe(self._settle, error)
        return True

    def _settle(self, error: BaseException | None) -> None:
        if error is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(error)


def _retrieve_exception(reading: asyncio.Future[None]) -> None:
    if not reading.cancelled():
        reading.exception()

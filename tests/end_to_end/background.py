"""A thread with an event loop: the browser's own loop takes the one of the tests."""

import asyncio
from collections.abc import Coroutine
import threading
from typing import Any, Self

LIMIT = 200.0
"""Seconds after which whatever is waited for has failed; the machine may be a slow one."""
PAUSE = 0.2


class Background:
    """Runs coroutines while a test waits for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        self._loop.close()

    async def _end_all(self) -> None:
        """End what libraries have left running."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run[T](self, work: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
        """Return what it returns; raises TimeoutError when it takes too long."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, limit), self._loop).result()

"""A write-behind cache between the pictures in memory and those on disk."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
import logging
from typing import Final

from .clock import Clock
from .counters import Counters
from .model import Image
from .pictures import PictureFacts, PictureStore

_LOGGER = logging.getLogger(__name__)

# Changes written per thread call, with one sync of their folder.
_ROUND: Final = 16


class WriteBehind:
    """Writes in the background, only the newest per key; errors are counted (`pictures.disk_error`), never raised.

    Pictures wait `delay` seconds, so that frequent updates do not wear out the disk; removals do not wait. At most
    `max_waiting` bytes wait; from half of that on they are written at once, and beyond it the oldest is dropped
    (`pictures.disk_skipped`).
    """

    def __init__(
        self,
        store: PictureStore,
        counters: Counters,
        *,
        clock: Clock,
        delay: float,
        max_waiting: int,
        on_gone: Callable[[str], None],
    ) -> None:
        """Take the store; `on_gone` hears of keys that made room for others."""
        self._store = store
        self._clock = clock
        self._delay = delay
        self._urgent = asyncio.Event()
        self._counters = counters
        self._max_waiting = max_waiting
        self._on_gone = on_gone
        self._waiting: dict[str, Image | None] = {}
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._failing = False

    async def load(self) -> Sequence[PictureFacts]:
        """Return what is on the disk, oldest first; nothing if it cannot be read."""
        try:
            return await asyncio.to_thread(self._store.load)
        except OSError as error:
            self._complain(error)
            return ()

    def peek(self, key: str) -> Image | None:
        """Return a picture that is still on its way to the disk."""
        return self._waiting.get(key)

    async def read(self, key: str) -> Image | None:
        """Return a picture from the disk, None if it is not there or cannot be read."""
        try:
            return await asyncio.to_thread(self._store.read, key)
        except OSError as error:
            self._complain(error)
            return None

    def change(self, key: str, image: Image | None) -> None:
        """Have a picture written, or removed if None."""
        self._drop(key)
        self._waiting[key] = image
        self._bytes += _size(image)
        while self._bytes > self._max_waiting:
            oldest = next(key for key, waiting in self._waiting.items() if waiting is not None)
            self._drop(oldest)
            self._counters.count("pictures.disk_skipped")
        if image is None or self._bytes > self._max_waiting // 2:
            self._urgent.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Return when all that waits has been written; leaves no task."""
        self._urgent.set()
        if self._writer is not None:
            await self._writer
        self._urgent.clear()

    def _drop(self, key: str) -> None:
        self._bytes -= _size(self._waiting.pop(key, None))

    async def _write(self) -> None:
        while self._waiting:
            await self._rest()
            for _ in range(0, len(self._waiting), _ROUND):
                await self._write_round()

    async def _rest(self) -> None:
        """Return after the delay, or as soon as something is urgent."""
        timer = asyncio.ensure_future(self._clock.sleep(self._delay))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait({timer, urgent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            urgent.cancel()
        self._urgent.clear()

    async def _write_round(self) -> None:
        # Kept in `_waiting` meanwhile, for those who look while it is written.
        changes = dict(islice(self._waiting.items(), _ROUND))
        applied = await asyncio.to_thread(self._store.apply, changes)
        for key, image in changes.items():
            if key in self._waiting and self._waiting[key] is image:
                self._drop(key)
        for key in applied.gone:
            self._on_gone(key)
        for error in applied.errors:
            self._complain(error)
        self._failing = bool(applied.errors)

    def _complain(self, error: OSError) -> None:
        self._counters.count("pictures.disk_error")
        if not self._failing:
            self._failing = True
            _LOGGER.warning("Pictures cannot be kept on the disk: %s", error.strerror)


def _size(image: Image | None) -> int:
    return len(image.content) if image else 0

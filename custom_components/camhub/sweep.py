"""Refreshes the pictures of one account's cameras, a few at a time; throttled cameras are retried later."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from .const import SWEEP_CONCURRENCY, SWEEP_PAUSE, SWEEP_ROUNDS
from .kernel.clock import Clock
from .kernel.counters import Counters
from .kernel.errors import HubError, Throttled
from .kernel.provider import Camera
from .kernel.stills import Album


class Sweep:
    """Refreshes every camera with stills; `key_of` returns the album key of a camera's picture."""

    def __init__(self, album: Album, key_of: Callable[[str], str], clock: Clock, counters: Counters) -> None:
        """Request nothing yet."""
        self._album = album
        self._key_of = key_of
        self._clock = clock
        self._counters = counters

    async def async_run(self, cameras: Iterable[Camera]) -> None:
        """Refresh each picture; a failing camera does not stop the others."""
        waiting = [camera for camera in cameras if camera.stills is not None and camera.online is not False]
        for _ in range(SWEEP_ROUNDS):
            line, pauses = iter(waiting), dict[str, float]()
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(SWEEP_CONCURRENCY, len(waiting))):
                    workers.create_task(self._take_each(line, pauses))
            # A camera that asks for a longer pause is left to the next sweep, so that it does not delay the others.
            pauses = {camera_id: pause for camera_id, pause in pauses.items() if pause <= SWEEP_PAUSE}
            waiting = [camera for camera in waiting if camera.id in pauses]
            if not waiting:
                return
            await self._clock.sleep(max(pauses.values()))

    async def _take_each(self, waiting: Iterator[Camera], pauses: dict[str, float]) -> None:
        """Take pictures until none is left; note the pauses (seconds) that throttled cameras ask for."""
        for camera in waiting:
            if camera.stills is None:
                continue
            try:
                await self._album.refresh(self._key_of(camera.id), camera.stills, floor=camera.still_floor)
            except HubError as error:
                self._counters.count(f"sweep.{type(error).__name__}")
                if isinstance(error, Throttled) and error.retry_after:
                    pauses[camera.id] = error.retry_after

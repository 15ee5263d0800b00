"""Detects motion in one camera's pictures."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
import logging
import random
from typing import Final

from ..kernel.clock import Clock
from ..kernel.counters import Counters
from ..kernel.errors import AuthError, HubError, Malformed
from ..kernel.model import CameraEvent, EventKind, EventPhase, Image
from ..kernel.observers import without_text
from ..kernel.policy import Backoff, Chance, pause_after
from .grey import Grey
from .motion import Detector, MotionSettings, Reading, Spell

_LOGGER = logging.getLogger(__name__)

# Analysed pictures per second: nobody crosses a scene in a fifth of a second.
FPS: Final = 5.0
_BACKOFF: Final = Backoff(first=5, factor=2, maximum=300, jitter=1)
# Consecutive unreadable pictures after which the stream is reopened.
_UNREADABLE: Final = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """One picture to look at: both calls are slow, so they are made outside the event loop; `taken_at` is aware."""

    taken_at: datetime
    grey: Callable[[], Grey] = field(repr=False)
    jpeg: Callable[[], bytes] = field(repr=False)


type Sights = Callable[[], AsyncGenerator[Sight]]


class MotionWatch:
    """Analyses the newest picture each time, skipping those that arrived meanwhile.

    Motion becomes one event with START and END; START carries a picture. A source that ends is reopened with growing
    waits, after an hour for `Unsupported`; `AuthError` ends the watch. `error` is the last failure.
    """

    def __init__(
        self,
        camera: str,
        sights: Sights,
        settings: MotionSettings,
        deliver: Callable[[CameraEvent], None],
        *,
        clock: Clock,
        counters: Counters,
        random: Chance = random.random,
    ) -> None:
        """Watch nothing yet."""
        self._camera = camera
        self._sights = sights
        self._settings = settings
        self._deliver = deliver
        self._clock = clock
        self._counters = counters
        self._random = random
        self._task: asyncio.Task[None] | None = None
        self._event: CameraEvent | None = None
        self.error: HubError | None = None

    @property
    def running(self) -> bool:
        """Return whether it is running."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Watch until `close`; does nothing if it is already running."""
        if not self.running:
            self.error = None
            self._task = asyncio.create_task(self._run(), name=f"motion of {self._camera}")

    async def close(self) -> None:
        """Stop watching; motion in progress ends."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._end(self._clock.now())

    async def _run(self) -> None:
        delays = _BACKOFF.delays(self._random)
        while True:
            began = self._clock.monotonic()
            try:
                await self._read()
                self.error = None
            except AuthError as error:
                self.error = error
                self._end(self._clock.now())
                return
            except HubError as error:
                self.error = error
            except Exception as error:
                # A picture that crashes a decoder must not end the watch until the next restart.
                _LOGGER.exception("Watching for motion failed in a way it should not", exc_info=without_text(error))
                self.error = HubError(type(error).__name__)
            self._end(self._clock.now())
            if self._clock.monotonic() - began > _BACKOFF.maximum:
                delays = _BACKOFF.delays(self._random)
            pause = next(delays)
            await self._clock.sleep(pause if self.error is None else pause_after(self.error, pause))

    async def _read(self) -> None:
        """Analyse the pictures of one connection until it ends; raises HubError."""
        detector, spell = Detector(self._settings), Spell(self._settings)
        looked, unreadable = -1 / FPS, 0
        async with aclosing(self._sights()) as sights:
            async for sight in sights:
                now = self._clock.monotonic()
                if now - looked < 1 / FPS:
                    continue
                since, looked = min(now - looked, 1.0), now
                try:
                    reading = await asyncio.to_thread(_look, detector, sight, since)
                except Malformed:
                    self._counters.count("motion.unreadable")
                    unreadable += 1
                    if unreadable >= _UNREADABLE:
                        raise
                    continue
                unreadable = 0
                await self._tell(spell.feed(reading, now), reading, sight)

    async def _tell(self, phase: EventPhase | None, reading: Reading, sight: Sight) -> None:
        if phase is EventPhase.START:
            picture = await asyncio.to_thread(sight.jpeg)
            self._event = CameraEvent(
                id=f"{self._camera}-{sight.taken_at.timestamp():.3f}",
                camera=self._camera,
                kind=EventKind.MOTION,
                at=sight.taken_at,
                phase=phase,
                zones=reading.zones,
                score=round(reading.score, 2),
                image=Image(content=picture, taken_at=sight.taken_at, source="motion"),
            )
            self._deliver(self._event)
        elif phase is EventPhase.END:
            self._end(sight.taken_at)

    def _end(self, at: datetime) -> None:
        """Report the end of motion, if there is any."""
        event, self._event = self._event, None
        if event is not None:
            self._deliver(
                CameraEvent(
                    id=event.id,
                    camera=event.camera,
                    kind=event.kind,
                    at=at,
                    phase=EventPhase.END,
                    zones=event.zones,
                    score=event.score,
                )
            )


def _look(detector: Detector, sight: Sight, since: float) -> Reading:
    return detector.look(sight.grey(), since)


def of_frames(frames: Callable[[], AsyncGenerator[tuple[bytes, datetime]]], decode: Callable[[bytes], Grey]) -> Sights:
    """Return the sights of a run of JPEG frames."""

    async def sights() -> AsyncGenerator[Sight]:
        async with aclosing(frames()) as run:
            async for jpeg, taken_at in run:
                yield Sight(taken_at=taken_at, grey=partial(decode, jpeg), jpeg=partial(bytes, jpeg))

    return sights

"""Moves clips from a queue to an archive: a few at a time, retried until they are there, each once."""

import asyncio
from collections.abc import Callable, Iterable
import logging
import random
from typing import Final

from ..kernel.clock import Clock
from ..kernel.counters import Counters
from ..kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ..kernel.observers import Observers, without_text
from ..kernel.policy import Backoff
from ..kernel.waiting import first_of
from .queue import ClipQueue, Job, State
from .spool import Spool, disk_error
from .steps import NoClip, NotYet, Steps

_LOGGER = logging.getLogger(__name__)

PARALLEL: Final = 2
BACKOFF: Final = Backoff(first=5, factor=2, maximum=3600, jitter=3)
# Consecutive failures after which a clip is given up: days of an outage, but few of a fault that will hardly pass.
MOST_FAILURES: Final = 100
MOST_FAULTS: Final = 4
# The states in which a clip waits for its archive.
ARCHIVING: Final = frozenset({State.PROBED, State.STORED})
# Seconds until a refused login is retried, as each attempt may count towards a lock.
_REFUSED: Final = 3600.0
# Seconds between two checks for a clip in progress, and between two attempts to open the queue.
_LOOK: Final = 20.0
_REOPEN: Final = 60.0
# The most jobs kept in memory while the disk fails.
_UNSAVED: Final = 1000


class Pipeline:
    """Works through a queue until it is closed."""

    def __init__(
        self,
        queue: ClipQueue,
        spool: Spool,
        steps: Steps,
        *,
        clock: Clock,
        counters: Counters,
        parallel: int = PARALLEL,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Take the parts; nothing is read yet."""
        self._queue = queue
        self._spool = spool
        self._steps = steps
        self._clock = clock
        self._counters = counters
        self._parallel = parallel
        self._chance = chance
        self._due: dict[int, float] = {}
        self._known_since: dict[int, float] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._unsaved: list[Job] = []
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._archived: Observers[Job] = Observers("an archived clip")
        self._changed: Observers[()] = Observers("the clip queue")
        self._failures: Observers[Job, HubError] = Observers("a clip that has to wait")
        self.reason: str | None = None

    def on_archived(self, listener: Callable[[Job], None]) -> Callable[[], None]:
        """Call `listener` with each clip that is in the archive, at least once each; returns the undo."""
        return self._archived.add(listener)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when a job came, moved or failed; returns the undo."""
        return self._changed.add(listener)

    def on_failed(self, listener: Callable[[Job, HubError], None]) -> Callable[[], None]:
        """Call `listener` with a job that failed in the state it is in (WAITING: at its source); returns the undo."""
        return self._failures.add(listener)

    def start(self) -> None:
        """Work in a task of its own, which `close` ends."""
        self._loop = asyncio.create_task(self._run())

    async def add(self, job: Job) -> bool:
        """Queue a job; return whether it is new. One that cannot be written now is written later."""
        try:
            kept = await self._queue.add(job)
        except Unreachable:
            # If the process ends now it is lost, as there is nowhere to write it.
            self._unsaved = [*self._unsaved[-_UNSAVED + 1 :], job]
            self._counters.count("clips.unsaved")
            self._wake.set()
            return True
        if kept is None:
            self._counters.count("clips.repeated")
        else:
            self._plan(kept.id, 0)
        # A known job may have learned its clip.
        self._wake.set()
        self._changed.tell()
        return kept is not None

    async def retry(self, ids: Iterable[int] | None = None) -> int:
        """Retry jobs that were given up, by default all; return how many. Raises Unreachable."""
        revived = await self._queue.revive(ids, self._clock.now().timestamp())
        for job in revived:
            self._plan(job.id, 0)
        self._wake.set()
        self._changed.tell()
        return len(revived)

    async def close(self) -> None:
        """Stop; the next start continues."""
        tasks = [*self._running.values(), *([self._loop] if self._loop else [])]
        self._loop = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._queue.close()

    async def _run(self) -> None:
        while not await self._load():
            await self._clock.sleep(_REOPEN)
        while True:
            await self._save()
            self._begin()
            self._wake.clear()
            await self._pause()

    async def _load(self) -> bool:
        """Schedule what an earlier run has left; return False if the disk fails."""
        try:
            unfinished, dead = await self._queue.unfinished(), await self._queue.dead()
            await self._spool.sweep({job.local for job in (*unfinished, *dead) if job.local})
            await self._queue.trim()
        except Unreachable as error:
            self._note(error)
            return False
        now = self._clock.now().timestamp()
        for job in unfinished:
            # The clock may have been set while we were away. What only waits for the archive is tried at once: it may
            # have been mended.
            waits = 0 if job.state in ARCHIVING else min(max(job.due - now, 0), BACKOFF.maximum)
            self._plan(job.id, waits)
        self.reason = None
        self._changed.tell()
        return True

    async def _save(self) -> None:
        while self._unsaved:
            try:
                kept = await self._queue.add(self._unsaved[0])
            except Unreachable:
                return
            self._unsaved.pop(0)
            if kept is not None:
                self._plan(kept.id, 0)

    def _plan(self, number: int, wait: float) -> None:
        now = self._clock.monotonic()
        self._due[number] = now + wait
        self._known_since.setdefault(number, now)

    def _begin(self) -> None:
        now = self._clock.monotonic()
        ready = [number for number, due in self._due.items() if due <= now and number not in self._running]
        for number in ready[: self._parallel - len(self._running)]:
            del self._due[number]
            self._running[number] = asyncio.create_task(self._work(number))

    async def _pause(self) -> None:
        """Wait until a job is due."""
        now = self._clock.monotonic()
        waits = [due - now for number, due in self._due.items() if number not in self._running]
        if self._unsaved:
            waits.append(_REOPEN)
        if len(self._running) >= self._parallel or not waits:
            await self._wake.wait()
            return
        await first_of(self._wake.wait(), self._clock.sleep(max(0, min(waits))))

    async def _work(self, number: int) -> None:
        """Take one job through as many steps as possible."""
        job: Job | None = None
        try:
            job = await self._queue.get(number)
            while job is not None and job.state is not State.DONE and not job.dead:
                taken = await self._steps.take(job, self._clock.monotonic() - self._known_since[number])
                if taken is not None and taken.state is State.VERIFIED:
                    self._archived.tell(taken)
                job = taken
            self._known_since.pop(number, None)
            self.reason = None
        except HubError as error:
            await self._failed(number, error)
        except OSError as error:
            await self._failed(number, disk_error(error))
        except Exception as error:
            # A fault in a vendor's reader or a store's library must not end the queue; its text may hold an address.
            _LOGGER.exception("Archiving a clip failed in a way it should not", exc_info=without_text(error))
            await self._failed(number, Malformed(type(error).__name__))
        finally:
            del self._running[number]
            self._wake.set()
        self._changed.tell()

    async def _failed(self, number: int, error: HubError) -> None:
        """Store the failure and when to retry."""
        try:
            if (job := await self._queue.get(number)) is not None:
                await self._judge(job, error)
        except Unreachable as trouble:
            self._note(trouble)
            self._plan(number, _REOPEN)

    async def _judge(self, job: Job, error: HubError) -> None:
        if isinstance(error, NoClip):
            self._counters.count("clips.none")
            await self._queue.forget(job)
            self._known_since.pop(job.id, None)
            return
        if isinstance(error, NotYet):
            self._plan(job.id, _LOOK)
            return
        self._note(error)
        self._failures.tell(job, error)
        faults = job.faults + isinstance(error, Malformed)
        failures = job.attempts + (not isinstance(error, AuthError))
        if isinstance(error, Unsupported) or faults >= MOST_FAULTS or failures >= MOST_FAILURES:
            await self._queue.change(job, dead=True, attempts=failures, faults=faults, reason=error.reason)
            self._known_since.pop(job.id, None)
            _LOGGER.warning("A clip of %s is not in the archive: %s", job.camera, error.reason)
            return
        wait = self._wait(failures, error)
        due = self._clock.now().timestamp() + wait
        await self._queue.change(job, attempts=failures, faults=faults, reason=error.reason, due=due)
        self._plan(job.id, wait)

    def _wait(self, failures: int, error: HubError) -> float:
        if isinstance(error, AuthError):
            return _REFUSED
        wait = min(BACKOFF.first * BACKOFF.factor ** min(failures - 1, 20), BACKOFF.maximum)
        wait += BACKOFF.jitter * self._chance()
        return max(wait, error.retry_after or 0) if isinstance(error, Throttled) else wait

    def _note(self, error: HubError) -> None:
        self.reason = error.reason
        self._counters.count(f"clips.{error.reason}")

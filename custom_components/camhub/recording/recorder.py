"""Records one camera: on motion with a pre-roll, manually, or into a given file."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
import logging
from pathlib import Path
from typing import Any, Final

from ..kernel.errors import AuthError, HubError, Unreachable, Unsupported
from ..kernel.model import CameraEvent, EventPhase
from ..kernel.observers import without_text
from ..kernel.policy import Backoff, pause_after
from ..kernel.samples import Sample, Source
from ..kernel.waiting import first_of
from .encoding import Container, Encoding
from .finish import Seen
from .library import Name, Trigger, new_file
from .pre_roll import PreRoll
from .session import RecordingSession, Tools
from .writer import FfmpegWriter

_LOGGER = logging.getLogger(__name__)

_BACKOFF: Final = Backoff(first=1, factor=2, maximum=60, jitter=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingSettings:
    """How a camera is recorded, in seconds; `automatic` on motion."""

    automatic: bool = False
    duration: float = 30
    pre_roll: float = 5
    maximum: float = 300
    encoding: Encoding = field(default_factory=Encoding)


class Recorder:
    """Reads the camera during a recording, and permanently if there is a pre-roll.

    One recording at a time goes into the library; further events make it longer. One more may go into a given file.
    """

    def __init__(
        self, camera: str, source: Source, settings: RecordingSettings, tools: Tools, *, pre_roll: bool = True
    ) -> None:
        """Read nothing yet; without `pre_roll` the camera is not read between recordings."""
        self._camera = camera
        self._source = source
        self._settings = settings
        self._tools = tools
        self._before = PreRoll(settings.pre_roll)
        self._keeps_before = pre_roll and settings.pre_roll > 0
        self._armed = False
        self._closed = False
        self._reading: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._current: tuple[RecordingSession, asyncio.Task[Seen]] | None = None
        self._film: tuple[RecordingSession, asyncio.Task[Seen]] | None = None
        # Ids of events in progress, which keep a recording going.
        self._going_on: set[str] = set()
        self.error: HubError | None = None

    @property
    def recording(self) -> bool:
        """Return whether one is being made."""
        return self._current is not None or self._film is not None

    def arm(self, *, on: bool) -> None:
        """Turn recording on motion on or off; a running recording continues to its end."""
        self._armed = on and self._settings.automatic and not self._closed
        if not self._armed:
            self._going_on.clear()
            self._before.clear()
        self._read_or_rest()

    def hear(self, event: CameraEvent) -> None:
        """Start a recording because of an event, or extend the running one."""
        if not self._armed or isinstance(self.error, AuthError):
            return
        match event.phase:
            case EventPhase.END | EventPhase.PRESENT:
                self._going_on.discard(event.id)
                return
            case EventPhase.UPDATE if event.id not in self._going_on:
                # It may come after the end.
                return
            case EventPhase.START:
                self._going_on.add(event.id)
        now = self._tools.clock.monotonic()
        if self._current is None:
            session = self._begin(Trigger.MOTION, now + self._settings.duration, now + self._settings.maximum, event)
            session.while_lasting(lambda: bool(self._going_on))
        else:
            self._current[0].put_off(now + self._settings.duration)

    async def start(self, seconds: float | None = None) -> Path:
        """Start a manual recording, or extend the running one; return its file.

        Returns with the first picture; raises HubError if there will be none.
        """
        if self._closed:
            raise Unsupported("the account is being closed", reason="shutting_down")
        until = self._tools.clock.monotonic() + (seconds or self._settings.duration)
        session = self._current[0] if self._current else self._begin(Trigger.MANUAL, until, until, None)
        session.latest = max(session.latest, until)
        session.put_off(until)
        if self._current is not None:
            await first_of(session.begun.wait(), self._current[1])
        if not session.begun.is_set() or session.file is None:
            raise copy(self.error) or Unreachable("not one picture came", reason="no_frames")
        return session.file

    async def stop(self) -> Path | None:
        """Stop the library's recording; return its file once it can be played, None if there was no recording.

        Raises HubError if the recording failed.
        """
        if self._current is None:
            return None
        session, task = self._current
        session.stop()
        await asyncio.shield(task)
        return session.file

    async def film(self, file: Path, seconds: float, lookback: float) -> None:
        """Record into a file outside the library and return when it is there; raises HubError."""
        if self._film is not None or self._closed:
            raise Unsupported("one file at a time", reason="recording_already")
        container = Container.WEBM if file.suffix.lower() == ".webm" else Container.MP4
        now = self._tools.clock.monotonic()
        encoding = Encoding(quality=self._settings.encoding.quality, container=container)
        session = RecordingSession(self._tools, encoding, until=now + seconds, latest=now + seconds)
        task = asyncio.create_task(self._run(session, session.into_file(file, self._kept(lookback))))
        self._film = session, task
        task.add_done_callback(self._film_over)
        self._wanted.set()
        self._changed()
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            session.stop()
            raise

    async def close(self) -> None:
        """Stop everything; running recordings are finished."""
        self._closed = True
        self.arm(on=False)
        running = [each for each in (self._current, self._film) if each is not None]
        for session, _ in running:
            session.stop()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        if self._resting is not None:
            await asyncio.wait({self._resting})

    def _begin(self, trigger: Trigger, until: float, latest: float, event: CameraEvent | None) -> RecordingSession:
        clock, settings = self._tools.clock, self._settings
        session = RecordingSession(self._tools, settings.encoding, until=until, latest=latest)
        at, lookback = clock.monotonic(), settings.pre_roll if trigger is Trigger.MOTION else 0.0
        before = self._before.last(lookback, at)
        start = clock.now() - timedelta(seconds=at - before[0].at if before else 0.0)
        name = Name(trigger=trigger, start=start, container=settings.encoding.container)
        place = partial(new_file, self._tools.library.of(self._camera).folder, name)
        work = session.into_library(place, self._kept(lookback), start)
        task = asyncio.create_task(self._tell(session, work, event), name=f"recording of {self._camera}")
        self._current = session, task
        task.add_done_callback(self._over)
        self._wanted.set()
        self._changed()
        return session

    def _kept(self, lookback: float) -> Callable[[], Sequence[Sample]]:
        """Return a function that returns the pre-roll from now back `lookback` seconds, and what came since."""
        at = self._tools.clock.monotonic()
        before = self._before.last(lookback, at)

        def kept() -> Sequence[Sample]:
            since = self._before.last(self._tools.clock.monotonic() - at, self._tools.clock.monotonic())
            return [*before, *(sample for sample in since if not before or sample.at > before[-1].at)]

        return kept

    async def _tell(
        self, session: RecordingSession, work: Coroutine[Any, Any, Seen], event: CameraEvent | None
    ) -> Seen:
        """Make a recording for the library and report it."""
        seen = await self._run(session, work)
        if session.file is not None:
            shelf = self._tools.library.of(self._camera)
            clip = await asyncio.to_thread(shelf.clip, session.file)
            self._tools.on_finished(clip, event)
        return seen

    async def _run(self, session: RecordingSession, work: Coroutine[Any, Any, Seen]) -> Seen:
        """Make a recording; failures are reported and raised."""
        tools = self._tools
        try:
            seen = await work
        except HubError as error:
            # The camera's refusal says more than the lack of a picture.
            failure = self.error if error.reason == "no_frames" and self.error is not None else error
            self.error = failure
            tools.counters.count(f"recorder.{failure.reason}")
            tools.on_problem(failure.reason)
            raise failure from None
        tools.counters.count("recorder.finished")
        tools.on_problem(None)
        return seen

    def _over(self, task: asyncio.Task[Seen]) -> None:
        self._current = None
        _look_away(task)
        self._changed()

    def _film_over(self, task: asyncio.Task[Seen]) -> None:
        self._film = None
        _look_away(task)
        self._changed()

    def _changed(self) -> None:
        self._read_or_rest()
        self._tools.on_change(self._camera)

    def _read_or_rest(self) -> None:
        """Start or stop reading as needed; after a refused login only a new recording starts it."""
        refused = isinstance(self.error, AuthError)
        wanted = self.recording or (self._armed and self._keeps_before and not refused)
        if wanted and (self._reading is None or self._reading.done()):
            self.error = None
            self._reading = asyncio.create_task(self._read(), name=f"pictures of {self._camera} to record")
        elif not wanted and self._reading is not None:
            # It may be wanted again before it has ended.
            self._reading.cancel()
            self._resting, self._reading = self._reading, None

    async def _read(self) -> None:
        """Read and reconnect until the login is refused."""
        delays = _BACKOFF.delays(self._tools.chance)
        while True:
            begun, failure = self._tools.clock.monotonic(), None
            try:
                await self._read_once()
            except HubError as error:
                self.error = failure = error
            except Exception as error:
                # A picture that a library trips over must not end the reading until the next event.
                _LOGGER.exception("Reading a camera to record failed", exc_info=without_text(error))
                self.error = failure = HubError(type(error).__name__)
            if isinstance(failure, AuthError | Unsupported):
                self._stop_sessions()
            if isinstance(failure, AuthError):
                return
            if self._tools.clock.monotonic() - begun > _BACKOFF.maximum:
                delays = _BACKOFF.delays(self._tools.chance)
            pause = next(delays) if failure is None else pause_after(failure, next(delays))
            # A new recording tries again at once.
            self._wanted.clear()
            early = (self._wanted.wait(),) if isinstance(failure, Unsupported) else ()
            await first_of(self._tools.clock.sleep(pause), *early)

    async def _read_once(self) -> None:
        async with aclosing(self._source()) as samples:
            async for sample in samples:
                self.error = None
                if self._armed and self._keeps_before:
                    self._before.add(sample)
                for writer in self._writers():
                    writer.feed(sample)

    def _writers(self) -> list[FfmpegWriter]:
        return [
            each[0].writer for each in (self._current, self._film) if each is not None and each[0].writer is not None
        ]

    def _stop_sessions(self) -> None:
        for each in (self._current, self._film):
            if each is not None:
                each[0].stop()


def _look_away(task: asyncio.Task[Seen]) -> None:
    """Take note of a failure that nobody waits for: it was told."""
    if not task.cancelled():
        task.exception()

"""A camera whose clips a test makes, and a pipeline over it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, override

from custom_components.camhub.kernel.clock import Clock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.errors import HubError, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, Clip, EventKind
from custom_components.camhub.kernel.provider import Clips
from custom_components.camhub.recording.archives import Archive
from custom_components.camhub.recording.naming import DEFAULT_PATTERN, name_of
from custom_components.camhub.recording.pipeline import Pipeline
from custom_components.camhub.recording.queue import ClipQueue, Job, State, job_of
from custom_components.camhub.recording.spool import Spool
from custom_components.camhub.recording.steps import Place, Steps
from tests.fake_clock import FakeClock, settle

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CAMERA = "yard"
# The bucket of the tests' store, and what opens it.
NAME = "clips"
KEYS = ("an-access-key", "a-secret-key-of-the-store")


class Shelf(Clips):
    """Clips that are there as soon as a test says so."""

    def __init__(self) -> None:
        self.films: dict[str, bytes] = {}
        self.listed: list[Clip] = []
        self.errors: list[HubError] = []
        self.listing_errors: list[HubError] = []
        self.read_count = 0
        self.most_at_once = 0
        self.open = 0
        self.started: asyncio.Queue[str] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()

    def add(self, name: str, content: bytes, at: datetime = START, **changes: Any) -> Clip:
        fields: dict[str, Any] = {"end": at + timedelta(seconds=9), "kind": EventKind.MOTION, **changes}
        clip = Clip(id=name, camera=CAMERA, start=at, **fields)
        self.films[name] = content
        self.listed.append(clip)
        return clip

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        if self.listing_errors:
            raise self.listing_errors.pop(0)
        return [clip for clip in self.listed if clip.start <= end and (clip.end is None or clip.end >= start)]

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        self.read_count += 1
        self.started.put_nowait(clip.id)
        self.open += 1
        self.most_at_once = max(self.most_at_once, self.open)
        try:
            if clip.id not in self.films:
                raise Unsupported("no such clip", reason="not_on_server")
            content = self.films[clip.id]
            yield content[: len(content) // 2]
            await self.gate.wait()
            if self.errors:
                raise self.errors.pop(0)
            yield content[len(content) // 2 :]
        finally:
            self.open -= 1


def event(name: str, clip: Clip | None = None, at: datetime = START, **changes: Any) -> CameraEvent:
    """Return motion before the camera."""
    return CameraEvent(id=name, camera=CAMERA, kind=EventKind.MOTION, at=at, clip=clip, **changes)


class Signals(FakeClock):
    """A clock that tells when somebody goes to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        self.news.set()
        await super().sleep(seconds)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Return once it is so; looked at whenever there is news."""
        while not reached():
            self.news.clear()
            await self.news.wait()
            await settle()


class World:
    """A pipeline from a shelf to an archive, in a folder."""

    def __init__(self, folder: Path, archive: Archive, clock: Clock, **changes: Any) -> None:
        self.folder = folder
        self.clock = clock
        self.shelf = Shelf()
        self.queue = ClipQueue(folder / "queue")
        self.spool = Spool(
            folder / "spool", **{key: changes.pop(key) for key in ("reserve", "most", "free") if key in changes}
        )
        self.counters = Counters(clock)
        settings = {key: changes.pop(key) for key in ("program", "convert") if key in changes}
        place = Place(archive=archive, key=changes.pop("key", "archive"), name=named, **settings)
        self.steps = Steps(self.queue, self.spool, self._clips_of, place, clock)
        self.pipeline = Pipeline(
            self.queue, self.spool, self.steps, clock=clock, counters=self.counters, chance=lambda: 0.0, **changes
        )
        self.archived: list[Job] = []
        self.pipeline.on_archived(self.archived.append)

    def _clips_of(self, source: str, camera: str) -> Clips:
        assert (source, camera) == ("vendor", CAMERA)
        return self.shelf

    async def add(self, event: CameraEvent | None, clip: Clip | None = None) -> bool:
        job = job_of("vendor", CAMERA, clip, event, self.clock.now())
        assert job is not None
        return await self.pipeline.add(job)

    async def until(self, reached: Callable[[Sequence[Job]], bool]) -> Sequence[Job]:
        """Return the jobs once they are so; woken by every change."""
        changed = asyncio.Event()
        undo = self.pipeline.on_change(changed.set)
        try:
            while True:
                changed.clear()
                jobs = await self.jobs()
                if reached(jobs):
                    return jobs
                await changed.wait()
        finally:
            undo()

    async def jobs(self) -> Sequence[Job]:
        return await self.queue._select("ORDER BY id")

    async def idle(self) -> None:
        """Return once there is nothing to do at this time."""
        assert isinstance(self.clock, Signals)
        undo = self.pipeline.on_change(self.clock.news.set)
        await settle()
        await self.clock.until(self._is_idle)
        undo()

    def _is_idle(self) -> bool:
        now = self.clock.monotonic()
        return not self.pipeline._running and all(due > now for due in self.pipeline._due.values())

    async def after(self, seconds: float) -> Job:
        """Return the first job after so long, once there is nothing to do."""
        assert isinstance(self.clock, Signals)
        await self.clock.advance(seconds)
        await self.idle()
        return (await self.jobs())[0]

    @property
    def left(self) -> list[str]:
        """Return the names of the files in the spool."""
        return sorted(file.name for file in (self.folder / "spool").iterdir())


def done(jobs: Sequence[Job]) -> bool:
    return bool(jobs) and all(job.state is State.DONE for job in jobs)


def named(job: Job, ending: str) -> str:
    return name_of(job, pattern=DEFAULT_PATTERN, account="Home", camera="The Yard", zone=UTC, ending=ending)


@asynccontextmanager
async def running(world: World, *, wait: bool = True) -> AsyncGenerator[World]:
    """Let it work."""
    loaded = asyncio.Event()
    undo = world.pipeline.on_change(loaded.set)
    world.pipeline.start()
    try:
        if wait:
            await loaded.wait()
        undo()
        yield world
    finally:
        await world.pipeline.close()

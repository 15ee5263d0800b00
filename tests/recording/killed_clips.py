"""A pipeline that is killed at every stage: run it with FOLDER ROUNDS [STORE].

In each round a clip goes on its way in a folder of its own. For each stage, before and after each thing that lasts, a
child is forked that goes on from where the last one was, told of the event anew, and dies of SIGKILL there. The last
child gets to the end, and what is in the archive is counted. That is a folder, or a bucket of `STORE`. Prints how many
were killed.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import signal
import sqlite3
import sys
import traceback
from typing import Any, override

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.model import CameraEvent, Clip, EventKind
from custom_components.camhub.kernel.provider import Clips
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.recording.archives import Archive, Film, Stored
from custom_components.camhub.recording.archives.folder import FolderArchive
from custom_components.camhub.recording.archives.s3 import Bucket, S3Archive
from custom_components.camhub.recording.naming import DEFAULT_PATTERN, name_of
from custom_components.camhub.recording.pipeline import Pipeline
from custom_components.camhub.recording.queue import ClipQueue, Job, State, job_of
from custom_components.camhub.recording.spool import Spool
from custom_components.camhub.recording.steps import Place, Steps

from .clip_world import KEYS, NAME, START

# Smaller than a film, so that the store gets it in parts.
PART = 5 * 2**20
# In the order in which a clip comes by.
STAGES = (
    *("before add", "after add", "fetching", "before fetched", "after fetched", "before probed", "after probed"),
    *("before put", "after put", "before stored", "after stored", "before verify", "after verify"),
    *("before verified", "after verified", "before done", "after done"),
)
# Every so many rounds the film is one that has to be converted.
ODD = 5


class Death:
    """Comes at a stage."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def at(self, stage: str) -> None:
        if stage == self._stage:
            os.kill(os.getpid(), signal.SIGKILL)


class FilmClips(Clips):
    """The films of a folder."""

    def __init__(self, folder: Path, death: Death) -> None:
        self._folder = folder
        self._death = death

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        return []

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        content = (self._folder / clip.id).read_bytes()
        # More than is kept in memory, so that half of it is on the disk.
        for at in range(0, len(content), 2**20):
            yield content[at : at + 2**20]
            self._death.at("fetching")


class MortalQueue(ClipQueue):
    """Dies before or after a change."""

    def __init__(self, folder: Path, death: Death) -> None:
        super().__init__(folder)
        self._death = death

    @override
    async def add(self, job: Job) -> Job | None:
        self._death.at("before add")
        added = await super().add(job)
        self._death.at("after add")
        return added

    @override
    async def change(self, job: Job, **changes: Any) -> Job:
        self._death.at(f"before {changes.get('state')}")
        changed = await super().change(job, **changes)
        self._death.at(f"after {changes.get('state')}")
        return changed


class MortalArchive(Archive):
    """Dies before or after something is put or looked at."""

    def __init__(self, archive: Archive, death: Death) -> None:
        self._archive = archive
        self._death = death

    @override
    async def put(self, film: Film, name: str) -> Stored:
        self._death.at("before put")
        stored = await self._archive.put(film, name)
        self._death.at("after put")
        return stored

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        self._death.at("before verify")
        await self._archive.verify(stored, film)
        self._death.at("after verify")

    @override
    async def check(self) -> None:
        await self._archive.check()

    @override
    def address(self, reference: str) -> str:
        return self._archive.address(reference)

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        return await self._archive.link(reference, seconds)

    @override
    async def delete(self, reference: str) -> None:
        await self._archive.delete(reference)

    @override
    async def close(self) -> None:
        await self._archive.close()


def named(job: Job, ending: str) -> str:
    return name_of(job, pattern=DEFAULT_PATTERN, account="Home", camera="Yard", zone=UTC, ending=ending)


def archive_at(place: str) -> Archive:
    if not place.startswith("http"):
        return FolderArchive(Path(place))
    address, _, prefix = place.partition("#")
    bucket = Bucket(name=NAME, endpoint=address, prefix=prefix, access_key=KEYS[0], secret_key=Secret(KEYS[1]))
    return S3Archive(bucket, part=PART)


def event_of(number: int, name: str) -> CameraEvent:
    at = START + timedelta(minutes=number)
    clip = Clip(id=name, camera="yard", start=at, end=at + timedelta(seconds=5), kind=EventKind.MOTION)
    return CameraEvent(id=name, camera="yard", kind=EventKind.MOTION, at=at, clip=clip)


async def work(folder: Path, place: str, stage: str) -> None:
    """Archive every film of the folder; all events are told anew, as a vendor's history does."""
    death, clock = Death(stage), SystemClock()
    queue, spool, archive = MortalQueue(folder / "queue", death), Spool(folder / "spool"), archive_at(place)
    clips = FilmClips(folder / "films", death)
    target = Place(archive=MortalArchive(archive, death), key="archive", name=named)
    steps = Steps(queue, spool, lambda *_: clips, target, clock)
    pipeline = Pipeline(queue, spool, steps, clock=clock, counters=Counters(clock))
    changed = asyncio.Event()
    pipeline.on_change(changed.set)
    pipeline.start()
    try:
        for number, name in enumerate(sorted(file.name for file in (folder / "films").iterdir())):
            job = job_of("vendor", "yard", None, event_of(number, name), clock.now())
            assert job is not None
            await pipeline.add(job)
        while True:
            changed.clear()
            if not (await queue.tally()).pending:
                break
            await changed.wait()
    finally:
        await pipeline.close()
        await archive.close()


def in_child(folder: Path, place: str, stage: str) -> int:
    """Work in a process of its own; return how it ended."""
    if (pid := os.fork()) == 0:
        try:
            asyncio.run(work(folder, place, stage))
        except BaseException:  # noqa: BLE001 - as said below
            # Whatever it was: the parent counts, and this must not go on as a second one.
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def prepare(folder: Path, made: Path) -> None:
    """Lay out what a round needs."""
    (folder / "films").mkdir(parents=True)
    (folder / "films" / made.name).symlink_to(made)
    (folder / "kept").mkdir()


def check(folder: Path, *, kept: bool) -> None:
    """Nothing is lost, nothing is there twice, nothing is left."""
    with closing(sqlite3.connect(folder / "queue" / "queue.sqlite")) as db:
        states = [row[0] for row in db.execute("SELECT state FROM jobs")]
    assert states == [State.DONE], states
    assert not list((folder / "spool").iterdir())
    if kept:
        found = [file for file in (folder / "kept").rglob("*") if file.is_file()]
        assert len(found) == 1, found


def main(folder: Path, rounds: int, store: str | None) -> int:
    """Kill at every stage, in every round."""
    killed = 0
    for number in range(rounds):
        ground = folder / str(number)
        prepare(ground, folder / "made" / ("odd" if number % ODD == 1 else "plays"))
        place = f"{store}#{number}" if store else str(ground / "kept")
        for stage in STAGES:
            ended = in_child(ground, place, stage)
            assert ended == -signal.SIGKILL, (stage, ended)
            killed += 1
        assert in_child(ground, place, "") == 0
        check(ground, kept=store is None)
    return killed


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), int(sys.argv[2]), next(iter(sys.argv[3:]), None))}\n")

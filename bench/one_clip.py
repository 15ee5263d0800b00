"""One clip through the pipeline in a process of its own: `FOLDER PLACE MEGABYTES`; prints what it added in memory.

`FOLDER/film.mp4` is the beginning of the clip, the rest is padding that players pass over.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
import gc
import json
from pathlib import Path
import sys
from typing import Final, override

import aiobotocore.session

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.model import Clip, EventKind
from custom_components.camhub.kernel.provider import Clips
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.recording.archives import Archive
from custom_components.camhub.recording.archives.folder import FolderArchive
from custom_components.camhub.recording.archives.s3 import Bucket, S3Archive
from custom_components.camhub.recording.naming import DEFAULT_PATTERN, name_of
from custom_components.camhub.recording.pipeline import Pipeline
from custom_components.camhub.recording.queue import ClipQueue, Job, job_of
from custom_components.camhub.recording.spool import Spool
from custom_components.camhub.recording.steps import Place, Steps

MB: Final = 2**20
KEY: Final = "bench"


class Padded(Clips):
    """A film and so many MiB of padding, in pieces as a socket gives them."""

    def __init__(self, film: bytes) -> None:
        self._film = film

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        return []

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        yield self._film
        for _ in range(int(clip.id) * MB // 65536):
            yield bytes(65536)


def memory(field: str) -> float:
    """Return MiB that the kernel says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def forget_peak() -> None:
    """Have the kernel take the memory of now for the most there was."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def archive_at(place: str) -> Archive:
    """Return the archive, with its bucket made."""
    if not place.startswith("http"):
        return FolderArchive(Path(place))
    client = aiobotocore.session.AioSession().create_client(
        "s3", region_name="us-east-1", endpoint_url=place, aws_access_key_id=KEY, aws_secret_access_key=KEY
    )
    async with client as opened:
        await opened.create_bucket(Bucket=KEY)
    return S3Archive(Bucket(name=KEY, endpoint=place, access_key=KEY, secret_key=Secret(KEY)))


def named(job: Job, ending: str) -> str:
    """Return what a clip is called."""
    return name_of(job, pattern=DEFAULT_PATTERN, account="Bench", camera="Yard", zone=UTC, ending=ending)


async def bring(pipeline: Pipeline, megabytes: int) -> None:
    """Return once a clip is in the archive."""
    there = asyncio.Event()
    undo = pipeline.on_archived(lambda _: there.set())
    at = datetime(2026, 1, 2, tzinfo=UTC)
    clip = Clip(id=str(megabytes), camera="yard", start=at, end=at + timedelta(seconds=5), kind=EventKind.MOTION)
    job = job_of("vendor", "yard", clip, None, at)
    assert job is not None
    await pipeline.add(job)
    await there.wait()
    undo()


async def main(folder: Path, place: str, megabytes: int) -> float:
    """Return the MiB that a large clip adds to what a small one leaves."""
    clock, clips = SystemClock(), Padded((folder / "film.mp4").read_bytes())
    queue, spool, archive = ClipQueue(folder / "queue"), Spool(folder / "spool"), await archive_at(place)
    steps = Steps(queue, spool, lambda *_: clips, Place(archive=archive, key=KEY, name=named), clock)
    pipeline = Pipeline(queue, spool, steps, clock=clock, counters=Counters(clock))
    pipeline.start()
    try:
        await bring(pipeline, 1)
        gc.collect()
        idle = memory("VmRSS")
        forget_peak()
        await bring(pipeline, megabytes)
        return memory("VmHWM") - idle
    finally:
        await pipeline.close()
        await archive.close()


if __name__ == "__main__":
    peak = asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    sys.stdout.write(json.dumps({"peak_mb": peak}))

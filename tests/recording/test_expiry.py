from datetime import timedelta
from pathlib import Path
from typing import override

import pytest

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.recording.archives.folder import FolderArchive
from custom_components.camhub.recording.expiry import Expiry
from custom_components.camhub.recording.queue import ClipQueue

from .clip_world import START, Signals, World, done, event, running
from .films import film

DAY = 86_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (kept := tmp_path / "kept").mkdir()
    return kept


async def archived(tmp_path: Path, folder: Path, clock: Signals) -> ClipQueue:
    """Archive a clip and return the queue that knows of it."""
    world = World(tmp_path, FolderArchive(folder), clock)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.until(done)
    return world.queue


def kept(folder: Path) -> int:
    return sum(file.is_file() for file in folder.rglob("*"))


async def test_what_is_too_old_goes(tmp_path: Path, folder: Path) -> None:
    clock = Signals()
    queue = await archived(tmp_path, folder, clock)
    other = Expiry(queue, FolderArchive(folder), "another", 2, clock)
    expiry = Expiry(queue, FolderArchive(folder), "archive", 2, clock)
    await clock.advance(2 * DAY - 60)
    assert await expiry.run() == 0
    await clock.advance(120)
    assert await other.run() == 0
    assert kept(folder) == 1
    assert await expiry.run() == 1
    assert kept(folder) == 0
    assert await expiry.run() == 0
    await queue.close()


async def test_nothing_goes_because_a_clock_was_set(tmp_path: Path, folder: Path) -> None:
    clock = Signals()
    queue = await archived(tmp_path, folder, clock)
    expiry = Expiry(queue, FolderArchive(folder), "archive", 2, clock)
    clock._start += timedelta(days=4000)
    for _ in range(23):
        assert await expiry.run() == 0
        await clock.advance(3600)
    # Somebody saw it and set it back: what was never too old stays.
    clock._start = START
    for _ in range(25):
        assert await expiry.run() == 0
        await clock.advance(3600)
    assert kept(folder) == 1
    await queue.close()


async def test_what_cannot_be_deleted_is_known_on(tmp_path: Path, folder: Path) -> None:
    clock = Signals()
    queue = await archived(tmp_path, folder, clock)

    class Away(FolderArchive):
        @override
        async def delete(self, reference: str) -> None:
            raise Unreachable

    away = Expiry(queue, Away(folder), "archive", 2, clock)
    await clock.advance(3 * DAY)
    with pytest.raises(Unreachable):
        await away.run()
    expiry = Expiry(queue, FolderArchive(folder), "archive", 2, clock)
    assert await expiry.run() == 1
    await queue.close()

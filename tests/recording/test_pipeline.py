import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
import os
from pathlib import Path
import sqlite3
from typing import override

import pytest

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import AuthError, Malformed, Throttled, Unreachable
from custom_components.camhub.recording.archives import Film, Stored
from custom_components.camhub.recording.archives.folder import FolderArchive
from custom_components.camhub.recording.queue import FORMAT, QUEUE_FILE, ClipQueue, Job, State, job_of

from .clip_world import CAMERA, START, Signals, World, done, event, running
from .films import film


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (kept := tmp_path / "kept").mkdir()
    return kept


@pytest.fixture
def clock() -> Signals:
    return Signals()


@pytest.fixture
def world(tmp_path: Path, folder: Path, clock: Signals) -> World:
    return World(tmp_path, FolderArchive(folder), clock)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("codec", "kind", "same"), [("libx264", "mp4", True), ("mpeg4", "mp4", False), ("libx264", "matroska", False)]
)
async def test_a_clip_gets_to_the_archive(world: World, folder: Path, codec: str, kind: str, same: bool) -> None:
    content = film(codec, kind)
    clip = world.shelf.add("c1", content)
    async with running(world):
        assert await world.add(event("e1", clip))
        (job,) = await world.until(done)
    assert list(files(folder)) == [job.reference]
    assert job.reference is not None
    assert job.reference.startswith("The_Yard/2026-01-02/030405_motion_")
    kept = files(folder)[job.reference]
    assert (kept == content) is same
    assert (job.size, job.sha256) == (len(kept), sha256(kept).hexdigest())
    assert job.processed_at == START.timestamp()
    assert world.left == []
    assert [each.key for each in world.archived] == [job.key]
    assert b"avc1" in kept


async def test_what_should_stay_as_it_is_does(tmp_path: Path, folder: Path, clock: Signals) -> None:
    world = World(tmp_path, FolderArchive(folder), clock, convert=False)
    content = film("mpeg4", "matroska")
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", content)))
        (job,) = await world.until(done)
    assert job.content_type == "video/x-matroska"
    assert files(folder) == {f"{job.reference}": content}
    assert f"{job.reference}".endswith(".mkv")


async def test_one_event_told_often_is_one_clip(world: World, folder: Path) -> None:
    clip = world.shelf.add("c1", film())
    async with running(world):
        assert await world.add(event("e1"))
        assert not await world.add(event("e1", clip))
        assert not await world.add(event("e2", clip, metadata={"event_id": "e1"}))
        await world.until(done)
        assert not await world.add(event("e1", clip))
        # Another event of the same clip is not another clip.
        assert await world.add(event("e3", clip))
        (job,) = await world.until(lambda jobs: done(jobs) and bool(jobs[0].also))
    assert len(files(folder)) == 1
    assert world.left == []
    for name in ("e1", "e3", "c1", None):
        assert (found := await world.queue.archived(CAMERA, name))
        assert found.id == job.id
    assert await world.queue.archived(CAMERA, "e4") is None
    await world.queue.close()


async def test_it_waits_until_the_clip_is_there(world: World, clock: Signals, folder: Path) -> None:
    async with running(world):
        await world.add(event("e1"))
        await world.idle()
        world.shelf.add("c1", film(), end=None)
        await clock.advance(21)
        await world.idle()
        assert files(folder) == {}
        world.shelf.listed.clear()
        world.shelf.add("recording", film(), kind=None)
        world.shelf.add("other", film(), at=START - timedelta(seconds=20))
        world.shelf.add("c1", film(shade=9))
        await clock.advance(21)
        (job,) = await world.until(done)
    assert job.clip_id == "c1"
    assert files(folder) == {f"{job.reference}": film(shade=9)}


async def test_a_clip_whose_end_nobody_tells_is_taken_after_a_while(world: World, clock: Signals) -> None:
    clip = world.shelf.add("c1", film(), end=None)
    async with running(world):
        await world.add(event("e1", clip))
        await world.idle()
        assert (await world.after(40)).state is State.WAITING
        assert world.shelf.read_count == 0
        assert (await world.after(21)).state is State.DONE


async def test_an_event_without_a_clip_is_forgotten(world: World, clock: Signals) -> None:
    async with running(world):
        await world.add(event("e1"))
        await world.idle()
        for _ in range(44):
            assert (await world.after(20)).clip_id is None
        await clock.advance(21)
        await world.idle()
        assert await world.jobs() == []
        assert world.counters.get("clips.none") == 1
        assert world.pipeline._known_since == {}, "there are many such events, and nothing of them is kept"


async def test_an_outage_is_waited_out(world: World, clock: Signals) -> None:
    world.shelf.errors = [Unreachable(), Throttled(retry_after=400), Unreachable(reason="clip_broken_off")]
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        assert (await world.after(0)).attempts == 1
        assert world.left == []
        assert (await world.after(4.9)).attempts == 1
        assert (await world.after(0.2)).attempts == 2
        assert (await world.after(399)).attempts == 2
        job = await world.after(2)
        assert (job.attempts, job.reason) == (3, "clip_broken_off")
        assert world.pipeline.reason == "clip_broken_off"
        await clock.advance(21)
        (job,) = await world.until(done)
    assert [job.attempts, job.reason, world.pipeline.reason] == [0, None, None]


async def test_a_refused_login_is_left_alone_for_an_hour(world: World, clock: Signals) -> None:
    refused: list[tuple[State, str]] = []
    world.pipeline.on_failed(lambda job, error: refused.append((job.state, error.reason)))
    world.shelf.errors = [AuthError()]
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        assert refused == [(State.WAITING, "invalid_auth")]
        assert (await world.after(3599)).attempts == 0
        assert world.shelf.read_count == 1
        await clock.advance(2)
        await world.until(done)


async def test_what_is_no_film_waits_for_the_user(world: World, clock: Signals, folder: Path) -> None:
    clip = world.shelf.add("c1", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    async with running(world):
        await world.add(event("e1", clip))
        await world.idle()
        await world.after(6)
        await world.after(11)
        job = await world.after(21)
        assert job.dead
        assert (job.reason, job.faults, job.state) == ("clip_not_a_film", 4, State.WAITING)
        assert world.left == []
        tally = await world.queue.tally()
        assert (tally.pending, tally.dead, tally.last) == (0, 1, None)
        # Somebody mended it, and asks for it.
        world.shelf.films["c1"] = film()
        assert await world.pipeline.retry([job.id + 1]) == 0
        assert await world.pipeline.retry() == 1
        await world.until(done)
    assert len(files(folder)) == 1


async def test_a_clip_that_is_gone_waits_for_the_user(world: World) -> None:
    clip = world.shelf.add("c1", b"")
    del world.shelf.films["c1"]
    async with running(world):
        await world.add(event("e1", clip))
        (job,) = await world.until(lambda jobs: jobs[0].dead)
    assert job.reason == "not_on_server"


async def test_nothing_in_it_is_no_clip(world: World, clock: Signals) -> None:
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", b"")))
        await world.idle()
        assert (await world.after(0)).reason == "clip_empty"
    assert world.left == []


class Troubled(FolderArchive):
    """Fails as it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.errors: list[Exception] = []
        self.damage: list[bytes] = []
        self.folder = folder
        self.puts = 0

    @override
    async def put(self, film: Film, name: str) -> Stored:
        self.puts += 1
        if self.errors:
            raise self.errors.pop(0)
        stored = await super().put(film, name)
        if self.damage:
            (self.folder / name).write_bytes(self.damage.pop())
        return stored


async def test_an_archive_in_trouble_costs_no_second_fetch(tmp_path: Path, folder: Path, clock: Signals) -> None:
    archive = Troubled(folder)
    archive.errors = [Unreachable(reason="archive_full"), OSError("odd"), RuntimeError("a fault"), AuthError()]
    world = World(tmp_path, archive, clock)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        for reason in ("archive_full", "spool_unusable", "malformed", "invalid_auth"):
            assert (await world.after(0)).reason == reason
            await clock.advance(3600)
            await world.idle()
        (job,) = await world.until(done)
    assert world.shelf.read_count == 1
    assert len(files(folder)) == 1
    assert job.processed_at == clock.now().timestamp()


async def test_what_arrives_damaged_is_sent_again(tmp_path: Path, folder: Path, clock: Signals) -> None:
    archive = Troubled(folder)
    archive.damage = [b"other"]
    world = World(tmp_path, archive, clock)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        assert (await world.after(0)).reason == "archive_differs"
        assert files(folder) == {}
        await clock.advance(6)
        (job,) = await world.until(done)
    assert files(folder) == {f"{job.reference}": film()}


async def test_a_name_that_is_taken_gets_a_number(world: World, folder: Path) -> None:
    clip = world.shelf.add("c1", film())
    async with running(world):
        await world.add(event("e1", clip))
        (job,) = await world.until(done)
    (folder / f"{job.reference}").write_bytes(b"the user's own")
    await world.queue.forget(job)
    async with running(world):
        await world.add(event("e1", clip))
        (job,) = await world.until(done)
    assert f"{job.reference}".endswith(".2.mp4")
    assert sorted(files(folder).values(), key=len) == [b"the user's own", film()]


async def test_another_archive_gets_what_was_not_verified_yet(tmp_path: Path, folder: Path, clock: Signals) -> None:
    class Slow(FolderArchive):
        @override
        async def verify(self, stored: Stored, film: Film) -> None:
            raise Unreachable

    world = World(tmp_path, Slow(folder), clock)
    clip = world.shelf.add("c1", film())
    async with running(world):
        await world.add(event("e1", clip))
        await world.idle()
        assert (await world.after(0)).state is State.STORED
    (other := tmp_path / "other").mkdir()
    second = World(tmp_path, FolderArchive(other), clock, key="another")
    async with running(second):
        await clock.advance(10)
        (job,) = await second.until(done)
    assert job.archive == "another"
    assert list(files(other)) == [job.reference]
    assert second.shelf.read_count == 0


async def test_a_clip_whose_file_is_gone_is_fetched_again(tmp_path: Path, folder: Path, clock: Signals) -> None:
    archive = Troubled(folder)
    archive.errors = [Unreachable()]
    world = World(tmp_path, archive, clock)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        assert (await world.after(0)).state is State.PROBED
        for file in (tmp_path / "spool").iterdir():
            file.unlink()
        await clock.advance(6)
        await world.until(done)
    assert world.shelf.read_count == 2
    assert len(files(folder)) == 1


async def test_a_full_disk_leaves_the_clips_where_they_are(tmp_path: Path, folder: Path, clock: Signals) -> None:
    free = [100, 10, 0]
    world = World(tmp_path, FolderArchive(folder), clock, reserve=50, free=lambda _: free.pop(0) if free else 100)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        job = await world.after(0)
        assert (job.reason, job.state) == ("disk_full", State.WAITING)
        assert world.left == []
        assert (await world.after(6)).reason == "disk_full"
        await clock.advance(11)
        await world.until(done)
    assert len(files(folder)) == 1


async def test_a_disk_that_fills_in_the_middle_of_a_clip(tmp_path: Path, folder: Path, clock: Signals) -> None:
    world = World(tmp_path, FolderArchive(folder), clock)
    async with running(world):
        world.spool.path("1.fetched").symlink_to("/dev/full")
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        job = await world.after(0)
        assert (job.reason, job.state, world.left) == ("disk_full", State.WAITING, [])
        await clock.advance(6)
        await world.until(done)
    assert len(files(folder)) == 1


async def test_no_more_waits_than_may(tmp_path: Path, folder: Path, clock: Signals) -> None:
    archive = Troubled(folder)
    archive.errors = [Unreachable()]
    world = World(tmp_path, archive, clock, most=10, parallel=1)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        await world.add(event("e2", world.shelf.add("c2", film(shade=5))))
        await world.until(lambda jobs: len(jobs) == 2 and jobs[1].reason == "spool_full")
        assert world.left == ["1.fetched"]
        await world.idle()
        await clock.advance(6)
        await world.until(lambda jobs: done(jobs[:1]))
        await world.idle()
        await clock.advance(6)
        await world.until(done)
    assert len(files(folder)) == 2


FAKE_FFMPEG = """#!/bin/sh
trap '' INT
for last; do :; done
printf half > "${last#file:}"
echo > %s
while :; do sleep 1000 & wait; done
"""


async def test_an_ffmpeg_that_ignores_everything_is_killed(tmp_path: Path, folder: Path, clock: Signals) -> None:
    os.mkfifo(begun := tmp_path / "begun")
    program = tmp_path / "ffmpeg"
    program.write_text(FAKE_FFMPEG % begun, encoding="utf-8")
    program.chmod(0o700)
    world = World(tmp_path, FolderArchive(folder), clock, program=str(program))
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film("mpeg4"))))
        await asyncio.to_thread(begun.read_bytes)
        assert "1.film" in world.left
        await clock.advance(301)
        await clock.until(lambda: 3.0 in clock.slept)
        await clock.advance(3)
        await clock.until(lambda: 5.0 in clock.slept)
        job = await world.after(5)
        assert (job.reason, job.state) == ("clip_not_converted", State.FETCHED)
        assert world.left == ["1.fetched"]


async def test_it_waits_until_there_is_an_ffmpeg(tmp_path: Path, folder: Path, clock: Signals) -> None:
    world = World(tmp_path, FolderArchive(folder), clock, program=str(tmp_path / "none"))
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film("mpeg4"))))
        (job,) = await world.until(lambda jobs: jobs[0].attempts > 0)
        assert (job.reason, job.dead) == ("ffmpeg_missing", False)
    # Its file is kept for when there is one.
    assert world.left == ["1.fetched"]
    second = World(tmp_path, FolderArchive(folder), clock)
    async with running(second):
        await clock.advance(5)
        await second.until(done)
    assert second.shelf.read_count == 0


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=4000)])
async def test_clocks_jump(tmp_path: Path, folder: Path, clock: Signals, jump: timedelta) -> None:
    world = World(tmp_path, FolderArchive(folder), clock)
    world.shelf.errors = [Unreachable(), Unreachable()]
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.idle()
        clock._start += jump
        assert (await world.after(6)).attempts == 2
    # It was away meanwhile, and the clock was set.
    clock._start += jump
    second = World(tmp_path, FolderArchive(folder), clock)
    second.shelf.films = world.shelf.films
    async with running(second):
        await second.idle()
        await second.after(3601)
        await second.until(done)
    assert len(files(folder)) == 1


async def test_a_few_at_a_time(world: World, folder: Path) -> None:
    world.shelf.gate.clear()
    for number in range(8):
        world.shelf.add(f"c{number}", film(shade=number))
    async with running(world):
        for number in range(8):
            await world.add(event(f"e{number}", world.shelf.listed[number]))
        for _ in range(2):
            await world.shelf.started.get()
        world.shelf.gate.set()
        await world.until(done)
    assert world.shelf.most_at_once == 2
    assert len(files(folder)) == 8


async def test_a_thousand_clips(tmp_path: Path, folder: Path) -> None:
    world = World(tmp_path, FolderArchive(folder), SystemClock(), parallel=4)
    content = film()
    clips = [world.shelf.add(f"c{number}", content + b"\0" * number) for number in range(1000)]
    jobs = [job_of("vendor", CAMERA, clip, event(f"e{clip.id}", clip), START) for clip in clips]
    async with running(world):
        for job in jobs:
            assert job is not None
            assert await world.pipeline.add(job)
        ready = asyncio.Event()
        world.pipeline.on_change(lambda: ready.set() if len(world.archived) == 1000 else None)
        await ready.wait()
        await world.until(done)
    assert sorted(len(kept) for kept in files(folder).values()) == [len(content) + number for number in range(1000)]
    assert world.left == []
    assert len({job.id for job in world.archived}) == 1000
    assert world.shelf.read_count == 1000


async def test_what_the_disk_does_not_take_is_kept_in_memory(
    world: World, clock: Signals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(world):
        add: Callable[[ClipQueue, Job], object] = ClipQueue.add

        async def refuse(queue: ClipQueue, job: Job) -> Job | None:
            raise Unreachable(reason="not_stored")

        with monkeypatch.context() as patch:
            patch.setattr(ClipQueue, "add", refuse)
            assert await world.add(event("e1", world.shelf.add("c1", film())))
            await clock.advance(61)
            assert await world.jobs() == []
        assert ClipQueue.add is add
        await clock.advance(61)
        await world.until(done)
    assert len(files(folder)) == 1


async def test_a_queue_that_does_not_open_is_tried_again(tmp_path: Path, folder: Path, clock: Signals) -> None:
    (tmp_path / "queue").write_bytes(b"in the way")
    world = World(tmp_path, FolderArchive(folder), clock)
    async with running(world, wait=False):
        await clock.until(lambda: 60.0 in clock.slept)
        assert world.pipeline.reason == "not_stored"
        await world.add(event("e1", world.shelf.add("c1", film())))
        (tmp_path / "queue").unlink()
        await clock.advance(61)
        await world.until(done)
    assert len(files(folder)) == 1


async def test_a_queue_of_a_newer_version_is_refused_and_left(tmp_path: Path, folder: Path, clock: Signals) -> None:
    queue = ClipQueue(tmp_path / "queue")
    await queue.tally()
    await queue.close()
    file = tmp_path / "queue" / QUEUE_FILE
    with closing(sqlite3.connect(file)) as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        newer.execute(f"PRAGMA user_version = {FORMAT + 1}")
        newer.execute("ALTER TABLE jobs ADD COLUMN yet_unknown")
        newer.commit()
    written = file.read_bytes()
    world = World(tmp_path, FolderArchive(folder), clock)
    async with running(world, wait=False):
        await clock.until(lambda: 60.0 in clock.slept)
        assert world.pipeline.reason == "stored_newer"
        assert await world.add(event("e1", world.shelf.add("c1", film())))
    assert file.read_bytes() == written
    assert [each.name for each in (tmp_path / "queue").glob("queue*")] == [QUEUE_FILE]


async def test_a_queue_of_the_first_release_goes_on(tmp_path: Path, folder: Path, clock: Signals) -> None:
    queue = ClipQueue(tmp_path / "queue")
    await queue.tally()
    await queue.close()
    with closing(sqlite3.connect(tmp_path / "queue" / QUEUE_FILE)) as earlier:
        earlier.execute("PRAGMA user_version = 0")
    world = World(tmp_path, FolderArchive(folder), clock)
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.until(done)
    assert len(files(folder)) == 1


async def test_being_closed_in_the_middle_leaves_no_half(world: World, tmp_path: Path, clock: Signals) -> None:
    world.shelf.gate.clear()
    async with running(world):
        await world.add(event("e1", world.shelf.add("c1", film())))
        await world.shelf.started.get()
    assert world.left == []
    assert (await world.jobs())[0].state is State.WAITING
    await world.queue.close()


async def test_a_vendor_without_clips_is_malformed_only_by_its_own_fault(world: World, clock: Signals) -> None:
    world.shelf.listing_errors = [Malformed()]
    async with running(world):
        await world.add(event("e1"))
        await world.idle()
        assert (await world.after(0)).faults == 1

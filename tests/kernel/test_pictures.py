import asyncio
from contextlib import suppress
import errno
import logging
import os
from pathlib import Path
import stat
import struct
import threading
from typing import override

import pytest

from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.durable import replace_file
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.observers import Observers
from custom_components.camhub.kernel.pictures import PictureMemory, PictureStore, _pack
from custom_components.camhub.kernel.single_flight import SingleFlight
from custom_components.camhub.kernel.write_behind import WriteBehind
from tests.fake_clock import FakeClock, settle

from .album_parts import files, jpeg, picture


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    made = PictureStore(tmp_path, max_files=100, max_bytes=10**6)
    made.load()
    return made


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def reloaded(folder: Path, *, max_files: int = 100, max_bytes: int = 10**6) -> list[str]:
    return [facts.key for facts in PictureStore(folder, max_files=max_files, max_bytes=max_bytes).load()]


def test_memory_lets_go_of_what_was_not_used_for_longest(clock: FakeClock) -> None:
    memory = PictureMemory(300)
    for name in "abc":
        memory.put(name, picture(clock, name, 100))
    assert memory.get("a") is not None
    memory.put("d", picture(clock, "d", 100))
    assert [name in memory for name in "abcd"] == [True, False, True, True]
    assert memory.get("b") is None
    memory.put("c", picture(clock, "c", 50))
    assert memory.size == 250
    memory.remove("c")
    memory.remove("never")
    assert memory.size == 200


def test_memory_does_not_keep_what_is_larger_than_all_of_it(clock: FakeClock) -> None:
    memory = PictureMemory(99)
    memory.put("a", picture(clock, "a", 100))
    assert "a" not in memory
    assert memory.size == 0


def test_a_picture_comes_back_as_it_was(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    image = Image(content=jpeg("x"), taken_at=clock.now(), source="event", content_type="image/jpeg")
    assert store.apply({"key": image}).errors == ()
    assert store.read("key") == image
    assert PictureStore(tmp_path, max_files=1, max_bytes=10**6).read("key") == image
    assert stat.S_IMODE(only_file(tmp_path).stat().st_mode) == 0o600


def test_one_that_is_not_there_is_none(store: PictureStore) -> None:
    assert store.read("key") is None
    assert store.apply({"key": None}).errors == ()


def test_removed_is_removed(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    store.apply({"key": picture(clock, "x")})
    store.apply({"key": None})
    assert store.read("key") is None
    assert list(tmp_path.iterdir()) == []


def test_every_broken_byte_is_noticed_and_the_file_removed(
    store: PictureStore, tmp_path: Path, clock: FakeClock
) -> None:
    store.apply({"key": picture(clock, "x")})
    file = only_file(tmp_path)
    whole = file.read_bytes()
    for index in range(len(whole)):
        file.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
        assert store.read("key") is None
        assert not file.exists()


def test_every_cut_file_is_removed(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    store.apply({"key": picture(clock, "x")})
    file = only_file(tmp_path)
    whole = file.read_bytes()
    for length in (*range(len(whole)), len(whole) + 1):
        for look in (reloaded, lambda _folder: [] if store.read("key") is None else ["key"]):
            file.write_bytes((whole + b"x")[:length])
            assert look(tmp_path) == []
            assert not file.exists()


@pytest.mark.parametrize(
    "description",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"key": "key", "taken_at": 5, "source": "live", "content_type": "image/jpeg"}',
        b'{"key": "key", "taken_at": "soon", "source": "live", "content_type": "image/jpeg"}',
        b'{"key": "key", "taken_at": "2026-01-02T03:04:05", "source": "live", "content_type": "image/jpeg"}',
        b"\xff",
    ],
)
def test_a_description_that_is_not_ours_is_broken(
    store: PictureStore, tmp_path: Path, clock: FakeClock, description: bytes
) -> None:
    store.apply({"key": picture(clock, "x")})
    file = only_file(tmp_path)
    file.write_bytes(struct.pack(">8sIQI", b"CamHubP1", len(description), 0, 0) + description)
    assert reloaded(tmp_path) == []
    assert not file.exists()


def test_a_picture_of_another_key_is_broken(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    store.apply({"key": picture(clock, "x")})
    file = only_file(tmp_path)
    description, head = _pack("other", picture(clock, "x"))
    file.write_bytes(head + description + jpeg("x"))
    assert store.read("key") is None
    file.write_bytes(head + description + jpeg("x"))
    assert reloaded(tmp_path) == []


def test_a_sealed_description_without_a_zone_is_broken(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    naive = Image(content=jpeg("x"), taken_at=clock.now().replace(tzinfo=None))
    store.apply({"key": naive})
    assert store.read("key") is None


def test_loading_clears_away_halves_and_leaves_what_is_not_ours(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "0.picture.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder.picture").mkdir()
    store = PictureStore(tmp_path, max_files=10, max_bytes=10**6)
    store.apply({"key": picture(clock, "x")})
    assert reloaded(tmp_path) == ["key"]
    assert {"notes.txt", "folder.picture"} < {file.name for file in tmp_path.iterdir()}
    assert len(files(tmp_path)) == 3


def test_a_picture_of_a_newer_version_stays_until_another_takes_its_place(
    store: PictureStore, tmp_path: Path, clock: FakeClock
) -> None:
    store.apply({"key": picture(clock, "x")})
    file = only_file(tmp_path)
    newer = b"CamHubP2" + file.read_bytes()[8:] + b"more"
    file.write_bytes(newer)
    assert store.read("key") is None
    assert reloaded(tmp_path) == []
    assert file.read_bytes() == newer
    store.apply({"key": picture(clock, "y")})
    assert store.read("key") == picture(clock, "y")


def test_the_oldest_make_room_for_the_newest(tmp_path: Path, clock: FakeClock) -> None:
    store = PictureStore(tmp_path, max_files=3, max_bytes=10**6)
    store.apply({name: picture(clock, name) for name in "abc"})
    assert store.read("a") is not None
    assert store.apply({"d": picture(clock, "d")}).gone == ("b",)
    assert store.read("b") is None
    assert sorted(facts.key for facts in PictureStore(tmp_path, max_files=9, max_bytes=10**6).load()) == ["a", "c", "d"]


def test_bytes_are_bounded_too(tmp_path: Path, clock: FakeClock) -> None:
    store = PictureStore(tmp_path, max_files=100, max_bytes=5000)
    for number in range(20):
        store.apply({str(number): picture(clock, str(number), 1000)})
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 5000
    assert len(files(tmp_path)) == 4


def test_a_smaller_bound_holds_from_the_next_start(store: PictureStore, tmp_path: Path, clock: FakeClock) -> None:
    for age, name in enumerate("dcba"):
        store.apply({name: picture(clock, name)})
        file = store._file(name)
        os.utime(file, (10**9 - age, 10**9 - age))
    assert reloaded(tmp_path, max_files=2) == ["c", "d"]
    assert len(files(tmp_path)) == 2


def test_one_that_is_gone_already_makes_room_as_well(tmp_path: Path, clock: FakeClock) -> None:
    store = PictureStore(tmp_path, max_files=1, max_bytes=10**6)
    store.apply({"a": picture(clock, "a")})
    only_file(tmp_path).unlink()
    assert store.apply({"b": picture(clock, "b")}).gone == ("a",)


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_picture_before(
    store: PictureStore, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = picture(clock, "old")
    store.apply({"key": old})
    monkeypatch.setattr(os, "fsync", full)
    applied = store.apply({"key": picture(clock, "new"), "other": None})
    assert [error.errno for error in applied.errors] == [errno.ENOSPC, errno.ENOSPC]
    assert store.read("key") == old
    assert len(files(tmp_path)) == 1


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    replace_file(file, [b"first ", b"version"])
    seen: list[bytes] = []
    sync = os.fsync

    def look_and_sync(descriptor: int) -> None:
        seen.append(file.read_bytes())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look_and_sync)
    replace_file(file, [b"second"])
    assert seen == [b"first version"]
    assert file.read_bytes() == b"second"
    with pytest.raises(OSError, match="No such file"):
        replace_file(tmp_path / "gone" / "file", [b""])


def write_behind(
    store: PictureStore,
    clock: FakeClock,
    *,
    gone: list[str] | None = None,
    counters: Counters | None = None,
    max_waiting: int = 10**6,
    delay: float = 0,
) -> WriteBehind:
    return WriteBehind(
        store,
        counters or Counters(clock),
        clock=clock,
        delay=delay,
        max_waiting=max_waiting,
        on_gone=(gone if gone is not None else []).append,
    )


async def test_a_shelf_writes_behind(store: PictureStore, clock: FakeClock) -> None:
    disk, image = write_behind(store, clock), picture(clock, "x")
    disk.change("key", image)
    assert disk.peek("key") is image
    await disk.flush()
    assert disk.peek("key") is None
    assert await disk.read("key") == image
    disk.change("key", None)
    assert disk.peek("key") is None
    await disk.flush()
    assert await disk.read("key") is None


class SlowStore(PictureStore):
    """Writes when it is let."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, max_files=100, max_bytes=10**6)
        self.writing = threading.Event()
        self.let = threading.Event()
        self.rounds: list[list[str]] = []

    @override
    def _make_room(self) -> list[str]:
        self.rounds.append(sorted(self._sizes))
        self.writing.set()
        self.let.wait(10)
        return super()._make_room()


async def test_only_the_newest_of_a_key_is_written(tmp_path: Path, clock: FakeClock) -> None:
    store = SlowStore(tmp_path)
    disk = write_behind(store, clock)
    disk.change("key", picture(clock, "1"))
    await asyncio.to_thread(store.writing.wait, 10)
    for number in range(2, 50):
        disk.change("key", picture(clock, str(number)))
    store.let.set()
    await disk.flush()
    assert len(store.rounds) == 2
    image = await disk.read("key")
    assert image is not None
    assert image.content == jpeg("49")


@pytest.fixture
def watched(tmp_path: Path) -> SlowStore:
    made = SlowStore(tmp_path)
    made.let.set()
    return made


async def test_a_camera_looked_at_all_the_time_is_written_now_and_then(watched: SlowStore, clock: FakeClock) -> None:
    disk = write_behind(watched, clock, delay=30)
    for number in range(29):
        disk.change("key", picture(clock, str(number)))
        await clock.advance(1)
    assert not watched.writing.is_set()
    disk.change("key", picture(clock, "29"))
    await clock.advance(1)
    assert await asyncio.to_thread(watched.writing.wait, 10)
    await disk.flush()
    assert watched.rounds == [["key"]]
    image = await disk.read("key")
    assert image is not None
    assert image.content == jpeg("29")
    assert clock.sleepers == 0


async def test_flushing_and_removing_do_not_wait(watched: SlowStore, clock: FakeClock) -> None:
    disk = write_behind(watched, clock, delay=30)
    disk.change("key", picture(clock, "1"))
    await disk.flush()
    assert await disk.read("key") is not None
    watched.writing.clear()
    disk.change("key", None)
    assert await asyncio.to_thread(watched.writing.wait, 10)
    await disk.flush()
    watched.writing.clear()
    disk.change("key", picture(clock, "2"))
    await settle()
    assert not watched.writing.is_set()
    await disk.flush()
    assert clock.sleepers == 0


async def test_much_that_waits_is_written_sooner(watched: SlowStore, clock: FakeClock) -> None:
    disk = write_behind(watched, clock, delay=30, max_waiting=3000)
    disk.change("a", picture(clock, "a", 1500))
    await settle()
    assert not watched.writing.is_set()
    disk.change("b", picture(clock, "b", 100))
    assert await asyncio.to_thread(watched.writing.wait, 10)
    await disk.flush()
    assert watched.rounds == [["a", "b"]]


async def test_a_disk_too_slow_loses_the_oldest(tmp_path: Path, clock: FakeClock) -> None:
    store, counters = SlowStore(tmp_path), Counters(clock)
    disk = write_behind(store, clock, counters=counters, max_waiting=3000)
    disk.change("gone", None)
    await asyncio.to_thread(store.writing.wait, 10)
    for name in "abcde":
        disk.change(name, picture(clock, name, 1000))
    assert [disk.peek(name) is None for name in "abcde"] == [True, True, False, False, False]
    assert counters.get("pictures.disk_skipped") == 2
    store.let.set()
    await disk.flush()
    assert len(files(tmp_path)) == 3


async def test_a_shelf_writes_in_rounds(tmp_path: Path, clock: FakeClock) -> None:
    store, gone = PictureStore(tmp_path, max_files=30, max_bytes=10**6), list[str]()
    disk = write_behind(store, clock, gone=gone)
    for number in range(40):
        disk.change(str(number), picture(clock, str(number)))
    await disk.flush()
    assert gone == [str(number) for number in range(10)]
    assert len(files(tmp_path)) == 30


async def test_disk_errors_are_counted_and_said_once_until_it_works_again(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters(clock)
    disk = write_behind(PictureStore(tmp_path, max_files=9, max_bytes=10**6), clock, counters=counters)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            for name in "ab":
                disk.change(name, picture(clock, name))
                await disk.flush()
        disk.change("c", picture(clock, "c"))
        await disk.flush()
    assert counters.get("pictures.disk_error") == 8
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "Pictures cannot be kept on the disk: No space left on device"
    ] * 2


async def test_a_disk_that_cannot_be_read_has_nothing(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    counters = Counters(clock)
    store = PictureStore(tmp_path / "file", max_files=9, max_bytes=10**6)
    disk = write_behind(store, clock, counters=counters)
    assert await disk.load() == ()
    assert await disk.read("key") is None
    assert counters.get("pictures.disk_error") == 2
    await disk.flush()


async def test_a_flight_is_shared_and_a_new_one_starts_after_it() -> None:
    flight, started = SingleFlight[int](), 0

    async def work() -> int:
        nonlocal started
        started += 1
        return started

    first = flight.join("key", work)
    assert flight.join("key", work) is first
    assert flight.join("other", work) is not first
    assert "key" in flight
    await settle()
    assert "key" not in flight
    assert await flight.join("key", work) == 3


async def test_a_cancelled_flight_does_not_take_the_next_one_with_it() -> None:
    flight, go, forever = SingleFlight[None](), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await forever.wait()
        await go.wait()

    async def work() -> None:
        await forever.wait()

    flight.join("key", stubborn)
    await settle()
    cancelling = asyncio.create_task(flight.cancel(["key"]))
    await settle()
    following = flight.join("key", work)
    go.set()
    await cancelling
    assert flight.join("key", work) is following
    await flight.cancel()
    assert following.cancelled()
    await flight.cancel()


def test_observers_end_when_they_say_so(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []
    observers = Observers[int]("a number")

    def broken(_number: int) -> None:
        raise ValueError

    undo_broken, undo = observers.add(broken), observers.add(told.append)
    observers.tell(1)
    observers.tell(2)
    assert len(caplog.records) == 1
    undo()
    undo()
    undo_broken()
    observers.tell(3)
    assert told == [1, 2]
    assert len(caplog.records) == 1

from datetime import UTC, datetime, timedelta
import os
from pathlib import Path

import pytest

from custom_components.camhub.recording.encoding import Container
from custom_components.camhub.recording.finish import part_of, picture_of
from custom_components.camhub.recording.library import Library, Name, Trigger
from custom_components.camhub.recording.retention import RetentionLimits, free_bytes, short_of, sweep

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
NONE = RetentionLimits(days=0, size=0, free=0)


def put(library: Library, days_ago: float, *, camera: str = "yard", size: int = 1000) -> Path:
    start = NOW - timedelta(days=days_ago)
    file = library.of(camera).folder / Name(trigger=Trigger.MOTION, start=start, container=Container.WEBM).path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    picture_of(file).touch()
    os.utime(file, (start.timestamp() + 30, start.timestamp() + 30))
    return file


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "camhub", "a")


def test_without_limits_all_stays(library: Library) -> None:
    put(library, 1000)
    assert sweep(library, NONE, NOW) == []


def test_what_is_too_old_goes_with_its_picture_and_its_day(library: Library) -> None:
    old, other = put(library, 15), put(library, 14.5, camera="gate")
    young = put(library, 13)
    assert sweep(library, RetentionLimits(days=14, size=0, free=0), NOW) == [old, other]
    assert not old.parent.exists()
    assert young.exists()
    assert picture_of(young).exists()


def test_the_oldest_go_where_it_is_too_much(library: Library) -> None:
    first, second, third = put(library, 3), put(library, 2, camera="gate"), put(library, 1)
    assert sweep(library, RetentionLimits(days=0, size=2500, free=0), NOW) == [first]
    assert sweep(library, RetentionLimits(days=0, size=1, free=0), NOW) == [second, third]


def test_what_is_being_written_and_what_is_not_ours_stays(library: Library) -> None:
    file = put(library, 100)
    part = part_of(put(library, 99))
    part.touch()
    own = file.with_name("own.webm")
    own.touch()
    strangers = Library(library.root, "b")
    strange = put(strangers, 100)
    sweep(library, RetentionLimits(days=1, size=1, free=2**62), NOW)
    assert not file.exists()
    assert part.exists()
    assert own.exists()
    assert strange.exists()


def test_all_goes_before_the_disk_is_full_and_more_is_not_there(library: Library) -> None:
    assert not short_of(library.root, NONE)
    assert not short_of(library.root, RetentionLimits(free=1))
    greedy = RetentionLimits(days=0, size=0, free=2**62)
    put(library, 1)
    assert len(sweep(library, greedy, NOW)) == 1
    assert short_of(library.root, greedy)


def test_a_clock_that_was_set_back_deletes_nothing(library: Library) -> None:
    put(library, -30)
    assert sweep(library, RetentionLimits(days=1, size=0, free=0), NOW) == []


def test_a_file_that_cannot_be_deleted_hinders_nobody(library: Library) -> None:
    stuck = put(library, 3)
    stuck.unlink()
    # Nobody can unlink a folder as if it were a file.
    stuck.mkdir()
    young = put(library, 2)
    sweep(library, RetentionLimits(days=1, size=0, free=0), NOW + timedelta(days=1))
    assert stuck.exists()
    assert not young.exists()


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0

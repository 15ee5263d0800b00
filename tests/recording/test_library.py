from datetime import UTC, datetime, timedelta
import errno
import os
from pathlib import Path
import shutil
import subprocess

import pytest

from custom_components.camhub.kernel.errors import HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.kernel.model import Clip, EventKind
from custom_components.camhub.kernel.provider import PicturedClips
from custom_components.camhub.recording.encoding import Container
from custom_components.camhub.recording.finish import finish, look_into, part_of, picture_of
from custom_components.camhub.recording.library import Library, Name, Trigger, new_file, safe_name

from .film import jpeg, played

START = datetime(2025, 1, 26, 14, 30, 45, 123000, tzinfo=UTC)
NAME = "motion_2025-01-26T14-30-45-123Z_recording.webm"


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a film of two seconds of each kind."""
    folder = tmp_path_factory.mktemp("films")
    for name, codec, more in (
        ("film.webm", "libvpx", []),
        ("film.mp4", "libx264", ["-movflags", "+frag_keyframe+empty_moov"]),
    ):
        picture = "testsrc=duration=2:size=320x240:rate=10"
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", picture, "-c:v", codec, "-g", "5"]
        subprocess.run([*command, "-pix_fmt", "yuv420p", *more, str(folder / name)], check=True, timeout=60)
    return folder


def put(library: Library, films: Path, start: datetime, *, trigger: str = "motion", seconds: float = 2) -> Path:
    """Put a recording of a camera there."""
    name = Name(trigger=Trigger(trigger), start=start, container=Container.WEBM)
    file = library.of("yard").folder / name.path
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(films / "film.webm", file)
    end = (start + timedelta(seconds=seconds)).timestamp()
    os.utime(file, (end, end))
    return file


def test_names_are_those_that_users_know() -> None:
    name = Name(trigger=Trigger.MOTION, start=START, container=Container.WEBM)
    assert str(name) == NAME
    assert Name.read(NAME) == name
    assert name.path == Path("2025-01-26", NAME)
    manual = Name.read(NAME.replace("motion", "manual").replace("webm", "mp4"))
    assert manual is not None
    assert (manual.trigger, manual.container) == ("manual", "mp4")


@pytest.mark.parametrize("name", ["", "../x", NAME + ".part", NAME.replace("-26T", "-36T"), "x" + NAME, NAME + "\n"])
def test_what_is_not_of_a_recording(name: str) -> None:
    assert Name.read(name) is None


def test_folders_of_cameras_are_safe_and_their_own() -> None:
    keys = ["a~yard", "a~../../etc", "a~yard/1", "a~Büro", "a~" + "x" * 400, "a~" + "x" * 399 + "y", "a~a%2Fb", "a~a/b"]
    names = [safe_name(key) for key in keys]
    assert len(set(names)) == len(keys)
    assert all("/" not in name and len(name.encode()) < 255 for name in names)
    assert names[0] == "a~yard"


async def test_recordings_are_listed_by_their_names(tmp_path: Path, films: Path) -> None:
    library = Library(tmp_path, "a")
    assert await library.of("yard").between(START, START + timedelta(days=1)) == []
    late = put(library, films, START.replace(hour=23, minute=59, second=59))
    put(library, films, START)
    by_hand = put(library, films, START + timedelta(hours=1), trigger="manual")
    (by_hand.parent / "notes.txt").touch()
    part_of(by_hand.with_name(NAME.replace("45", "46"))).touch()
    clips = library.of("yard")
    assert isinstance(clips, PicturedClips)
    found = await clips.between(START, START + timedelta(days=1))
    assert [clip.start for clip in found] == [
        START,
        START + timedelta(hours=1),
        START.replace(hour=23, minute=59, second=59),
    ]
    assert found[0] == Clip(
        id=NAME,
        camera="yard",
        start=START,
        end=START + timedelta(seconds=2),
        kind=EventKind.MOTION,
        content_type="video/webm",
        size=late.stat().st_size,
    )
    assert (found[1].kind, found[1].label) == (None, "manual")
    # One that goes over midnight is found on the next day too.
    midnight = START.replace(day=27, hour=0, minute=0, second=0, microsecond=0)
    assert [clip.id for clip in await clips.between(midnight, midnight + timedelta(days=1))] == [late.name]
    assert await clips.between(START + timedelta(seconds=2), START + timedelta(minutes=1)) == []


async def test_a_file_whose_time_was_lost_ends_where_it_begins(tmp_path: Path, films: Path) -> None:
    library = Library(tmp_path, "a")
    os.utime(put(library, films, START))
    (clip,) = await library.of("yard").between(START, START + timedelta(seconds=1))
    assert clip.end == START


async def test_a_recording_is_read_whole_or_from_somewhere_on(tmp_path: Path, films: Path) -> None:
    library = Library(tmp_path, "a")
    file = put(library, films, START)
    clips = library.of("yard")
    (clip,) = await clips.between(START, START + timedelta(seconds=1))
    whole = file.read_bytes()
    assert b"".join([chunk async for chunk in clips.read(clip)]) == whole
    assert b"".join([chunk async for chunk in clips.read(clip, 1000)]) == whole[1000:]
    file.unlink()
    with pytest.raises(Unsupported) as caught:
        await anext(clips.read(clip))
    assert caught.value.reason == "no_recording"


async def test_pictures_are_made_anew_where_they_were_deleted(tmp_path: Path, films: Path) -> None:
    library = Library(tmp_path, "a")
    file = put(library, films, START)
    clips = library.of("yard")
    (clip,) = await clips.between(START, START + timedelta(seconds=1))
    made = await clips.thumbnail(clip)
    assert made.content.startswith(b"\xff\xd8")
    assert made.taken_at == START
    picture_of(file).write_bytes(jpeg(7))
    assert (await clips.thumbnail(clip)).content == jpeg(7)
    picture_of(file).unlink()
    file.unlink()
    with pytest.raises(Unsupported):
        await clips.thumbnail(clip)


async def test_nothing_of_what_is_asked_for_gets_into_a_path(tmp_path: Path) -> None:
    clips = Library(tmp_path, "a").of("yard")
    clip = Clip(id="../../../etc/passwd", camera="yard", start=START)
    with pytest.raises(Unsupported):
        await anext(clips.read(clip))
    with pytest.raises(Unsupported):
        clips.clip(tmp_path / "passwd")
    with pytest.raises(Unsupported):
        clips.clip(tmp_path / NAME)


def test_two_of_one_moment_get_names_of_their_own(tmp_path: Path) -> None:
    name = Name(trigger=Trigger.MOTION, start=START, container=Container.WEBM)
    first, second = new_file(tmp_path, name), new_file(tmp_path, name)
    part_of(first).replace(first)
    third = new_file(tmp_path, name)
    assert [file.name[27:30] for file in (first, second, third)] == ["123", "124", "125"]


def test_what_a_killed_home_assistant_left_is_mended(tmp_path: Path, films: Path) -> None:
    library = Library(tmp_path, "a")
    folder = library.of("yard").folder / "2025-01-26"
    folder.mkdir(parents=True)
    whole = (films / "film.webm").read_bytes()
    parts = {
        NAME: whole[: len(whole) // 2],
        NAME.replace("webm", "mp4"): (films / "film.mp4").read_bytes()[:-2000],
        NAME.replace("45", "46"): b"rubbish",
        NAME.replace("45", "47"): b"",
    }
    for name, content in parts.items():
        (folder / f"{name}.part").write_bytes(content)
    (folder / f"{NAME}.mended.part").write_bytes(b"half")
    (folder / "own.txt").touch()
    others = tmp_path / "b~yard" / "2025-01-26" / f"{NAME}.part"
    others.parent.mkdir(parents=True)
    others.touch()
    assert [path.name for path in library.mend()] == [NAME.replace("webm", "mp4"), NAME]
    left = sorted(path.name for path in folder.iterdir())
    assert left == [NAME.replace("webm", "jpg"), NAME.replace("webm", "mp4"), NAME, "own.txt"]
    for name in (NAME, NAME.replace("webm", "mp4")):
        film = played(folder / name)
        assert film.size == (320, 240)
        assert 0.4 < film.length < 2
        # A player learns how long it is.
        assert film.duration == pytest.approx(film.length, abs=0.2)
    assert others.exists()
    assert Library(tmp_path / "nowhere", "a").mend() == []


def test_what_the_disk_does_not_take_is_mended_at_the_next_start(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path, "a")
    folder = library.of("yard").folder / "2025-01-26"
    folder.mkdir(parents=True)
    shutil.copy(films / "film.webm", folder / f"{NAME}.part")

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr("custom_components.camhub.recording.finish._sync", fail)
        assert library.mend() == []
    assert [path.name for path in library.mend()] == [NAME]


def test_finishing_says_what_is_wrong(tmp_path: Path, films: Path) -> None:
    file = tmp_path / NAME
    part_of(file).write_bytes(b"rubbish")
    with pytest.raises(Malformed) as caught:
        finish(file, start=START, whole=True)
    assert caught.value.reason == "recording_empty"
    assert list(tmp_path.iterdir()) == []
    # A folder stands where the recording should.
    file.mkdir()
    (file / "in the way").touch()
    shutil.copy(films / "film.webm", part_of(file))
    with pytest.raises(HubError) as other:
        finish(file, start=START, whole=True)
    assert other.value.reason == "recorder_failed"


def test_sound_alone_is_no_recording(tmp_path: Path) -> None:
    file = tmp_path / "sound.webm"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1", str(file)]
    subprocess.run(command, check=True, timeout=60)
    with pytest.raises(Malformed):
        look_into(file)


def test_one_picture_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "one.mp4"
    picture = "testsrc=duration=0.1:size=320x240:rate=10"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", picture, str(file)]
    subprocess.run(command, check=True, timeout=60)
    seen = look_into(file)
    assert seen.seconds == 0
    assert seen.picture.startswith(b"\xff\xd8")


async def test_a_film_of_somebody_elses_lies_among_the_others(films: Path, tmp_path: Path) -> None:
    shelf = Library(tmp_path, "account").of("door")
    name = Name(trigger=EventKind.DOORBELL, start=START, container=Container.MP4)
    content = (films / "film.mp4").read_bytes()
    kept = shelf.keep(name, content)
    assert (kept.kind, kept.label, kept.start) == (EventKind.DOORBELL, None, START)
    assert kept.end is not None
    assert timedelta(seconds=1) < kept.end - kept.start < timedelta(seconds=3)
    assert [chunk async for chunk in shelf.read(kept)] == [content], "its bytes are as they were"
    assert (await shelf.thumbnail(kept)).content.startswith(b"\xff\xd8")
    assert list(await shelf.between(START, START + timedelta(hours=1))) == [kept]
    assert shelf.keep(name, content) == kept, "told of again"
    other = shelf.keep(name, content + bytes(8))
    assert other.start == START + timedelta(milliseconds=1)


def test_what_is_no_film_is_not_kept(tmp_path: Path) -> None:
    shelf = Library(tmp_path, "account").of("door")
    name = Name(trigger=EventKind.PERSON, start=START, container=Container.MP4)
    with pytest.raises(Malformed):
        shelf.keep(name, b"a page that says sorry")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_where_nothing_can_be_written_nothing_is_kept(films: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shelf = Library(tmp_path / "file", "account").of("door")
    name = Name(trigger=EventKind.PERSON, start=START, container=Container.MP4)
    with pytest.raises(Unreachable) as caught:
        shelf.keep(name, (films / "film.mp4").read_bytes())
    assert caught.value.reason == "recorder_failed"

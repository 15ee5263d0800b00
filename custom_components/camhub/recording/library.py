"""Where recordings lie, and what is there: `<root>/<camera>/<day>/<trigger>_<time>_recording.<webm|mp4>`.

A film that somebody else made has what it shows for its trigger.

The names say it all, there is no list of them elsewhere: files may be deleted or copied by anybody at any time. A
recording's end is its file's time.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import hashlib
from pathlib import Path
import re
from typing import Final, Self, override
from urllib.parse import quote

from ..kernel.errors import HubError, Unsupported
from ..kernel.model import Clip, EventKind, Image
from .encoding import Container
from .finish import PART, finish, keep, look_into, part_of, picture_of, unwritten

_NAME: Final = re.compile(r"([a-z_]+)_(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z_recording\.(webm|mp4)")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MILLISECOND: Final = timedelta(milliseconds=1)
# The longest that a file system takes is 255 bytes.
_LONGEST: Final = 150
_CHUNK: Final = 2**18
# No recording is longer; a file whose time says so was copied.
_LONGEST_RECORDING: Final = timedelta(hours=24)


class Trigger(StrEnum):
    """What made a recording begin."""

    MOTION = "motion"
    MANUAL = "manual"


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """What the name of a recording says; `start` is aware, in UTC, to the millisecond."""

    trigger: Trigger | EventKind
    start: datetime
    container: Container

    @override
    def __str__(self) -> str:
        start = self.start.astimezone(UTC)
        time = f"{start:%Y-%m-%dT%H-%M-%S}-{start.microsecond // 1000:03}Z"
        return f"{self.trigger}_{time}_recording.{self.container}"

    @property
    def path(self) -> Path:
        """Return where it lies in the camera's folder."""
        return Path(f"{self.start.astimezone(UTC):%Y-%m-%d}", str(self))

    @classmethod
    def read(cls, name: str) -> Self | None:
        """Return what a name says, None for one that is not of a recording."""
        if (found := _NAME.fullmatch(name)) is None:
            return None
        trigger, day, hour, minute, second, thousandth, container = found.groups()
        try:
            start = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}.{thousandth}+00:00")
            made_by = Trigger(trigger) if trigger in Trigger else EventKind(trigger)
        except ValueError:
            return None
        return cls(trigger=made_by, start=start, container=Container(container))


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One finished recording as it lies there."""

    path: Path
    name: Name
    end: datetime
    size: int


def safe_name(key: str) -> str:
    """Return a camera's key as the name of a folder: readable where it can be, never the same for two."""
    name = quote(key, safe=" ~")
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


class Library:
    """The recordings of one account."""

    def __init__(self, root: Path, account: str) -> None:
        """Look at nothing yet; `account` keeps those of others in the same root apart."""
        self.root = root
        self._account = account
        self._shelves: dict[str, LocalClips] = {}

    def of(self, camera_id: str) -> LocalClips:
        """Return the recordings of a camera, whether or not there are any."""
        if camera_id not in self._shelves:
            self._shelves[camera_id] = LocalClips(self.root / safe_name(f"{self._account}~{camera_id}"), camera_id)
        return self._shelves[camera_id]

    def recordings(self) -> list[Recording]:
        """Return all that lie there, oldest first; blocks."""
        found = [recording for folder in self._folders() for recording in recordings_in(folder)]
        return sorted(found, key=lambda recording: recording.name.start)

    def mend(self) -> list[Path]:
        """Finish what was being written when Home Assistant was killed, remove what cannot be; blocks.

        Returns what was finished. Only for a time when nothing records.
        """
        finished = []
        for folder in self._folders():
            for part in sorted(folder.glob(f"*/*{PART}")):
                file = part.with_name(part.name.removesuffix(PART))
                if (name := Name.read(file.name)) is None or part != part_of(file):
                    part.unlink(missing_ok=True)
                elif _mended(file, name):
                    finished.append(file)
        return finished

    def shelves(self) -> set[str]:
        """Return the names of the folders of cameras that were ever recorded; blocks."""
        return {folder.name for folder in self._folders()}

    def _folders(self) -> Iterator[Path]:
        """Yield the cameras' folders, also of cameras that are gone."""
        prefix = quote(f"{self._account}~", safe=" ~")
        with suppress(OSError):
            yield from sorted(path for path in self.root.iterdir() if path.name.startswith(prefix) and path.is_dir())


def _mended(file: Path, name: Name) -> bool:
    # Whatever is wrong with one, the others are to be mended too.
    with suppress(Exception):
        try:
            finish(file, start=name.start, whole=False)
        except HubError:
            # What cannot be played is gone; what a disk does not take now may be at the next start.
            return False
        return True
    part_of(file).unlink(missing_ok=True)
    return False


def recordings_in(folder: Path, days: Iterable[str] | None = None) -> Iterator[Recording]:
    """Yield the recordings of a camera's folder, those of some days where they are named; blocks."""
    if days is None:
        days = [path.name for path in _listed(folder) if _DAY.fullmatch(path.name)]
    for day in days:
        for path in _listed(folder / day):
            if (name := Name.read(path.name)) is not None:
                # It may be deleted meanwhile.
                with suppress(OSError):
                    yield recording_of(path, name)


def recording_of(path: Path, name: Name) -> Recording:
    """Return what is known of a file; raises OSError."""
    about = path.stat()
    end = datetime.fromtimestamp(about.st_mtime, UTC)
    if not name.start <= end <= name.start + _LONGEST_RECORDING:
        end = name.start
    return Recording(path=path, name=name, end=end, size=about.st_size)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


class LocalClips:
    """The recordings of one camera, to be listed and read as a vendor's are; each has a small picture."""

    def __init__(self, folder: Path, camera_id: str) -> None:
        """Look at nothing yet."""
        self.folder = folder
        self._camera = camera_id

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List what was recorded, oldest first."""
        return await asyncio.to_thread(self._between, start, end)

    def _between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        # One that goes over midnight lies with the day before.
        first = (start - _LONGEST_RECORDING).astimezone(UTC).date().isoformat()
        last = end.astimezone(UTC).date().isoformat()
        days = [path.name for path in _listed(self.folder) if _DAY.fullmatch(path.name) and first <= path.name <= last]
        found = [
            recording
            for recording in recordings_in(self.folder, days)
            if recording.name.start < end and (recording.end > start or recording.name.start >= start)
        ]
        return [self._clip(recording) for recording in sorted(found, key=lambda recording: recording.name.start)]

    def _clip(self, recording: Recording) -> Clip:
        trigger = recording.name.trigger
        by_hand = trigger is Trigger.MANUAL
        return Clip(
            id=recording.path.name,
            camera=self._camera,
            start=recording.name.start,
            end=recording.end,
            kind=None if by_hand else EventKind(trigger.value),
            label=trigger.value if by_hand else None,
            content_type=f"video/{recording.name.container}",
            size=recording.size,
        )

    def clip(self, file: Path) -> Clip:
        """Return a finished recording of this camera; blocks; raises Unsupported (`no_recording`)."""
        try:
            if (name := Name.read(file.name)) is not None:
                return self._clip(recording_of(file, name))
        except OSError:
            pass
        raise Unsupported("no such recording", reason="no_recording")

    def named(self, file: Path) -> Clip:
        """Return what is known of a recording, by its name alone while it is being made; blocks; raises Unsupported."""
        if (name := Name.read(file.name)) is not None and not file.exists():
            return replace(self._clip(Recording(path=file, name=name, end=name.start, size=0)), end=None, size=None)
        return self.clip(file)

    def path(self, clip: Clip) -> Path:
        """Return the file of a clip; raises Unsupported for an id that is not of a recording."""
        # Read and written again: nothing of what was asked for gets into the path.
        if (name := Name.read(clip.id)) is None:
            raise Unsupported("no such recording", reason="no_recording")
        return self.folder / name.path

    def keep(self, name: Name, content: bytes) -> Clip:
        """Put a film there unless it is there already, and return it; blocks; raises Malformed, Unreachable."""
        file = self.folder / name.path
        try:
            if not file.exists() or file.stat().st_size != len(content):
                file = new_file(self.folder, name)
                keep(file, content, start=name.start)
        except OSError as error:
            raise unwritten(error) from None
        return self.clip(file)

    async def read(self, clip: Clip, begin: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes of a clip from `begin` on; raises Unsupported where it is gone."""
        path = self.path(clip)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError:
            raise Unsupported("the recording is gone", reason="no_recording") from None
        try:
            file.seek(begin)
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        finally:
            file.close()

    async def thumbnail(self, clip: Clip) -> Image:
        """Return the small picture of a clip, made anew where somebody has deleted it; raises HubError."""
        content = await asyncio.to_thread(_picture, self.path(clip))
        return Image(content=content, taken_at=clip.start, source="recording")


def _picture(file: Path) -> bytes:
    with suppress(OSError):
        return picture_of(file).read_bytes()
    if not file.exists():
        raise Unsupported("the recording is gone", reason="no_recording")
    return look_into(file).picture


def new_file(folder: Path, name: Name) -> Path:
    """Return a file that there is not yet, reserved by its part, a moment later where there is one; blocks.

    Raises OSError.
    """
    while True:
        file = folder / name.path
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not file.exists():
                part_of(file).touch(exist_ok=False)
                return file
        except FileExistsError:
            pass
        name = Name(trigger=name.trigger, start=name.start + _MILLISECOND, container=name.container)

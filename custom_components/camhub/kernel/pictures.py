"""Where pictures are kept: the newest in memory, all of them as files; both bounded."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
import json
import logging
from pathlib import Path
import struct
from threading import Lock
from typing import Final
import zlib

from .durable import UNFINISHED, replace_file, sync_folder
from .model import Image

_LOGGER = logging.getLogger(__name__)

_SUFFIX: Final = ".picture"
# The last digit is the format's number; files of a higher one are a newer CamHub's.
_MAGIC: Final = b"CamHubP1"
_NEWER: Final = tuple(_MAGIC[:-1] + digit for digit in (b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"))
# Magic, length of the description, length of the picture, checksum of both.
_HEAD: Final = struct.Struct(">8sIQI")
_DESCRIPTION_LIMIT: Final = 64 * 2**10


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureFacts:
    """What is known of a kept picture without reading it; `taken_at` is aware."""

    key: str
    taken_at: datetime
    source: str
    content_type: str


class PictureMemory:
    """The pictures used last, as many as fit in `limit` bytes."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Return the bytes of all pictures."""
        return self._size

    def __contains__(self, key: str) -> bool:
        """Return whether it is here, without counting as use."""
        return key in self._images

    def get(self, key: str) -> Image | None:
        """Return a picture and remember that it was used."""
        if (image := self._images.get(key)) is not None:
            self._images.move_to_end(key)
        return image

    def put(self, key: str, image: Image) -> None:
        """Keep a picture; those not used for longest make room."""
        self.remove(key)
        self._images[key] = image
        self._size += len(image.content)
        while self._size > self._limit:
            _, oldest = self._images.popitem(last=False)
            self._size -= len(oldest.content)

    def remove(self, key: str) -> None:
        """Let go of a picture, if it is here."""
        if (image := self._images.pop(key, None)) is not None:
            self._size -= len(image.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What became of a round of changes: keys that made room for others, and what went wrong."""

    gone: tuple[str, ...]
    errors: tuple[OSError, ...]


class PictureStore:
    """One file per key, at most `max_files` of `max_bytes` in all; the one not used for longest goes first.

    A file holds the description and the picture, is named by a hash of its key and readable by us alone. One that is
    broken counts as not there and is removed; one of a newer CamHub's counts as not there and stays until a newer
    picture takes its place. All methods block; one thread at a time may change, any may read.
    """

    def __init__(self, folder: Path, *, max_files: int, max_bytes: int) -> None:
        """Touch nothing yet."""
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def load(self) -> list[PictureFacts]:
        """Return what is there from last time, oldest first, and clear away what is broken; raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found: list[tuple[float, int, PictureFacts]] = []
        for file in self._folder.iterdir():
            # One that cannot be read or removed costs nobody the others.
            with suppress(OSError):
                if file.name.endswith(_SUFFIX):
                    status = file.stat()
                    facts = _look(file, status.st_size)
                    if facts is not None and self._file(facts.key) == file:
                        found.append((status.st_mtime, status.st_size, facts))
                    elif not _is_newer(file):
                        file.unlink()
                elif file.name.endswith(_SUFFIX + UNFINISHED):
                    file.unlink()
        found.sort(key=lambda item: item[:2])
        with self._lock:
            self._sizes = OrderedDict((facts.key, size) for _, size, facts in found)
        gone = set(self._make_room())
        return [facts for _, _, facts in found if facts.key not in gone]

    def read(self, key: str) -> Image | None:
        """Return a picture, None if it is not there or broken; raises OSError."""
        file = self._file(key)
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return None
        if (image := _unpack(key, raw)) is None:
            if raw.startswith(_NEWER):
                return None
            _LOGGER.warning("A kept picture was broken and is removed: %s", file.name)
            self._remove(key)
            return None
        with self._lock:
            if key in self._sizes:
                self._sizes.move_to_end(key)
        return image

    def apply(self, changes: Mapping[str, Image | None]) -> Applied:
        """Write these pictures and remove those that are None; errors are returned, the rest is done all the same."""
        errors: list[OSError] = []
        for key, image in changes.items():
            try:
                if image is None:
                    self._remove(key)
                else:
                    self._write(key, image)
            except OSError as error:
                errors.append(error)
        gone: list[str] = []
        try:
            gone = self._make_room()
            sync_folder(self._folder)
        except OSError as error:
            errors.append(error)
        return Applied(gone=tuple(gone), errors=tuple(errors))

    def _file(self, key: str) -> Path:
        return self._folder / (sha256(key.encode("utf-8", "surrogatepass")).hexdigest() + _SUFFIX)

    def _write(self, key: str, image: Image) -> None:
        description, head = _pack(key, image)
        replace_file(self._file(key), (head, description, image.content))
        with self._lock:
            self._sizes[key] = len(head) + len(description) + len(image.content)
            self._sizes.move_to_end(key)

    def _remove(self, key: str) -> None:
        with self._lock:
            self._sizes.pop(key, None)
        self._file(key).unlink(missing_ok=True)

    def _make_room(self) -> list[str]:
        gone: list[str] = []
        while True:
            with self._lock:
                if len(self._sizes) <= self._max_files and sum(self._sizes.values()) <= self._max_bytes:
                    return gone
                oldest, _ = self._sizes.popitem(last=False)
            gone.append(oldest)
            with suppress(FileNotFoundError):
                self._file(oldest).unlink()


def _pack(key: str, image: Image) -> tuple[bytes, bytes]:
    """Return the description and the head that stands before it."""
    description = json.dumps(
        {
            "key": key,
            "taken_at": image.taken_at.isoformat(),
            "source": image.source,
            "content_type": image.content_type,
        }
    ).encode("ascii")
    checksum = zlib.crc32(image.content, zlib.crc32(description))
    return description, _HEAD.pack(_MAGIC, len(description), len(image.content), checksum)


def _look(file: Path, size: int) -> PictureFacts | None:
    """Return what a file says of its picture, None if it is broken as far as that shows."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        magic, description, content, _ = _HEAD.unpack(head)
        if magic != _MAGIC or description > _DESCRIPTION_LIMIT or size != _HEAD.size + description + content:
            return None
        return _facts(opened.read(description))


def _is_newer(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(_MAGIC)).startswith(_NEWER)


def _facts(description: bytes) -> PictureFacts | None:
    try:
        said = json.loads(description)
        facts = PictureFacts(
            key=str(said["key"]),
            taken_at=datetime.fromisoformat(said["taken_at"]),
            source=str(said["source"]),
            content_type=str(said["content_type"]),
        )
    except ValueError, KeyError, TypeError:
        return None
    return facts if facts.taken_at.tzinfo else None


def _unpack(key: str, raw: bytes) -> Image | None:
    """Return the picture a whole file holds, None if one byte of it is not as it was written."""
    if len(raw) < _HEAD.size:
        return None
    magic, length, size, checksum = _HEAD.unpack_from(raw)
    if magic != _MAGIC or len(raw) != _HEAD.size + length + size:
        return None
    description, content = raw[_HEAD.size : _HEAD.size + length], raw[_HEAD.size + length :]
    if zlib.crc32(content, zlib.crc32(description)) != checksum:
        return None
    if (facts := _facts(description)) is None or facts.key != key:
        return None
    return Image(content=content, taken_at=facts.taken_at, source=facts.source, content_type=facts.content_type)

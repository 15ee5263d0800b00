"""A folder of recordings: whole files only, under safe names, as much as there is room for. Every call blocks."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
import errno
import hashlib
from http import HTTPStatus
import logging
import os
from pathlib import Path
import secrets
import shutil
import stat
import threading
from typing import TYPE_CHECKING, Any

from .store_log import UploadLog
from .store_names import NAME, Refused, content_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .settings import StoreSettings

LOG = logging.getLogger(__name__)
INCOMING = ".incoming"
# What was written is sent to the card in such pieces: a Pi has no memory to keep it in.
SYNC_BYTES = 8 * 2**20
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is there; `sha256` is None where nobody has told or computed it; `modified` is seconds since 1970."""

    name: str
    size: int
    modified: float
    sha256: str | None = None
    camera: str | None = None
    started_at: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        known = {"sha256": self.sha256, "camera": self.camera, "startedAt": self.started_at}
        return {
            "name": self.name,
            "size": self.size,
            **{key: value for key, value in known.items() if value is not None},
            "modified": stamp(self.modified),
            "path": f"/videos/{self.name}",
        }


class Incoming:
    """A file on its way in; nobody sees it before `Store.keep`."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty one; raises OSError."""
        self.path = folder / f"{secrets.token_hex(8)}.part"
        self._file = self.path.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self._synced = 0
        self.size = 0

    @property
    def sha256(self) -> str:
        """Return the hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Append; raises Refused (507) when the disk is full."""
        with room_needed():
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(data)
        self.size += len(data)
        if self.size - self._synced >= SYNC_BYTES:
            self._sync()

    def finish(self) -> None:
        """Have it on the disk; raises Refused (507)."""
        self._sync()

    def discard(self) -> None:
        """Leave nothing of it, unless it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _sync(self) -> None:
        with room_needed():
            os.fsync(self._file.fileno())
        os.posix_fadvise(self._file.fileno(), 0, self.size, os.POSIX_FADV_DONTNEED)
        self._synced = self.size


class Store:
    """Keeps, lists and forgets; one at a time changes the folder."""

    def __init__(self, settings: StoreSettings) -> None:
        """Touch nothing yet."""
        self._settings = settings
        self.folder = settings.videos.absolute()
        self.incoming = self.folder / INCOMING
        self._log = UploadLog(self.folder, self.incoming)
        self._lock = threading.Lock()
        self._promised = 0

    def open(self) -> None:
        """Make the folder and remove what a crash left half; raises OSError."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        for left in self.incoming.iterdir():
            left.unlink()
        self._log.load()

    def free(self) -> int:
        """Return the free bytes of the disk; raises OSError."""
        return shutil.disk_usage(self.folder).free

    def promise(self, size: int) -> None:
        """Hold room for a file that comes, until `release`; old ones go as retention says. Raises Refused (507)."""
        self.retain(size)
        with self._lock:
            if self.free() - self._promised - size < self._settings.spare:
                raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, "the disk is full")
            self._promised += size

    def release(self, size: int) -> None:
        """Hold it no longer: the file is there, or will never be."""
        with self._lock:
            self._promised -= size

    def same(self, name: str, sha256: str, size: int | None = None) -> Kept | None:
        """Return the file of that name if it is the same, None if there is none; raises Refused (409)."""
        try:
            # A link, or a folder somebody made, is not ours to read.
            found = (self.folder / name).lstat()
        except FileNotFoundError:
            return None
        other = Refused(HTTPStatus.CONFLICT, "there is another file of that name")
        if not stat.S_ISREG(found.st_mode) or (size is not None and size != found.st_size):
            raise other
        kept = self._kept(name, found)
        if (kept.sha256 or self._read_hash(name)) != sha256:
            raise other
        return kept if kept.sha256 else Kept(name, found.st_size, found.st_mtime, sha256)

    def begin(self) -> Incoming:
        """Begin a file; raises OSError."""
        with room_needed():
            return Incoming(self.incoming)

    def keep(self, path: Path, sha256: str, name: str, **about: str | None) -> tuple[Kept, bool]:
        """Give a finished file its name, and return it with whether it is new; raises Refused (409, 507)."""
        size = path.stat().st_size
        with self._lock, room_needed():
            if (there := self.same(name, sha256, size)) is not None:
                return there, False
            path.replace(self.folder / name)
            self._settle()
            now = datetime.now(UTC).timestamp()
            told = {key: value for key, value in about.items() if value}
            self._log.add({"name": name, "size": size, "sha256": sha256, "at": stamp(now), **told})
            LOG.info("Kept %s (%d bytes)", name, size)
            return self._kept(name, (self.folder / name).lstat()), True

    def adopt(self, path: Path, name: str) -> Kept:
        """Keep a file that a program here has made in `incoming`; raises Refused, OSError."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return self.keep(path, sha256, name, source="recorded")[0]

    def listed(self, after: str, limit: int) -> list[Kept]:
        """Return up to `limit` files in the order of their names, those after a name."""
        known = self._log.here()
        names = sorted(
            each.name
            for each in os.scandir(self.folder)
            if each.name > after and is_name(each.name) and each.is_file(follow_symlinks=False)
        )
        return [self._kept(name, (self.folder / name).lstat(), known) for name in names[:limit]]

    def opened(self, name: str) -> tuple[Kept, int]:
        """Return a file and a descriptor to read it, which the caller closes; raises Refused (404)."""
        try:
            if not is_name(name):
                raise FileNotFoundError(name)
            descriptor = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such recording") from error
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such recording")
        return self._kept(name, found), descriptor

    def delete(self, name: str, why: str = "deleted") -> None:
        """Remove a file; raises Refused (404)."""
        _, descriptor = self.opened(name)
        os.close(descriptor)
        self._forget({name: why})

    def retain(self, coming: int = 0, now: float | None = None) -> list[str]:
        """Remove the oldest of what the log knows until its age and size are as wanted; return the names.

        What somebody else put into the folder stays.
        """
        at = datetime.now(UTC).timestamp() if now is None else now
        days, most = self._settings.keep_days, self._settings.keep_bytes
        files = [file for name in self._log.here() if (file := self._known(name)) is not None]
        files.sort(key=lambda file: (file.modified, file.name))
        total = coming + sum(file.size for file in files)
        gone: dict[str, str] = {}
        for file in files:
            old = bool(days) and at - file.modified > days * DAY_S
            if not old and not (most and total > most):
                continue
            gone[file.name] = "too old" if old else "too much"
            total -= file.size
        if gone:
            self._forget(gone)
        return list(gone)

    def _forget(self, names: dict[str, str]) -> None:
        with self._lock:
            for name, why in names.items():
                (self.folder / name).unlink(missing_ok=True)
                LOG.info("Removed %s (%s)", name, why)
            self._settle()
            self._log.remove(names, stamp(datetime.now(UTC).timestamp()))

    def _known(self, name: str) -> Kept | None:
        try:
            return self._kept(name, (self.folder / name).lstat()) if is_name(name) else None
        except FileNotFoundError:
            return None

    def _kept(self, name: str, found: os.stat_result, known: dict[str, dict[str, Any]] | None = None) -> Kept:
        entry = (self._log.here() if known is None else known).get(name, {})
        if entry.get("size") != found.st_size:
            # Another file by now.
            entry = {}
        return Kept(
            name, found.st_size, found.st_mtime, entry.get("sha256"), entry.get("camera"), entry.get("startedAt")
        )

    def _read_hash(self, name: str) -> str:
        with (self.folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _settle(self) -> None:
        """Have the folder itself on the disk: a name is only safe then."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def room_needed() -> Iterator[None]:
    """Turn a full disk into Refused (507)."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, "the disk is full") from error
        raise


def is_name(name: str) -> bool:
    """Return whether a file of that name may be one of ours."""
    return NAME.fullmatch(name) is not None and content_type(name) is not None


def stamp(at: float) -> str:
    """Return seconds since 1970 as `2025-01-26T14:30:45.123Z`."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"

"""A folder of this machine: Home Assistant's media, a share that is mounted, a disk."""

import asyncio
from contextlib import suppress
import errno
import os
from pathlib import Path
from secrets import token_hex
from typing import Final, override

from ...kernel.durable import UNFINISHED, sync_folder
from ...kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from ..film import digest
from . import Archive, Film, NameTaken, Stored

_CHUNK: Final = 4 * 2**20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class FolderArchive(Archive):
    """Films as files below a folder; a reference is the path below it."""

    def __init__(self, folder: Path) -> None:
        """Name the folder, which must be there: a share that is not mounted must not fill the disk below."""
        self._folder = folder

    @override
    async def put(self, film: Film, name: str) -> Stored:
        """Copy a film, visible under its name once it is whole."""
        target = self._path(name)
        try:
            await self._put(film, target)
        except OSError as error:
            raise _translated(error) from error
        return Stored(reference=name, digest=film.sha256)

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        """Read it again from the disk."""
        try:
            found = await asyncio.to_thread(digest, self._path(stored.reference))
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise _translated(error) from error
        if found != (film.size, film.sha256):
            raise Malformed("another file is there", reason="archive_differs")

    @override
    async def check(self) -> None:
        """Write a file and delete it."""
        try:
            await asyncio.to_thread(self._try)
        except OSError as error:
            raise _translated(error) from error

    @override
    def address(self, reference: str) -> str:
        """Return the file's `file:` address."""
        return self._path(reference).as_uri()

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        """Return None: whether and how the folder is served is not known here."""
        return None

    @override
    async def delete(self, reference: str) -> None:
        """Delete a file and the folders that are empty then."""
        try:
            await asyncio.to_thread(self._delete, self._path(reference))
        except OSError as error:
            raise _translated(error) from error

    @override
    async def close(self) -> None:
        """Nothing is open."""

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if ".." in path.parts or not path.is_relative_to(self._folder):
            raise Unsupported("outside the folder", reason="archive_path")
        return path

    async def _put(self, film: Film, target: Path) -> None:
        if await asyncio.to_thread(self._is_there, film, target):
            return
        unfinished = target.with_name(f".{target.name}{UNFINISHED}")
        try:
            # In pieces: whoever stops waits for one of them only.
            at = 0
            while at < film.size:
                at += await asyncio.to_thread(_copy, film.path, unfinished, at)
            await asyncio.to_thread(_publish, unfinished, target)
        except BaseException:
            # Whatever happened: no half a film stays.
            with suppress(OSError):
                await asyncio.to_thread(unfinished.unlink, missing_ok=True)
            raise

    def _is_there(self, film: Film, target: Path) -> bool:
        """Return whether the film is there already; make its folder; raises NameTaken."""
        if not self._folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder is not there")
        if target.exists():
            if digest(target) == (film.size, film.sha256):
                return True
            raise NameTaken(target.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return False

    def _try(self) -> None:
        if not self._folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder is not there")
        file = self._folder / f".camhub-{token_hex(4)}{UNFINISHED}"
        try:
            file.write_bytes(b"test")
        finally:
            file.unlink(missing_ok=True)

    def _delete(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        with suppress(OSError):
            # Not empty, or gone: either way it stays as it is.
            for folder in file.parents:
                if folder == self._folder:
                    break
                folder.rmdir()


def _copy(source: Path, target: Path, at: int) -> int:
    """Copy a piece; return its length."""
    with source.open("rb") as read, target.open("r+b" if at else "wb") as write:
        read.seek(at)
        write.seek(at)
        if not (piece := read.read(_CHUNK)):
            raise FileNotFoundError(errno.ENOENT, "the film has become shorter")
        return write.write(piece)


def _publish(unfinished: Path, target: Path) -> None:
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    # Whoever may look into the folder may read it.
    unfinished.chmod(target.parent.stat().st_mode & 0o666)
    unfinished.replace(target)
    sync_folder(target.parent)


def _translated(error: OSError) -> HubError:
    if error.errno in _FULL:
        return Unreachable("no room", reason="archive_full")
    if error.errno in _REFUSED:
        return AuthError("not writable", reason="archive_refused")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Unreachable("not there", reason="archive_no_folder")
    return Unreachable(f"{error.strerror}", reason="archive_unreachable")

"""The spool folder, in which clips wait between source and archive."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing, suppress
import errno
from hashlib import sha256
import os
from pathlib import Path
import shutil
from typing import Final

from ..kernel.durable import sync_folder
from ..kernel.errors import HubError, Malformed, Unreachable

FETCHED: Final = ".fetched"
CONVERTED: Final = ".film"
# Left free on the disk for everything else, in bytes, and the most that waits here.
RESERVE: Final = 256 * 2**20
MOST: Final = 4 * 2**30
_BATCH: Final = 2**20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Spool:
    """Files by name in a folder of its own; raises Unreachable (`disk_full`, `spool_unusable`)."""

    def __init__(
        self, folder: Path, *, reserve: int = RESERVE, most: int = MOST, free: Callable[[Path], int] | None = None
    ) -> None:
        """Name the folder; nothing is made yet. `free` returns the bytes that are left where it is."""
        self._folder = folder
        self._reserve = reserve
        self._most = most
        self._free = free or _free

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self._folder / name

    async def sweep(self, keep: Collection[str]) -> None:
        """Delete all files but those of jobs."""
        await self._in_thread(self._sweep, keep)

    async def size(self, name: str | None) -> int | None:
        """Return the size of a file, None where there is none."""
        return await self._in_thread(self._size, name) if name else None

    async def make_room(self) -> None:
        """Raise Unreachable where another clip would take what others need."""
        await self._in_thread(self._check)

    async def fill(self, name: str, chunks: AsyncGenerator[bytes]) -> tuple[int, str]:
        """Write a file as it comes; return its size and SHA-256 once it is on the disk. Leaves none where that fails.

        Raises what `chunks` raises, and Malformed (`clip_empty`).
        """
        target = _Target(self.path(name))
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if target.take(chunk) >= _BATCH:
                        await self._in_thread(self._flush, target)
            await self._in_thread(self._flush, target)
            await self._in_thread(target.finish)
        except BaseException:
            # Whatever happened: no half a file stays.
            await self._in_thread(target.abandon)
            raise
        return target.size, target.sha256

    async def delete(self, *names: str | None) -> None:
        """Delete files that may be gone already."""
        await self._in_thread(self._delete, [name for name in names if name])

    async def _in_thread[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            # To its end: a thread cannot be called back, and nothing must be written after it was given up.
            return await _whole(work, *args, **kwargs)
        except HubError:
            raise
        except OSError as error:
            raise disk_error(error) from error

    def _sweep(self, keep: Collection[str]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._folder.iterdir():
            if file.name not in keep and file.is_file():
                file.unlink(missing_ok=True)

    def _size(self, name: str) -> int | None:
        with suppress(FileNotFoundError):
            return self.path(name).stat().st_size
        return None

    def _check(self) -> None:
        # The folder is a cache: somebody may have emptied it.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._free(self._folder) < self._reserve:
            raise Unreachable("too little room on the disk", reason="disk_full")
        if sum(file.stat().st_size for file in self._folder.iterdir()) > self._most:
            raise Unreachable("too much waits for the archive", reason="spool_full")

    def _flush(self, target: _Target) -> None:
        if self._free(self._folder) < self._reserve:
            raise Unreachable("too little room on the disk", reason="disk_full")
        target.flush()

    def _delete(self, names: Collection[str]) -> None:
        for name in names:
            self.path(name).unlink(missing_ok=True)


class _Target:
    """A file being written; all but `take` are blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._file: int | None = None
        self._digest = sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def take(self, chunk: bytes) -> int:
        """Keep a piece in memory; return how many bytes are kept there."""
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        return self._bytes

    def flush(self) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        for chunk in waiting:
            self._digest.update(chunk)
            self.size += len(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._file, view) :]

    def finish(self) -> None:
        if self._file is not None:
            os.fsync(self._file)
            self._close()
            sync_folder(self._path.parent)
        if not self.size:
            raise Malformed("nothing in it", reason="clip_empty")

    def abandon(self) -> None:
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


def disk_error(error: OSError) -> Unreachable:
    """Return what is wrong with the disk."""
    reason = "disk_full" if error.errno in _FULL else "spool_unusable"
    return Unreachable(f"{error.strerror}", reason=reason)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


async def _whole[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something in a thread and to its end, even where whoever asked for it goes away."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise

"""A cache of clips as temporary files, so that players can seek; bounded in bytes, deleted at shutdown."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from copy import copy
from pathlib import Path
import shutil
import tempfile
from typing import Final

from ..kernel.errors import HubError, Unreachable

MEGA: Final = 2**20
# The most bytes of all clips together, and of one; larger ones are passed through.
LIMIT: Final = 512 * MEGA
LARGEST: Final = 256 * MEGA
# The most names of clips remembered as too large.
_NAMES_KEPT: Final = 1000
_CHUNK: Final = 2**18

type Fetch = Callable[[], AsyncGenerator[bytes]]
type Convert = Callable[[AsyncIterator[bytes], Path], Awaitable[None]]


class NotKept(Unreachable):
    """A clip is too large for the cache, or the disk is full: it has to be passed through."""


class Film:
    """A clip as a file that grows until it is whole."""

    def __init__(self, path: Path) -> None:
        """Begin with nothing."""
        self.path = path
        self.written = 0
        # None until it is whole.
        self.size: int | None = None
        # Whether somebody has deleted the file: it has to be fetched again.
        self.gone = False
        self._error: HubError | None = None
        self._news = asyncio.Event()

    def grow(self, size: int) -> None:
        """Notify waiters of more bytes."""
        self.written += size
        self._tell()

    def finish(self, size: int) -> None:
        """Mark it as complete."""
        self.written = self.size = size
        self._tell()

    def fail(self, error: HubError) -> None:
        """Mark it as failed."""
        self._error = error
        self._tell()

    async def until(self, written: int) -> int:
        """Wait until so many bytes are there or it is whole, and return how many; raises HubError."""
        while self._error is None and self.size is None and self.written < written:
            await self._news.wait()
        if self._error is not None:
            raise copy(self._error)
        return self.written

    async def whole(self) -> int:
        """Wait for all of it and return its size in bytes; raises HubError."""
        while self.size is None:
            await self.until(self.written + 1)
        return self.size

    async def read(self, begin: int, end: int | None) -> AsyncGenerator[bytes]:
        """Yield these bytes as they come, to the end where none is given; raises HubError."""
        if end is None:
            end = await self.whole()
        try:
            file = await asyncio.to_thread(self.path.open, "rb")
        except FileNotFoundError:
            self.gone = True
            raise Unreachable("the file was deleted") from None
        try:
            await asyncio.to_thread(file.seek, begin)
            at = begin
            while at < end:
                there = min(await self.until(at + 1), end)
                if there <= at:
                    raise Unreachable("it is shorter than was said")
                data = await asyncio.to_thread(file.read, min(_CHUNK, there - at))
                at += len(data)
                yield data
        finally:
            await asyncio.to_thread(file.close)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class FilmCache:
    """Films by name, the most recently used; concurrent requests share one fetch."""

    def __init__(self, owner: str, *, limit: int = LIMIT, largest: int = LARGEST) -> None:
        """Keep nothing yet; `owner` identifies our folder among the temporary files."""
        self._prefix = f"camhub-clips-{owner}-"
        self._limit = limit
        self._largest = largest
        self._folder: Path | None = None
        self._films: OrderedDict[str, Film] = OrderedDict()
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._making = asyncio.Lock()

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(film.written for film in self._films.values())

    def peek(self, name: str) -> Film | None:
        """Return a complete film without fetching anything."""
        film = self._known(name)
        return film if film is not None and film.size is not None else None

    async def open(
        self, name: str, fetch: Fetch, *, size: int | None = None, convert: Convert | None = None
    ) -> Film | None:
        """Return a film, which starts to be fetched unless it is cached; None if it is known not to fit."""
        if name in self._refused or (size or 0) > self._largest:
            return None
        async with self._making:
            if (known := self._known(name)) is not None:
                self._films.move_to_end(name)
                return known
            try:
                path = await asyncio.to_thread(self._make_file)
            except OSError:
                return None
        film = self._films[name] = Film(path)
        task = asyncio.create_task(self._fetch(name, film, fetch, convert))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return film

    async def forget(self, prefix: str) -> None:
        """Drop the films whose names have a prefix."""
        for name, film in [(name, film) for name, film in self._films.items() if name.startswith(prefix)]:
            await self._drop(name, film)

    async def sweep(self) -> None:
        """Remove what an interrupted earlier run left."""
        await asyncio.to_thread(self._remove_leftovers)

    async def close(self) -> None:
        """Cancel running fetches and remove all files."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._films.clear()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = None

    def _remove_leftovers(self) -> None:
        for folder in Path(tempfile.gettempdir()).glob(f"{self._prefix}*"):
            if folder != self._folder and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)

    def _known(self, name: str) -> Film | None:
        film = self._films.get(name)
        return None if film is None or film.gone else film

    def _make_file(self) -> Path:
        """Return an empty file, in a new folder where something has cleared the temporary files away; blocks."""
        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(tempfile.mkdtemp(prefix=self._prefix))
        self._count += 1
        path = self._folder / f"{self._count}.film"
        path.touch(mode=0o600)
        return path

    async def _fetch(self, name: str, film: Film, fetch: Fetch, convert: Convert | None) -> None:
        error: HubError = Unreachable("given up")
        try:
            async with aclosing(fetch()) as chunks:
                if convert is None:
                    await self._write(film, chunks)
                else:
                    await convert(self._counted(film, chunks), film.path)
            size = (await asyncio.to_thread(film.path.stat)).st_size
            await self._make_room(film, size)
            film.finish(size)
        except OSError, NotKept:
            error = NotKept()
            self._refused[name] = None
            if len(self._refused) > _NAMES_KEPT:
                self._refused.popitem(last=False)
        except HubError as failed:
            error = failed
        finally:
            if film.size is None:
                film.fail(error)
                await self._drop(name, film)

    async def _write(self, film: Film, chunks: AsyncIterator[bytes]) -> None:
        """Write the chunks as they come; raises HubError, OSError."""
        file = await asyncio.to_thread(film.path.open, "wb", 0)
        try:
            async for chunk in chunks:
                await self._make_room(film, film.written + len(chunk))
                await asyncio.to_thread(file.write, chunk)
                film.grow(len(chunk))
        finally:
            await asyncio.to_thread(file.close)

    async def _counted(self, film: Film, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """Hand on the chunks of a clip that is made anew, as long as it is not too large."""
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            await self._make_room(film, size)
            yield chunk

    async def _make_room(self, film: Film, size: int) -> None:
        """Drop the films used longest ago until one of this size fits; raises NotKept."""
        if size > self._largest:
            raise NotKept
        others = [(name, each) for name, each in self._films.items() if each is not film and each.size is not None]
        while self.size - film.written + size > self._limit:
            if not others:
                raise NotKept
            await self._drop(*others.pop(0))

    async def _drop(self, name: str, film: Film) -> None:
        """Forget a film, unless that was done meanwhile; an open file can be read on until it is closed."""
        if self._films.get(name) is film:
            del self._films[name]
        await asyncio.to_thread(film.path.unlink, missing_ok=True)

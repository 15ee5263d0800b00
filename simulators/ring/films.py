"""Recordings: signed addresses that soon end, and downloads in parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
import re
import secrets
from typing import Final, Protocol, override

from aiohttp import web

from .faults import Faults
from .hosts import FILMS

_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_PIECE: Final = 2**16


class Film(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def size(self) -> int:
        """Return how many there are."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """Return some of them."""
        ...


class Stored(Film):
    """A film in memory."""

    def __init__(self, content: bytes) -> None:
        """Keep it."""
        self.content = content

    @property
    @override
    def size(self) -> int:
        return len(self.content)

    @override
    def read(self, start: int, count: int) -> bytes:
        return self.content[start : start + count]


class Endless(Film):
    """A film as long as wanted that takes no memory; it begins as an MP4 does and nothing plays it."""

    _HEAD: Final = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"

    def __init__(self, size: int) -> None:
        """Choose the size in bytes."""
        self._size = size

    @property
    @override
    def size(self) -> int:
        return self._size

    @override
    def read(self, start: int, count: int) -> bytes:
        count = max(0, min(count, self._size - start))
        return (self._HEAD[start:] + bytes(count))[:count]


class Films:
    """What can be downloaded; `films` holds some by event, all others are one short one; `converted` has some as H.264.

    `ranges` are the `Range` headers that came, `handed_out` counts addresses, `stalled` downloads that fell silent.
    """

    def __init__(self, faults: Faults, now: Callable[[], datetime], notify: Callable[[], None]) -> None:
        """Begin with nothing handed out."""
        self._notify = notify
        self._faults = faults
        self._now = now
        self._signed: dict[str, tuple[int, bool, float]] = {}
        self.usual: Film = Endless(300_000)
        self.films: dict[int, Film] = {}
        self.converted: dict[int, Film] = {}
        self.ranges: list[str | None] = []
        self.handed_out = self.stalled = 0

    def address(self, event: int, *, converted: bool = False) -> str:
        """Return where the film of an event can be had for a while."""
        self.handed_out += 1
        key = secrets.token_hex(8)
        self._signed[key] = (event, converted, self._now().timestamp() + self._faults.film_life_s)
        return f"https://{FILMS}/{event}.mp4?Expires={self._faults.film_life_s:g}&Signature={key}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send a film or the rest of it."""
        event, converted, ends = self._signed.get(request.query.get("Signature", ""), (0, False, 0.0))
        if ends <= self._now().timestamp():
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        self.ranges.append(request.headers.get("Range"))
        film = self.converted[event] if converted else self.films.get(event, self.usual)
        start, end, status = self._part(request, film.size)
        headers = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{film.size}"
        response = web.StreamResponse(status=status, headers=headers)
        if not self._faults.chunked_films:
            response.content_length = end - start
        await response.prepare(request)
        broken = self._faults.cut_film_at or self._faults.stall_film_at
        async for piece in self._pieces(film, start, min(end, start + broken) if broken else end):
            await response.write(piece)
        if broken and end - start > broken:
            await self._break(request)
        return response

    async def _break(self, request: web.Request) -> None:
        if self._faults.stall_film_at:
            self.stalled += 1
            self._notify()
            # For ever: it is cancelled when the client goes.
            await asyncio.sleep(86400)
        if request.transport is not None:
            # What was written still arrives.
            request.transport.close()

    def _part(self, request: web.Request, size: int) -> tuple[int, int, int]:
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if asked is None or self._faults.no_ranges:
            return 0, size, 200
        end = min(size, int(asked[2]) + 1) if asked[2] else size
        return int(asked[1]), end, 206

    async def _pieces(self, film: Film, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            piece = film.read(start, min(_PIECE, end - start))
            start += len(piece)
            yield piece

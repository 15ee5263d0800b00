"""What an upload says of itself, and its bytes: raw, or the file of a form."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
import re
from typing import TYPE_CHECKING

from .listener import STALLED_S
from .request import HEAD_LIMIT
from .store_names import TYPES, Refused, checked, content_type

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .request import Request

PIECE = 2**15
SHA256 = re.compile(r"[0-9a-f]{64}")
BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)
FILENAME = re.compile(rb'filename="([^"\r\n]*)"', re.IGNORECASE)
# What a form may hold beside the file.
FORM_SLACK = 2**16
PLAIN = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
TOLD = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An upload before its bytes; `name` is None where a form tells it, `length` is of the whole body."""

    name: str | None
    length: int
    sha256: str | None
    boundary: bytes | None
    camera: str | None
    started_at: str | None
    waits: bool


def upload_of(request: Request, largest: int) -> Upload:
    """Return what a request announces; raises Refused (400, 411, 413, 415)."""
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    form = BOUNDARY.search(headers.get("content-type", "")) if kind == "multipart/form-data" else None
    boundary = None if form is None else form[1].encode("latin-1")
    name = request.query.get("name")
    if name is not None or boundary is None:
        name = checked(name or "")
    if boundary is None and kind not in PLAIN and kind not in TYPES.values():
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"stored are {', '.join(TYPES)}")
    sha256 = headers.get("x-content-sha256", "").lower() or None
    if sha256 is not None and not SHA256.fullmatch(sha256):
        raise Refused(HTTPStatus.BAD_REQUEST, "X-Content-SHA256 is 64 hexadecimal digits")
    return Upload(
        name=name,
        length=_length(headers.get("content-length", ""), largest + (FORM_SLACK if boundary else 0), request),
        sha256=sha256,
        boundary=boundary,
        camera=headers.get("x-camera", "")[:TOLD] or None,
        started_at=headers.get("x-started-at", "")[:TOLD] or None,
        waits=headers.get("expect", "").lower() == "100-continue",
    )


def _length(told: str, largest: int, request: Request) -> int:
    if "transfer-encoding" in request.headers or not told:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "the length has to be told")
    if not re.fullmatch(r"\d{1,15}", told, re.ASCII):
        raise Refused(HTTPStatus.BAD_REQUEST, "this is no length")
    if int(told) > largest:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {largest} bytes are not taken")
    return int(told)


async def body(reader: asyncio.StreamReader, length: int) -> AsyncGenerator[bytes, None]:
    """Yield so many bytes as they come; raises ConnectionError when there are fewer, TimeoutError in silence."""
    while length:
        async with asyncio.timeout(STALLED_S):
            piece = await reader.read(min(length, PIECE))
        if not piece:
            raise ConnectionResetError("the upload broke off")
        length -= len(piece)
        yield piece


class FormFile:
    """The one file of a form (RFC 7578); other fields are skipped."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], boundary: bytes) -> None:
        """Take the body of the request."""
        self._pieces = pieces
        self._mark = b"\r\n--" + boundary
        # The first boundary then looks like all others.
        self._buffer = bytearray(b"\r\n")

    async def name(self) -> str:
        """Read up to the file and return its name; raises Refused."""
        await self._until(self._mark)
        while True:
            head = await self._until(b"\r\n\r\n")
            if (found := FILENAME.search(head)) is not None:
                return found[1].decode("utf-8", "replace")
            await self._until(self._mark)

    async def content(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes, and read the rest of the form; raises Refused where it has no end."""
        while (at := self._buffer.find(self._mark)) < 0:
            ready = len(self._buffer) - len(self._mark)
            if ready > 0:
                yield bytes(self._buffer[:ready])
                del self._buffer[:ready]
            await self._more()
        yield bytes(self._buffer[:at])
        async for _ in self._pieces:
            pass

    async def _until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise Refused(HTTPStatus.BAD_REQUEST, "the form has no file where one is due")
            await self._more()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def _more(self) -> None:
        piece = await anext(self._pieces, b"")
        if not piece:
            raise Refused(HTTPStatus.BAD_REQUEST, "the form has no file, or no end")
        self._buffer += piece


def said(name: str) -> str:
    """Return the type to send a file with."""
    return content_type(name) or "application/octet-stream"

"""Mends the head of an HTTP answer that aiohttp refuses: browsers pass over what cameras get wrong there.

Seen in the field: a bare date between the headers, a blank before a colon, a length that is none or said twice,
`ICY` for `HTTP`, and no head at all.
"""

import asyncio
from collections.abc import Sequence
import re
from typing import Final, override

import aiohttp
from aiohttp.connector import Connection

from .body import is_no_http
from .jpeg import JPEG_START

type Field = tuple[bytes, bytes]

_LIMIT: Final = 2**16
_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"(?:HTTP/(\d(?:\.\d)?)|ICY)[ \t]+(\d{3})(?:[ \t].*)?", re.IGNORECASE)
_NAME: Final = re.compile(rb"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code != ord("\t"))
_LENGTH: Final = re.compile(rb"\d{1,15}")
# A picture or a boundary: who speaks no HTTP at all begins with what was asked for.
_HEADLESS: Final = (JPEG_START, b"--")
_FEWEST: Final = 2
_FIRST: Final = b"HhIi"
_NO_HEAD: Final = b"HTTP/1.0 200 OK\r\n\r\n"


class HeadMender:
    """An aiohttp client middleware: where the head of an answer cannot be read, asks again and mends it.

    What is in order is not touched. A server that once needed it is mended from the first try on.
    """

    def __init__(self) -> None:
        """Trust the server until it proves odd."""
        self._odd = False
        self._classes: dict[type[aiohttp.ClientResponse], type[aiohttp.ClientResponse]] = {}

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request; raises aiohttp.ClientResponseError for what is no HTTP by any reading."""
        if not self._odd:
            try:
                return await handler(request)
            except aiohttp.ClientResponseError as error:
                if not is_no_http(error):
                    raise
        request.response_class = self._mending(request.response_class)
        response = await handler(request)
        self._odd = True
        return response

    def _mending(self, base: type[aiohttp.ClientResponse]) -> type[aiohttp.ClientResponse]:
        """Return the session's own kind of answer with its head mended; of that kind already where asked again."""
        if issubclass(base, _MendedResponse):
            return base
        if base not in self._classes:
            self._classes[base] = type("MendedResponse", (_MendedResponse, base), {})
        return self._classes[base]


class _MendedResponse(aiohttp.ClientResponse):
    @override
    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Begin to read, with the mender before aiohttp's own reader."""
        transport = connection.transport
        former = transport.get_protocol() if transport is not None else None
        if transport is not None and isinstance(former, asyncio.Protocol):
            transport.set_protocol(_Mender(transport, former))
        return await super().start(connection)


class _Mender(asyncio.Protocol):
    """Takes what arrives until the head is whole, and hands on all from there."""

    def __init__(self, transport: asyncio.Transport, former: asyncio.Protocol) -> None:
        self._transport = transport
        self._former = former
        self._arrived = b""

    @override
    def data_received(self, data: bytes) -> None:
        self._arrived += data
        answer = mended(self._arrived)
        if answer is not None or len(self._arrived) > _LIMIT:
            self._hand_over(self._arrived if answer is None else answer)

    @override
    def eof_received(self) -> bool | None:
        self._hand_over(self._arrived)
        return self._former.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._hand_over(self._arrived)
        self._former.connection_lost(exc)

    def _hand_over(self, data: bytes) -> None:
        self._transport.set_protocol(self._former)
        if data:
            self._former.data_received(data)


def mended(arrived: bytes) -> bytes | None:
    """Return an answer as far as it has arrived with its head in order, None while that is not whole.

    What is no answer is returned as it is.
    """
    begun = arrived.lstrip(b"\r\n")
    if len(begun) < _FEWEST:
        return None
    if begun.startswith(_HEADLESS):
        return _NO_HEAD + begun
    line, whole, _ = begun.partition(b"\n")
    status = _STATUS.fullmatch(line.rstrip(b"\r"))
    if begun[:1] not in _FIRST or (whole and status is None):
        return arrived
    end = _END.search(begun)
    if end is None or status is None:
        return None
    version = b"1.1" if status[1] == b"1.1" else b"1.0"
    fields = _framed(_fields(begun[: end.start()].split(b"\n")[1:]))
    head = b"\r\n".join([b"HTTP/%s %s OK" % (version, status[2]), *map(b": ".join, fields), b"", b""])
    return head + begun[end.end() :]


def _fields(lines: Sequence[bytes]) -> list[Field]:
    """Return the headers; lines that are none are left out, and one that begins with a blank belongs to the last."""
    found: list[Field] = []
    for line in lines:
        clean = line.translate(None, _CONTROLS)
        name, colon, value = clean.partition(b":")
        if clean[:1].isspace() and found:
            found[-1] = (found[-1][0], found[-1][1] + b" " + clean.strip())
        elif colon and _NAME.fullmatch(name.strip()):
            found.append((name.strip(), value.strip()))
    return found


def _framed(fields: Sequence[Field]) -> list[Field]:
    """Return the headers without a length that cannot be true: the end of the connection then ends the answer."""
    lengths = {value for name, value in fields if name.lower() == b"content-length"}
    endless = any(name.lower() == b"content-type" and value.lower().startswith(b"multipart/") for name, value in fields)
    chunked = any(name.lower() == b"transfer-encoding" and b"chunked" in value.lower() for name, value in fields)
    kept = [field for field in fields if field[0].lower() != b"content-length"]
    if len(lengths) != 1 or endless or chunked or not _LENGTH.fullmatch(length := lengths.pop()):
        return kept
    return [*kept, (b"Content-Length", length)]

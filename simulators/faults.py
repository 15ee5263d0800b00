"""A proxy before a simulator that makes what goes wrong in the field, over real sockets, and heals again."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
import gzip
import socket
import ssl
import struct
from typing import Final

from .names import Address


class Fault(StrEnum):
    """What can go wrong, in words; those of `BY_NAME` are made by whoever leads names here."""

    REFUSED = "connection refused"
    NO_NAME = "the name is not found"
    BAD_TLS = "certificate of somebody else"
    SLOW = "takes the request, never answers"
    STALL = "stops in mid-answer"
    RESET = "connection reset"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    THROTTLED = "429"
    THROTTLED_FOR = "429, Retry-After: 120"
    FAULTY = "500"
    OUTAGE = "503, a page of HTML"
    TRUNCATED = "answer cut short"
    WRONG_TYPE = "wrong content type"
    ERROR_PAGE = "200, but an error page"
    HUGE = "100 MB in place of the answer"
    BOMB = "100 MB, packed small"
    GIANT_HEADER = "a header of 1 MB"
    TO_LOOPBACK = "redirect to loopback"
    TO_METADATA = "redirect to 169.254.169.254"
    TO_ELSEWHERE = "redirect to another host"


BY_NAME: Final = frozenset({Fault.REFUSED, Fault.NO_NAME})
RETRY_AFTER_S: Final = 120
# More than anybody takes, and little more than what may be under way besides in buffers.
HUGE: Final = 100 * 2**20
METADATA: Final = "http://169.254.169.254/latest/meta-data/"
_HEAD_END: Final = b"\r\n\r\n"
_CHUNK: Final = bytes(65536)
_PAGE: Final = b"<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"
_JSON: Final = b'{"error": "refused", "message": "example"}'
_STATUSES: Final[Mapping[Fault, tuple[str, bytes]]] = {
    Fault.UNAUTHORIZED: ("401 Unauthorized", _JSON),
    Fault.FORBIDDEN: ("403 Forbidden", _JSON),
    Fault.NOT_FOUND: ("404 Not Found", _JSON),
    Fault.THROTTLED: ("429 Too Many Requests", _JSON),
    Fault.THROTTLED_FOR: ("429 Too Many Requests", _JSON),
    Fault.FAULTY: ("500 Internal Server Error", _JSON),
    Fault.OUTAGE: ("503 Service Unavailable", _PAGE),
    Fault.ERROR_PAGE: ("200 OK", _PAGE),
}
# Those who spoil a good answer; an answer that is none is passed on, so that logins are gone through before.
_SPOILING: Final = frozenset(
    {Fault.STALL, Fault.TRUNCATED, Fault.WRONG_TYPE, Fault.HUGE, Fault.BOMB, Fault.GIANT_HEADER}
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request by the name of its host and its target; neither is there where no HTTP is spoken."""

    host: str = ""
    target: str = ""


@dataclass(slots=True)
class _Head:
    """The head of a request or an answer: its first line, and names and values as they came."""

    first: str
    fields: list[tuple[str, str]]

    @classmethod
    def read(cls, raw: bytes) -> _Head:
        first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        return cls(first, [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)])

    def get(self, name: str) -> str:
        return next((value for known, value in self.fields if known.lower() == name), "")

    def put(self, name: str, value: str | None) -> None:
        """Replace a field, or leave it out."""
        kept = [each for each in self.fields if each[0].lower() != name.lower()]
        self.fields = kept if value is None else [*kept, (name, value)]

    @property
    def length(self) -> int | None:
        return int(found) if (found := self.get("content-length")) else None

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    def __bytes__(self) -> bytes:
        return "\r\n".join([self.first, *(f"{name}: {value}" for name, value in self.fields), "", ""]).encode("latin-1")


type _Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(kw_only=True)
class FaultProxy:
    """Stands before one server; speaks HTTP/1.1, one request to a connection, and passes on everything else as bytes.

    `fault` is made for every request but those that `spare` names, until it is None again. `requests` are all that
    came, `open` is how many are under way, `sent` how many bytes of a body without end were taken. `certificate` is who
    it is and `stranger` who it is for BAD_TLS; `tls` is how it reaches the server, which it calls by no name.
    """

    upstream: Address
    certificate: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    stranger: ssl.SSLContext | None = None
    elsewhere: str = ""
    loopback: str = ""
    spare: Callable[[Request], bool] = lambda _: False
    fault: Fault | None = None
    requests: list[Request] = field(default_factory=list)
    open: int = 0
    sent: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break all connections there are."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Return when nobody is connected."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.open += 1
        try:
            if self.fault in BY_NAME:
                # Somebody still knows the way.
                return
            # Clients leave in the middle of things; that is what many faults come to.
            with contextlib.suppress(OSError, EOFError, ssl.SSLError):
                if self.certificate is not None:
                    strange = self.fault is Fault.BAD_TLS and self.stranger is not None
                    await writer.start_tls(self.stranger if strange and self.stranger else self.certificate)
                await self._serve(reader, writer)
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if not first.isalpha():
            await self._pass(reader, writer, first, Request())
            return
        raw = first + await reader.readuntil(_HEAD_END)
        head = _Head.read(raw)
        method, target, _ = head.first.split(" ")
        request = Request(host=head.get("host").partition(":")[0], target=target)
        if method == "CONNECT":
            await self._pass(reader, writer, raw, request)
            return
        body = await reader.readexactly(head.length or 0)
        self.requests.append(request)
        fault = None if self.fault is None or self.spare(request) else self.fault
        if fault is None or fault in _SPOILING or fault is Fault.BAD_TLS:
            await self._forward(reader, writer, head, body, fault)
        else:
            await self._answer(reader, writer, fault)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault) -> None:
        """Make a fault without asking the server."""
        match fault:
            case Fault.SLOW:
                await reader.read()
            case Fault.RESET:
                _reset(writer)
            case Fault.TO_LOOPBACK | Fault.TO_METADATA | Fault.TO_ELSEWHERE:
                places = {Fault.TO_LOOPBACK: self.loopback, Fault.TO_ELSEWHERE: self.elsewhere}
                await _reply(writer, "302 Found", b"", [("Location", places.get(fault, METADATA))])
            case _:
                status, content = _STATUSES[fault]
                more = [("Retry-After", str(RETRY_AFTER_S))] if fault is Fault.THROTTLED_FOR else []
                await _reply(writer, status, content, more)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        head: _Head,
        body: bytes,
        fault: Fault | None,
    ) -> None:
        """Ask the server and pass on its answer, spoiled by a fault if there is one."""
        upgrade = bool(head.get("upgrade"))
        if not upgrade:
            head.put("Connection", "close")
        theirs, ours = await self._dial()
        try:
            ours.write(bytes(head) + body)
            answer = _Head.read(await theirs.readuntil(_HEAD_END))
            if not upgrade or answer.status != 101:
                answer.put("Connection", "close")
            if fault is None or answer.status >= 300:
                writer.write(bytes(answer))
                await _between((reader, ours), (theirs, writer))
            else:
                await self._spoil((reader, ours), (theirs, writer), answer, fault)
        finally:
            ours.transport.abort()

    async def _spoil(self, there: _Way, back: _Way, answer: _Head, fault: Fault) -> None:
        (reader, _), (theirs, writer) = there, back
        match fault:
            case Fault.STALL:
                writer.write(bytes(answer) + await _half(theirs, answer))
                await reader.read()
            case Fault.TRUNCATED:
                part = await _half(theirs, answer)
                if answer.length is not None:
                    answer.put("Content-Length", str(len(part)))
                writer.write(bytes(answer) + part)
                await _finish(writer)
            case Fault.WRONG_TYPE:
                if answer.status != 101:
                    answer.put("Content-Type", "application/x-example")
                writer.write(bytes(answer))
                await _between(there, back)
            case Fault.GIANT_HEADER:
                answer.put("X-Example", "a" * 2**20)
                writer.write(bytes(answer))
                await _between(there, back)
            case _:
                await self._flood(writer, answer, packed=fault is Fault.BOMB)

    async def _flood(self, writer: asyncio.StreamWriter, answer: _Head, *, packed: bool) -> None:
        """Send a body that is far too long, of the promised type; counts what is taken of it."""
        if answer.status == 101:
            # One frame of a websocket that will be as long.
            writer.write(bytes(answer) + b"\x82\x7f" + struct.pack(">Q", HUGE))
        else:
            answer.put("Content-Length", None)
            answer.put("Transfer-Encoding", None)
            answer.put("Content-Encoding", "gzip" if packed else None)
            writer.write(bytes(answer))
        if packed:
            writer.write(_packed())
            await _finish(writer)
            return
        start = self.sent
        while self.sent - start < HUGE:
            writer.write(_CHUNK)
            await writer.drain()
            self.sent += len(_CHUNK)
        await _finish(writer)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes, request: Request
    ) -> None:
        """Pass on bytes both ways, with the faults that need no HTTP."""
        self.requests.append(request)
        fault = None if self.spare(request) else self.fault
        if fault is Fault.BAD_TLS and request.target and self.stranger is not None:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.start_tls(self.stranger)
            return
        if fault is Fault.RESET:
            _reset(writer)
            return
        if fault is Fault.SLOW:
            await reader.read()
            return
        theirs, ours = await self._dial()
        try:
            ours.write(begun)
            if fault is Fault.STALL:
                await _begin((reader, ours), (theirs, writer))
            else:
                await _between((reader, ours), (theirs, writer))
        finally:
            ours.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.upstream
        return await asyncio.open_connection(host, port, ssl=self.tls)


@cache
def _packed() -> bytes:
    return gzip.compress(bytes(HUGE), 1)


async def _between(*ways: _Way) -> None:
    """Pass on bytes until one side has ended."""
    tasks = [asyncio.create_task(_pour(*way)) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await _finish(ways[-1][1])


async def _begin(there: _Way, back: _Way) -> None:
    """Pass on all that is said and the beginning of what is answered, until the client leaves."""
    theirs, writer = back
    asking, answering = asyncio.create_task(_pour(*there)), asyncio.create_task(theirs.read(64))
    try:
        await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            writer.write(answering.result())
        await asking
    finally:
        asking.cancel()
        answering.cancel()
        await asyncio.gather(asking, answering, return_exceptions=True)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()


async def _half(reader: asyncio.StreamReader, answer: _Head) -> bytes:
    """Return the first half of a body, or of what came of one without a length."""
    if answer.status == 101:
        return b""
    if answer.length is not None:
        return await reader.readexactly(answer.length // 2)
    part = await reader.read(4096)
    return part[: len(part) // 2]


async def _reply(writer: asyncio.StreamWriter, status: str, content: bytes, more: Sequence[tuple[str, str]]) -> None:
    kind = "text/html" if content.startswith(b"<") else "application/json"
    fields = [("Content-Type", kind), ("Content-Length", str(len(content))), ("Connection", "close"), *more]
    writer.write(bytes(_Head(f"HTTP/1.1 {status}", fields)) + content)
    await _finish(writer)


async def _finish(writer: asyncio.StreamWriter) -> None:
    """Say good-bye, so that what was written arrives."""
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection the hard way."""
    end = writer.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

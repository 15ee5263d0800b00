"""Cuts a multipart body (RFC 2046 section 5.1) into parts while it arrives, and forgives what devices get wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
import re
from typing import Final, NamedTuple

from .errors import Malformed

PART_LIMIT: Final = 16 * 2**20
HEAD_LIMIT: Final = 16 * 2**10

_BOUNDARY: Final = re.compile(r";\s*boundary\s*=\s*(?:\"([^\"]*)\"|([^;]*))", re.IGNORECASE)
_LINE_END: Final = re.compile(rb"(?:--)?[ \t]{0,64}\r?\n")
_UNFINISHED_LINE: Final = re.compile(rb"-?-?[ \t]{0,64}\r?")
_BLANK: Final = re.compile(rb"\r?\n")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part: header names in lower case, and its body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


type Buffer = bytes | bytearray


class Line(NamedTuple):
    """Where a boundary line begins (its dashes) and ends (after its line feed)."""

    begin: int
    end: int


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary a Content-Type names, without quotes, `<>` and leading dashes; None if it names none."""
    if not content_type.strip().lower().startswith("multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    value = (found[1] if found[1] is not None else found[2]).strip().removeprefix("<").removesuffix(">")
    # Devices name it with the dashes that stand before it on the wire, and then send two more or none.
    return (value.lstrip("-") or value).encode("latin-1", "replace") or None


class BoundaryFinder:
    """Finds boundary lines in a buffer that grows; nothing is looked at twice."""

    __slots__ = ("_begin", "_delimiter", "_next")

    def __init__(self, boundary: bytes) -> None:
        """Look from the start of the buffer."""
        self._delimiter = b"--" + boundary
        self._begin = 0
        self._next = 0

    @property
    def seen(self) -> int:
        """How much of the buffer can hold no boundary line any more."""
        return self._next

    def restart(self, at: int) -> None:
        """Look from there on."""
        self._begin = self._next = at

    def forget(self, size: int) -> None:
        """Go on in a buffer that lost so many bytes at its start."""
        self._begin = max(0, self._begin - size)
        self._next = max(0, self._next - size)

    def find(self, buffer: Buffer) -> Line | None:
        """Return the next whole boundary line, None if it has not arrived yet."""
        size = len(self._delimiter)
        while (begin := buffer.find(self._delimiter, self._next)) >= 0:
            if line_end := _LINE_END.match(buffer, begin + size):
                while begin > self._begin and buffer[begin - 1] == ord("-"):
                    begin -= 1
                self.restart(line_end.end())
                return Line(begin, line_end.end())
            if _UNFINISHED_LINE.fullmatch(buffer, begin + size):
                self._next = begin
                return None
            self._next = begin + 1
        self._next = max(self._next, len(buffer) - size + 1)
        return None

    def is_in(self, buffer: Buffer, begin: int, end: int) -> bool:
        """Return whether the boundary stands anywhere between."""
        return buffer.find(self._delimiter, begin, end) >= 0

    def ends_inside(self, buffer: Buffer, at: int) -> bool:
        """Return whether what stands before `at` may be the beginning of a boundary line still on its way."""
        known = len(buffer) >= at + len(self._delimiter)
        tail = bytes(buffer[max(0, at - len(self._delimiter)) : at])
        return not known and any(tail.endswith(self._delimiter[:size]) for size in range(1, len(self._delimiter) + 1))

    def may_begin(self, buffer: Buffer, at: int) -> bool:
        """Return whether a boundary line, or the line end before it, stands there as far as it has arrived."""
        rest = bytes(buffer[at : at + len(self._delimiter) + 8]).lstrip(b"\r\n")
        bare = rest.lstrip(b"-")
        name = self._delimiter[2:]
        dashes = len(rest) - len(bare)
        return not bare or (dashes > 1 and (bare.startswith(name) or name.startswith(bare)))


def head_end(buffer: Buffer, begin: int) -> int | None:
    """Return where the blank line ends that closes the headers beginning there, None if it is not here yet."""
    found = _BLANK.match(buffer, begin) or _HEAD_END.search(buffer, begin)
    return found.end() if found else None


def parse_head(head: Buffer) -> Mapping[str, str]:
    """Return header lines as a mapping with names in lower case; lines that are none are left out."""
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers


def length_of(headers: Mapping[str, str], limit: int) -> int | None:
    """Return the Content-Length, None where there is none that can be true."""
    value = headers.get("content-length", "")
    if not (value.isascii() and value.isdecimal()) or len(value) > len(str(limit)):
        return None
    return length if (length := int(value)) <= limit else None


class _State(Enum):
    SEEK = auto()
    HEAD = auto()
    BODY = auto()


class PartReader:
    """Turns chunks of a multipart body into parts; holds one part of at most `limit` bytes and no more.

    A part ends at the next boundary line, or as soon as its Content-Length has arrived where what follows does not
    contradict it. A line end that closes a body is taken for the boundary's, as some devices count it in. Raises
    Malformed when the content type is not multipart or names no boundary.
    """

    def __init__(self, content_type: str, *, limit: int = PART_LIMIT) -> None:
        """Read the boundary from the response's content type."""
        boundary = boundary_of(content_type)
        if boundary is None:
            raise Malformed(f"not a multipart answer: {content_type[:80]!r}")
        self._limit = limit
        self._finder = BoundaryFinder(boundary)
        self._buffer = bytearray()
        self._state = _State.SEEK
        self._begin = 0
        self._headers: Mapping[str, str] = {}
        self._length: int | None = None

    def feed(self, chunk: bytes) -> list[Part]:
        """Take the next bytes and return the parts they complete."""
        self._buffer += chunk
        parts: list[Part] = []
        while self._step(parts):
            pass
        self._forget()
        return parts

    def close(self) -> list[Part]:
        """Return the part that a missing final boundary left open; one cut short of its length is dropped."""
        if self._length is not None:
            self._length += 1  # the line end added here must not complete it
        parts = self.feed(b"\n")
        if self._state is _State.BODY and self._length is None:
            self._take(len(self._buffer) - 1, parts)
        self._buffer.clear()
        self._seek(0)
        return parts

    def _step(self, parts: list[Part]) -> bool:
        """Go one state further; return False when more bytes are needed."""
        if self._state is _State.BODY:
            return self._read_body(parts)
        if self._state is _State.HEAD:
            return self._read_head()
        line = self._finder.find(self._buffer)
        if line is None:
            return False
        self._begin = line.end
        self._state = _State.HEAD
        return True

    def _read_head(self) -> bool:
        body = head_end(self._buffer, self._begin)
        if body is None:
            if len(self._buffer) - self._begin <= HEAD_LIMIT:
                return False
            self._seek(self._begin)
            return True
        self._headers = parse_head(self._buffer[self._begin : body])
        self._length = length_of(self._headers, self._limit)
        self._begin = body
        self._finder.restart(body)
        self._state = _State.BODY
        return True

    def _read_body(self, parts: list[Part]) -> bool:
        line = self._finder.find(self._buffer)
        if self._length is not None and line is None and len(self._buffer) < self._begin + self._length:
            return False
        if self._length is not None:
            end = self._begin + self._length
            if line is None and self._finder.ends_inside(self._buffer, end):
                return False
            if (line is None or line.begin >= end) and self._finder.may_begin(self._buffer, end):
                self._take(end, parts)
                self._seek(end)
                return True
            self._length = None
        if line is not None:
            self._take(line.begin, parts)
            self._begin = line.end
            self._state = _State.HEAD
            return True
        if len(self._buffer) - self._begin > self._limit + HEAD_LIMIT:
            self._seek(self._finder.seen)
            return True
        return False

    def _take(self, end: int, parts: list[Part]) -> None:
        """Add the part that ends there, without the line end that belongs to the boundary."""
        body = bytes(memoryview(self._buffer)[self._begin : end])
        body = body.removesuffix(b"\n").removesuffix(b"\r")
        if len(body) <= self._limit:
            parts.append(Part(headers=self._headers, body=body))

    def _seek(self, at: int) -> None:
        self._finder.restart(at)
        self._state = _State.SEEK

    def _forget(self) -> None:
        """Drop what has been read."""
        done = self._finder.seen if self._state is _State.SEEK else self._begin
        if done:
            del self._buffer[:done]
            self._begin = max(0, self._begin - done)
            self._finder.forget(done)

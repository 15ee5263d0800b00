"""Cuts whole JPEG pictures out of a camera's HTTP stream, whatever the camera makes of multipart."""

from enum import Enum, auto
import re
from typing import Final

from .errors import Malformed
from .jpeg import JPEG_END, JPEG_START, Walk, is_whole_jpeg
from .multipart import HEAD_LIMIT, PART_LIMIT, BoundaryFinder, Buffer, boundary_of, head_end, length_of, parse_head

_START_AND_MARKER: Final = JPEG_START + b"\xff"
_TWO_ENDS: Final = JPEG_END + JPEG_END
_LINE_ENDS: Final = b"\r\n"
_AFTER_A_PICTURE: Final = (b"\r", b"\n", b"-", JPEG_START)

_LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*(\d+)\r?\n", re.IGNORECASE)
_PART_ENDS: Final = (b"", b"\r\n", b"\n")
# In a stream's first bytes stands the line that parts its pictures, if there is any.
_FIRST_LINE: Final = 256
_NAMED: Final = re.compile(rb"--+([!-,.-~][ -~]*?)[ \t]*\r?")
_STREAM_TYPES: Final = (
    *("multipart/", "x-mixed-replace", "image/jp", "image/pjpeg", "application/octet-stream"),
    *("video/x-motion-jpeg", "video/mjpeg", "video/x-mjpeg"),
)
_OTHER_TYPES: Final = ("audio/", "text/", "application/")
_UNTYPED: Final = "application/octet-stream"


def check_content_type(content_type: str) -> None:
    """Raise Malformed(not_a_camera) for an answer that can hold no picture: a login page, JSON, plain text."""
    media_type = content_type.strip().lower()
    if media_type and not media_type.startswith(_STREAM_TYPES):
        raise Malformed(f"no pictures in an answer of type {media_type[:80]!r}", reason="not_a_camera")


class _State(Enum):
    SEEK = auto()
    SKIP = auto()
    HEAD = auto()
    BODY = auto()


def _head_like(head: bytes) -> re.Pattern[bytes] | None:
    """Return what matches a boundary line and headers like these with another Content-Length."""
    length = _LENGTH.search(head)
    if length is None or head.count(length[1]) != 1:
        return None
    before, after = head[: length.start(1)], head[length.end(1) :]
    return re.compile(rb"(?:\r?\n)?" + re.escape(before) + rb"(\d+)" + re.escape(after))


def _once_ended(picture: bytes) -> bytes:
    """Return a picture without the second end mark that some encoders give it."""
    return picture[: -len(JPEG_END)] if picture.endswith(_TWO_ENDS) else picture


class JpegReader:
    """Turns chunks of a stream into whole JPEGs; holds one of at most `limit` bytes and no more.

    A picture is cut by its part's Content-Length where a picture ends there; else by its own markers, else at the next
    boundary. Where no boundary line is met the markers are enough, so a still picture is a stream of one. Raises
    Malformed(not_a_camera) for content types that hold no picture.
    """

    def __init__(self, content_type: str, *, limit: int = PART_LIMIT) -> None:
        """Read the boundary from the response's content type."""
        check_content_type(content_type)
        boundary = boundary_of(content_type)
        self._finder = BoundaryFinder(boundary) if boundary else None
        # A single picture has no boundary, whatever it begins with.
        self._begun = content_type.strip().lower().startswith("image/")
        self._limit = limit
        self._buffer: Buffer = b""
        self._state = _State.SEEK
        self._begin = 0
        self._looked = 0
        self._walk = Walk()
        self._length: int | None = None
        # Up to here a length is waited for, as one like it has proved right; else the markers are followed as well.
        self._trusted = 0
        # While such a length is waited for: the chunks, and how many bytes are not here yet.
        self._held: list[bytes] = []
        self._missing = 0
        # Where the boundary line began, and what heads of parts look like that differ only in their length.
        self._line: int | None = None
        self._head: re.Pattern[bytes] | None = None
        # Whether a picture that begins here is one for certain, and not a thumbnail in the tail of another.
        self._certain = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes and return the pictures they complete."""
        pictures: list[bytes] = []
        if self._missing > 0:
            self._held.append(chunk)
            self._missing -= len(chunk)
            if self._missing > 0:
                return pictures
            self._join(pictures)
        elif self._buffer:
            self._buffer += chunk
        elif self._repeated(chunk, pictures):
            return pictures
        if not self._begun and not self._learned():
            return pictures
        while self._step(pictures):
            pass
        self._forget()
        if self._state is _State.BODY and self._length is not None and self._length <= self._trusted:
            self._missing = self._length - len(self._buffer)
        return pictures

    def _learned(self) -> bool:
        """Take the boundary from the stream's first line where another is named, or none; False until that is here."""
        begin = bytes(self._buffer[:_FIRST_LINE]).lstrip(_LINE_ENDS)
        line, ended, _ = begin.partition(b"\n")
        if not ended and len(self._buffer) < _FIRST_LINE and b"--".startswith(begin[:2]):
            return False
        self._begun = True
        named = _NAMED.fullmatch(line)
        if ended and named and not (self._finder and self._finder.find(line + ended)):
            self._finder = BoundaryFinder(named[1])
        elif self._finder:
            self._finder.restart(0)
        return True

    def _repeated(self, chunk: bytes, pictures: list[bytes]) -> bool:
        """Take the one whole part that a chunk is, if it begins as parts did before; else keep the chunk."""
        head = self._head.match(chunk) if self._head and self._state is _State.SEEK else None
        if head is not None and len(head[1]) <= len(str(self._limit)) and (length := int(head[1])) <= self._trusted:
            begin = head.end()
            picture = chunk[begin : begin + length]
            if len(picture) == length and is_whole_jpeg(picture) and chunk[begin + length :] in _PART_ENDS:
                pictures.append(_once_ended(picture))
                self._certain = True
                self._seek(0, certain=True)
                return True
        self._buffer = chunk
        return False

    def _join(self, pictures: list[bytes]) -> None:
        """Put a picture together whose length has arrived; its bytes are copied only once."""
        *held, last = self._held
        self._held = []
        end = len(last) + self._missing
        picture = b"".join((self._buffer, *held, memoryview(last)[:end]))
        if not is_whole_jpeg(picture):
            self._buffer = b"".join((self._buffer, *held, last))
            return
        pictures.append(_once_ended(picture))
        self._trusted = 2 * len(picture)
        self._buffer = last[end:]
        self._seek(0, certain=True)

    def _step(self, pictures: list[bytes]) -> bool:
        """Go one state further; return False when more bytes are needed."""
        match self._state:
            case _State.BODY:
                return self._read_body(pictures)
            case _State.HEAD:
                return self._read_head()
            case _:
                return self._look()

    def _look(self) -> bool:
        """Look for a boundary line, or for a picture without one."""
        line = self._finder.find(self._buffer) if self._finder else None
        start = -1 if self._state is _State.SKIP else self._buffer.find(_START_AND_MARKER, self._looked)
        if start >= 0 and (line is None or start < line.begin):
            self._certain = self._certain and not self._buffer[self._begin : start].strip(_LINE_ENDS)
            self._open(start, None)
            return True
        if line is None:
            self._looked = max(self._looked, len(self._buffer) - 2)
            return False
        self._line = line.begin
        self._begin = line.end
        self._state = _State.HEAD
        return True

    def _read_head(self) -> bool:
        end = head_end(self._buffer, self._begin)
        start = self._buffer.find(_START_AND_MARKER, self._begin)
        if start >= 0 and (end is None or start < end):
            end = start
        if end is None:
            if len(self._buffer) - self._begin > HEAD_LIMIT:
                self._seek(self._begin, certain=False)
                return True
            return False
        headers = parse_head(self._buffer[self._begin : end])
        kind = headers.get("content-type", _UNTYPED).lower()
        if kind.startswith(_UNTYPED) or not kind.startswith(_OTHER_TYPES):
            self._certain = True
            length = length_of(headers, self._limit)
            if length is not None and self._head is None and self._line is not None:
                self._head = _head_like(bytes(self._buffer[self._line : end]))
            self._open(end, length)
        else:
            self._seek(end, certain=False)
            self._state = _State.SKIP
        return True

    def _open(self, begin: int, length: int | None) -> None:
        """Begin a picture."""
        self._begin = begin
        self._length = length
        self._walk = Walk()
        if self._finder:
            self._finder.restart(begin)
        self._state = _State.BODY

    def _read_body(self, pictures: list[bytes]) -> bool:
        if not JPEG_START.startswith(self._buffer[self._begin : self._begin + len(JPEG_START)]):
            # A line end too many, or something of the device's own, stands before the picture.
            self._seek(self._begin, certain=True)
            return True
        if self._length is not None:
            said = self._begin + self._length
            if len(self._buffer) < said:
                if self._length <= self._trusted:
                    return False
            elif (end := self._picture_end(said)) is not None:
                self._trusted = 2 * self._length
                return self._take(end, pictures)
            else:
                self._length, self._trusted = None, 0
        end = self._walk.end(self._buffer, self._begin)
        if end is not None:
            return self._take_walked(end, pictures)
        in_segment = self._begin + self._walk.segments_end > len(self._buffer)
        if in_segment and self._finder and self._finder.find(self._buffer):
            self._distrust(self._finder)
        if self._walk.broken:
            return self._read_to_boundary(pictures)
        return self._drop_if_too_large()

    def _distrust(self, finder: BoundaryFinder) -> None:
        """Give up the markers of a picture cut short inside a segment: it takes what follows for the rest of it."""
        self._length, self._walk.broken = None, True
        finder.restart(self._begin)

    def _picture_end(self, end: int) -> int | None:
        """Return where the picture ends that fills its part up to there but for a line end, None if none does."""
        body_tail = bytes(self._buffer[max(self._begin, end - 8) : end])
        tail = _once_ended(body_tail.rstrip(_LINE_ENDS))
        if tail.endswith(JPEG_END) and self._buffer.startswith(JPEG_START, self._begin):
            return end - len(body_tail) + len(tail)
        return None

    def _take_walked(self, end: int, pictures: list[bytes]) -> bool:
        """Add the picture that ends there by its markers, unless it looks like two, or like one inside another."""
        if self._finder and self._finder.is_in(self._buffer, self._begin, self._begin + self._walk.segments_end):
            self._distrust(self._finder)
            return True
        if not self._certain:
            if self._buffer[end : end + 2] in (b"", JPEG_START[:1]):
                return self._drop_if_too_large()
            if not self._buffer.startswith(_AFTER_A_PICTURE, end):
                self._seek(end, certain=False)
                return True
        if self._length is not None and end + len(_LINE_ENDS) < self._begin + self._length:
            self._trusted = 0
        return self._take(end, pictures)

    def _read_to_boundary(self, pictures: list[bytes]) -> bool:
        """Cut at the boundary line what is no picture by its markers; only what begins and ends as one is kept."""
        if self._finder is None or not self._certain:
            self._seek(self._begin + len(JPEG_START), certain=False)
            return True
        line = self._finder.find(self._buffer)
        if line is None:
            return self._drop_if_too_large()
        end = self._picture_end(line.begin)
        if end is not None:
            self._take(end, pictures)
        self._begin = line.end
        self._state = _State.HEAD
        return True

    def _take(self, end: int, pictures: list[bytes]) -> bool:
        """Add the picture that ends there and look for the next."""
        if end - self._begin <= self._limit:
            pictures.append(bytes(memoryview(self._buffer)[self._begin : end]))
        self._seek(end, certain=True)
        return True

    def _drop_if_too_large(self) -> bool:
        """Give up a picture beyond the limit; return whether it was."""
        if len(self._buffer) - self._begin <= self._limit:
            return False
        self._seek(len(self._buffer), certain=False)
        return True

    def _seek(self, at: int, *, certain: bool) -> None:
        """Look for a picture from there on."""
        self._begin = self._looked = at
        self._certain = certain
        if self._finder:
            self._finder.restart(at)
        self._state = _State.SEEK

    def _forget(self) -> None:
        """Drop what has been read, and line ends before what is looked for; a chunk is copied only for its rest."""
        done = self._begin
        if self._state is _State.SEEK or self._state is _State.SKIP:
            seen = self._finder.seen if self._finder else self._looked
            done = seen if self._state is _State.SKIP else min(seen, self._looked)
            self._certain = self._certain and not self._buffer[self._begin : done].strip(_LINE_ENDS)
            if not self._buffer[done:].strip(_LINE_ENDS):
                done = len(self._buffer)
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(memoryview(self._buffer)[done:])
        else:
            del self._buffer[:done]
        if done:
            self._line = None
            self._begin = max(0, self._begin - done)
            self._looked = max(0, self._looked - done)
            if self._finder:
                self._finder.forget(done)

"""What is known of a JPEG by its markers (ITU-T T.81), without decoding it."""

import re
from typing import Final

from .multipart import Buffer

JPEG_START: Final = b"\xff\xd8"
JPEG_END: Final = b"\xff\xd9"

# Entropy-coded data ends at a marker that is no stuffing, restart or fill byte (ITU-T T.81 section B.1.1).
_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TEMPORARY, _FIRST_FRAME_HEADER, _FIRST_RESTART, _LAST_RESTART = 0x01, 0xC0, 0xD0, 0xD7
_SOI, _EOI, _SOS, _FILL, _TABLES = 0xD8, 0xD9, 0xDA, 0xFF, 0xC4
# A marker with a segment behind it: no stuffing, restart or fill byte, and not TEM.
_SEGMENT: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_MOST_SEGMENTS: Final = 2**14
_LARGEST: Final = 0xFFFF
_FRAME_HEADERS: Final = frozenset(range(_FIRST_FRAME_HEADER, _FIRST_RESTART)) - {0xC4, 0xC8, 0xCC}

# In so many bytes of a picture its Huffman tables are met, and so many segments stand before its data at most.
_TABLES_WITHIN: Final = 4096
_SEGMENTS_BEFORE: Final = 64
# The tables of ITU-T T.81 section K.3.3, each as: class and number, how many codes of each length, what they stand for.
_STANDARD_TABLES: Final = bytes.fromhex(
    "ffc401a2"
    "0000010501010101010100000000000000" + "000102030405060708090a0b"
    "0100030101010101010101010000000000" + "000102030405060708090a0b"
    "100002010303020403050504040000017d"
    "0102030004110512213141061351610722711432"
    "8191a1082342b1c11552d1f02433627282090a16"
    "1718191a25262728292a3435363738393a434445"
    "464748494a535455565758595a63646566676869"
    "6a737475767778797a838485868788898a929394"
    "95969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6"
    "b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8"
    "d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8"
    "f9fa"
    "1100020102040403040705040400010277"
    "0001020311040521310612415107617113223281"
    "08144291a1b1c109233352f0156272d10a162434"
    "e125f11718191a262728292a35363738393a4344"
    "45464748494a535455565758595a636465666768"
    "696a737475767778797a82838485868788898a92"
    "939495969798999aa2a3a4a5a6a7a8a9aab2b3b4"
    "b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6"
    "d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8"
    "f9fa"
)


def is_whole_jpeg(data: bytes) -> bool:
    """Return whether it begins and ends as a JPEG does."""
    return len(data) > len(JPEG_START) + len(JPEG_END) and data.startswith(JPEG_START) and data.endswith(JPEG_END)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels as the frame header (SOF) says, None if there is none.

    As decoders do, whatever stands before a marker is passed over: nothing may hide how large a picture is. One with
    segments without end is as large as can be.
    """
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _SEGMENT.search(data, at) if data.startswith(JPEG_START) else None
        if found is None or (at := found.start()) + 9 > len(data):
            return None
        if data[at + 1] in _FRAME_HEADERS:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return _LARGEST, _LARGEST


def with_tables(data: bytes) -> bytes:
    """Return a picture with the standard Huffman tables where it brings none, as MJPEG may (USB video class, AVI1).

    Most decoders know them by heart; those of Apple's browsers show nothing.
    """
    if data.find(bytes((_FILL, _TABLES)), 0, _TABLES_WITHIN) >= 0:
        return data
    at, baseline = len(JPEG_START), False
    for _ in range(_SEGMENTS_BEFORE):
        marker = data[at + 1 : at + 2]
        if data[at : at + 1] != b"\xff" or marker in (b"", b"\xc4", b"\xd9"):
            break
        if marker[0] == _SOS:
            return b"".join((data[:at], _STANDARD_TABLES, data[at:])) if baseline else data
        baseline = baseline or marker[0] == _FIRST_FRAME_HEADER
        at += 1 if marker[0] == _FILL else 2 + int.from_bytes(data[at + 2 : at + 4])
    return data


def jpeg_in(data: bytes) -> bytes | None:
    """Return the JPEG that some bytes begin with, without what some cameras send after it; None if it is not whole.

    An end inside a segment is that of a thumbnail.
    """
    end = data.rfind(JPEG_END) + len(JPEG_END)
    if not data.startswith(JPEG_START) or end < len(JPEG_START + JPEG_END):
        return None
    walk = Walk()
    walk.end(data, 0)
    return data[:end] if walk.broken or walk.segments_end < end else None


class Walk:
    """Goes from marker to marker of a picture that is still arriving; a thumbnail in a segment is stepped over."""

    __slots__ = ("_at", "_in_scan", "broken", "segments_end")

    def __init__(self) -> None:
        self._at = 2
        self.segments_end = 2
        self._in_scan = False
        self.broken = False

    def end(self, buffer: Buffer, begin: int) -> int | None:
        """Return where the picture that begins there ends, None if it has not arrived or is `broken`."""
        while not self.broken:
            at = begin + self._at
            if self._in_scan:
                found = _SCAN_END.search(buffer, at)
                if found is None:
                    self._at = max(self._at, len(buffer) - 1 - begin)
                    return None
                self._at = found.start() - begin
                self._in_scan = False
            elif len(buffer) < at + 2:
                return None
            elif buffer[at] == _FILL and buffer[at + 1] == _EOI:
                return at + 2
            elif not self._step(buffer, at):
                return None
        return None

    def _step(self, buffer: Buffer, at: int) -> bool:
        """Go past one marker; return False when more bytes are needed."""
        marker = buffer[at + 1]
        if buffer[at] != _FILL:
            self.broken = True
        elif marker == _FILL:
            self._at += 1
        elif marker == _TEMPORARY or _FIRST_RESTART <= marker <= _LAST_RESTART:
            self._at += 2
        elif marker < _FIRST_FRAME_HEADER or marker == _SOI:
            self.broken = True
        elif len(buffer) < at + 4:
            return False
        else:
            self._at += 2 + int.from_bytes(buffer[at + 2 : at + 4])
            self._in_scan = marker == _SOS
            self.segments_end = self._at
        return True

"""Whole JPEGs out of what ffmpeg's `mpjpeg` muxer writes."""

from __future__ import annotations

import re

from .errors import CameraError

FRAME_LIMIT = 16 * 2**20
HEAD_LIMIT = 1024
START = b"\xff\xd8"
END = b"\xff\xd9"
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class MpjpegReader:
    """Cuts parts by their Content-Length, which ffmpeg always writes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the JPEGs that are whole now; raises CameraError when this is no such stream."""
        self._buffer += chunk
        found: list[bytes] = []
        while (part := self._next()) is not None:
            jpeg = mended(part)
            if jpeg is not None:
                found.append(jpeg)
        return found

    def _next(self) -> bytes | None:
        head_end = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT)
        if head_end < 0:
            if len(self._buffer) >= HEAD_LIMIT:
                raise CameraError("ffmpeg writes something that is not mpjpeg")
            return None
        length = LENGTH.search(self._buffer, 0, head_end)
        if length is None or int(length[1]) > FRAME_LIMIT:
            raise CameraError("ffmpeg writes a part without a usable length")
        start = head_end + 4
        end = start + int(length[1])
        if len(self._buffer) < end:
            return None
        part = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return part


def mended(part: bytes) -> bytes | None:
    """Return the picture without the padding webcams add and with its end; None when it is no JPEG."""
    if not part.startswith(START):
        return None
    if part.endswith(END):
        return part
    stripped = part.rstrip(b"\0")
    return stripped if stripped.endswith(END) else stripped + END

"""One client of the stream, which may be slower than the camera."""

from __future__ import annotations

from array import array
import fcntl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from .capture import Frame

# From linux/sockios.h: bytes in the socket's queue that are not sent yet.
SIOCOUTQNSD = 0x894B


class Viewer:
    """Gets the newest frame whenever it has taken the one before; what it cannot take is left out."""

    def __init__(self, transport: asyncio.WriteTransport, now: float) -> None:
        self._transport = transport
        self._number = 0
        self._moved = now
        self._file = transport.get_extra_info("socket").fileno()
        self.sent = 0
        self.skipped = 0

    def offer(self, frame: Frame | None, now: float) -> None:
        """Send the frame, or leave it out while too much of an earlier one waits."""
        if frame is None or self._transport.is_closing() or frame.number == self._number:
            return
        # The kernel would buffer seconds of video for a slow client; half a frame waiting is enough.
        if self._transport.get_write_buffer_size() or self._unsent() > len(frame.part) // 2:
            self.skipped += 1
            return
        self._transport.write(frame.part)
        self._number = frame.number
        self._moved = now
        self.sent += 1

    def stalled_for(self, now: float) -> float:
        """Return the seconds since this client last took a frame."""
        return now - self._moved

    def drop(self) -> None:
        """Close the connection without waiting for what was not sent."""
        self._transport.abort()

    def _unsent(self) -> int:
        waiting = array("i", [0])
        try:
            fcntl.ioctl(self._file, SIOCOUTQNSD, waiting)
        except OSError:
            return 0
        return waiting[0]

"""Sends a camera's frames to HTTP viewers; all share the same bytes, and slow ones skip frames."""

import asyncio
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from contextlib import suppress
import fcntl
import socket
import struct
import sys
import termios
from typing import Final, Protocol

from aiohttp import HttpVersion11, web

from .kernel.errors import HubError
from .kernel.relay import BOUNDARY, OPENING, Frame

STALLED_AFTER: Final = 25.0
"""Seconds without progress after which a viewer's connection is cut; with buffered data it takes under 30."""

# None of the camera's own headers; X-Accel-Buffering keeps a reverse proxy from buffering seconds of pictures.
_HEADERS: Final = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "Cache-Control": "no-cache, no-store, private",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}
_NO_COUNT: Final = bytes(4)
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class HttpViewer:
    """One connection: a frame is written if the previous one has nearly been sent, else it is skipped.

    The kernel's send queue counts too, as it can hold seconds of pictures for a slow viewer (TIOCOUTQ, tcp(7)).
    """

    __slots__ = ("_chunked", "_moved_at", "_moved_to", "_socket", "_transport", "_written", "done", "skipped")

    def __init__(self, transport: asyncio.Transport, *, chunked: bool) -> None:
        """Take a connection whose response headers are sent; `done` completes when nothing more will be written."""
        self._transport = transport
        self._chunked = chunked
        self._socket: TransportSocket = transport.get_extra_info("socket")
        self._written = 0
        self._moved_to = 0
        self._moved_at: float | None = None
        self.skipped = 0
        self.done: asyncio.Future[HubError | None] = asyncio.get_running_loop().create_future()

    def offer(self, frame: Frame) -> None:
        """Write the frame, or skip it while too much of earlier ones is unsent."""
        transport = self._transport
        if transport.is_closing():
            self.end(None)
            return
        here = transport.get_write_buffer_size()
        waiting = here + self._unacknowledged()
        self._note_progress(waiting, frame.at)
        if self.done.done():
            return
        if here or waiting > len(frame.jpeg):
            self.skipped += 1
        elif self._chunked and not frame.many:
            transport.writelines(frame.pieces)
            self._written += sum(map(len, frame.pieces))
        else:
            data = frame.chunk if self._chunked else frame.part
            transport.write(data)
            self._written += len(data)

    def end(self, error: HubError | None) -> None:
        """End the response; what is left of an unsent frame is discarded."""
        if self._transport.get_write_buffer_size():
            self._cut()
        if not self.done.done():
            self.done.set_result(error)

    def _unacknowledged(self) -> int:
        """Return the bytes in the kernel's send queue, 0 if unknown."""
        try:
            count = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, _NO_COUNT)
        except OSError:
            return 0
        return int.from_bytes(count, sys.byteorder)

    def _note_progress(self, waiting: int, now: float) -> None:
        """Cut the connection when nothing has been sent for too long."""
        taken = self._written - waiting
        if not waiting or taken > self._moved_to or self._moved_at is None:
            self._moved_to = taken
            self._moved_at = now
        elif now - self._moved_at >= STALLED_AFTER:
            self._cut()
            self.end(None)

    def _cut(self) -> None:
        """Reset the connection and drop what is in the kernel's send queue."""
        # It may be closed already.
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()


class Source(Protocol):
    """Where a viewer gets frames from."""

    def join(self, viewer: HttpViewer) -> Callable[[], None]:
        """Give the viewer frames from now on; returns the undo."""
        ...


async def serve_mjpeg(request: web.Request, relay: Source) -> web.StreamResponse:
    """Answer a request with the camera's frames until the viewer disconnects or stalls, or the relay ends.

    Headers and the first boundary are sent by aiohttp; frames are written to the transport already framed, so that a
    frame costs one system call per viewer and no copy.
    """
    response = web.StreamResponse(headers=_HEADERS)
    transport = request.transport
    if transport is None:
        return response
    chunked = request.version >= HttpVersion11
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(OPENING)
    viewer = HttpViewer(transport, chunked=chunked)
    leave = relay.join(viewer)
    try:
        await viewer.done
    finally:
        leave()
    return response

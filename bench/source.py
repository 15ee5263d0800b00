"""A camera server that costs nearly nothing: `python -m bench.source PORT`.

`/NAME/stream?size=hd&fps=30`, `/NAME/still?size=vga&delay=0.02`, `/counters` (by NAME), `/reset`, and `/size/NAME/hd`:
stills of that size from now on. Each frame carries its number and its time in a comment segment behind the start of the
image, and is padded to the size of a real one.
"""

import asyncio
from collections import defaultdict
from dataclasses import asdict, dataclass
import json
import struct
import sys
import time
from typing import Final, override

from camhub_pi.pattern import Pattern
from yarl import URL

# Pixels, JPEG quality, and bytes of a whole frame as real cameras send them (reference: performance, set-up).
SIZES: Final = {
    "tiny": (160, 120, 50, 4_096),
    "vga": (640, 480, 92, 41_984),
    "hd": (1920, 1080, 95, 257_024),
}
BOUNDARY: Final = "frame"
MAGIC: Final = b"\xff\xd8\xff\xfe\x00\x1aCAMHUB-B"
STAMP: Final = struct.Struct(">QQ")
_SEGMENT: Final = 65_000


@dataclass(slots=True)
class Counted:
    """What one camera was asked."""

    streams: int = 0
    streams_opened: int = 0
    streams_at_once: int = 0
    frames: int = 0
    dropped: int = 0
    stills: int = 0
    stills_under_way: int = 0
    stills_at_once: int = 0


def padded(jpeg: bytes, size: int) -> bytes:
    """Return what follows the stamp of a frame of `size` bytes: comments up to that size, then the picture."""
    missing = size - len(MAGIC) - STAMP.size - (len(jpeg) - 2)
    filling = bytearray()
    while missing >= 4:
        length = min(missing, _SEGMENT)
        # A rest of less than 4 bytes is no segment: leave it to the last but one.
        if 0 < missing - length < 4:
            length -= 4
        filling += b"\xff\xfe" + (length - 2).to_bytes(2) + bytes(length - 4)
        missing -= length
    return bytes(filling) + jpeg[2:]


class Pictures:
    """Frames of each size; only the stamp differs from one to the next."""

    def __init__(self) -> None:
        """Draw one picture of each size."""
        self._rest = {
            name: padded(Pattern(width, height).jpeg(0.0, quality), size)
            for name, (width, height, quality, size) in SIZES.items()
        }
        self._number = 0

    def take(self, size: str) -> bytes:
        """Return a picture of this moment."""
        self._number += 1
        return MAGIC + STAMP.pack(self._number, time.monotonic_ns()) + self._rest[size]


class Server:
    """The cameras and what they were asked."""

    def __init__(self) -> None:
        """Start with nobody watching."""
        self.pictures = Pictures()
        self.counted: defaultdict[str, Counted] = defaultdict(Counted)
        self.sizes: dict[str, str] = {}
        self._viewers: defaultdict[tuple[str, float], list[Connection]] = defaultdict(list)
        self._ticking: set[tuple[str, float]] = set()

    def watch(self, connection: Connection, size: str, fps: float) -> None:
        """Send frames from the next tick on."""
        self._viewers[size, fps].append(connection)
        if (size, fps) not in self._ticking:
            self._ticking.add((size, fps))
            loop = asyncio.get_running_loop()
            loop.call_soon(self._tick, size, fps, loop.time())

    def leave(self, connection: Connection) -> None:
        """Send it nothing any more."""
        for viewers in self._viewers.values():
            if connection in viewers:
                viewers.remove(connection)

    def _tick(self, size: str, fps: float, due: float) -> None:
        """Send one frame to all who watch this size at this rate, and call again in time."""
        viewers = self._viewers[size, fps]
        if not viewers:
            self._ticking.discard((size, fps))
            return
        frame = self.pictures.take(size)
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n".encode()
        part = b"".join((head, frame, b"\r\n"))
        for viewer in viewers:
            viewer.show(part)
        loop = asyncio.get_running_loop()
        loop.call_at(due + 1 / fps, self._tick, size, fps, due + 1 / fps)


class Connection(asyncio.Protocol):
    """One client; requests on it are answered one after the other."""

    def __init__(self, server: Server) -> None:
        """Wait for a request."""
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._asked = b""
        self._watched: Counted | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError
        self._transport = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._watched is not None:
            self._watched.streams -= 1
            self._server.leave(self)

    @override
    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            request, _, self._asked = self._asked.partition(b"\r\n\r\n")
            self._answer(URL(request.split(b" ", 2)[1].decode()))

    def show(self, part: bytes) -> None:
        """Send one frame, unless two wait already."""
        if self._transport is None or self._watched is None:
            return
        if self._transport.get_write_buffer_size() > 2 * len(part):
            self._watched.dropped += 1
            return
        self._watched.frames += 1
        self._transport.write(part)

    def _answer(self, url: URL) -> None:
        match url.parts[1:]:
            case ["counters"]:
                counted = {name: asdict(counter) for name, counter in self._server.counted.items()}
                self._send("application/json", json.dumps(counted).encode())
            case ["reset"]:
                for counter in self._server.counted.values():
                    counter.streams_at_once = counter.streams
                    counter.streams_opened = counter.frames = counter.dropped = 0
                    counter.stills = counter.stills_at_once = 0
                self._send("application/json", b"{}")
            case [name, "stream"]:
                self._stream(self._server.counted[name], url)
            case ["size", name, size]:
                self._server.sizes[name] = size
                self._send("application/json", b"{}")
            case [name, "still"]:
                size = self._server.sizes.get(name, url.query.get("size", "vga"))
                self._still(self._server.counted[name], size, float(url.query.get("delay", "0")))
            case _:
                self._send("text/plain", b"", "404 Not Found")

    def _stream(self, counter: Counted, url: URL) -> None:
        if self._transport is None or self._watched is not None:
            return
        counter.streams += 1
        counter.streams_opened += 1
        counter.streams_at_once = max(counter.streams_at_once, counter.streams)
        self._watched = counter
        head = f"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n"
        self._transport.write(f"{head}Connection: close\r\n\r\n".encode())
        self._server.watch(self, url.query.get("size", "vga"), float(url.query.get("fps", "30")))

    def _still(self, counter: Counted, size: str, delay: float) -> None:
        counter.stills += 1
        counter.stills_under_way += 1
        counter.stills_at_once = max(counter.stills_at_once, counter.stills_under_way)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send_still, counter, size)
        else:
            self._send_still(counter, size)

    def _send_still(self, counter: Counted, size: str) -> None:
        counter.stills_under_way -= 1
        self._send("image/jpeg", self._server.pictures.take(size))

    def _send(self, content_type: str, body: bytes, status: str = "200 OK") -> None:
        if self._transport is not None:
            head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended."""
    server = Server()
    listening = await asyncio.get_running_loop().create_server(
        lambda: Connection(server), "127.0.0.1", port, backlog=1024
    )
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

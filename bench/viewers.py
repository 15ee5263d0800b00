"""Viewers that cost nearly nothing: `python -m bench.viewers`, commands as JSON lines on stdin, answers on stdout.

`{"do": "open", "group": "probe", "count": 1, "kind": "probe", "port": 8123, "path": "/..."}`, `{"do": "take"}` (what
each group saw since the last one), `{"do": "leave", "group": "probe"}`, `{"do": "close"}` (all leave). Kinds: `drain`
has the kernel throw the bytes away, `probe` reads the frames' stamps, `slow` does so at `rate` bytes a second,
`stalled` reads the beginning and then nothing.
"""

from dataclasses import dataclass, field
import json
import selectors
import socket
import sys
import time
from typing import Any, Final, Literal

from .source import MAGIC, SIZES, STAMP

type Kind = Literal["drain", "probe", "slow", "stalled"]

# How often a slow viewer reads, in seconds.
TICK: Final = 0.02
_STATUS_LINE: Final = 15
# Room for what is thrown away: the kernel copies nothing into it.
SCRATCH: Final = 4 * 2**20


@dataclass(slots=True, eq=False)
class Viewer:
    """One connection."""

    kind: Kind
    socket: socket.socket
    frame_size: int
    begun: float
    scratch: bytearray
    rate: float = 0.0
    answered: bytes = b""
    total: int = 0
    received: int = 0
    frames: int = 0
    ages: list[float] = field(default_factory=list)
    first_at: float | None = None
    closed: bool = False
    _tail: bytes = b""
    _first_begins: int | None = None
    _allowance: float = 0.0
    _filled_at: float = 0.0

    def read(self) -> None:
        """Take what is there."""
        try:
            if self.kind == "drain" and self.answered:
                count = self.socket.recv_into(self.scratch, 0, socket.MSG_TRUNC)
            else:
                count = self._look(self.socket.recv(2**18))
        except BlockingIOError:
            return
        except OSError:
            count = 0
        self.closed = count == 0
        self.received += count
        self.total += count

    def read_slowly(self, now: float) -> None:
        """Take as much as its line would have carried since the last time."""
        self._allowance = min(self.rate, self._allowance + self.rate * (now - (self._filled_at or now)))
        self._filled_at = now
        while self._allowance >= 1 and not self.closed:
            try:
                chunk = self.socket.recv(int(self._allowance))
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            self.closed = not chunk
            self._allowance -= self._look(chunk)
            self.received += len(chunk)
            self.total += len(chunk)

    def _look(self, chunk: bytes) -> int:
        """Read the status and the stamps in a chunk; return its length."""
        now = time.monotonic_ns()
        if len(self.answered) < _STATUS_LINE:
            self.answered += chunk[:_STATUS_LINE]
        data = self._tail + chunk
        before = self.total - len(self._tail)
        at = data.find(MAGIC)
        while 0 <= at <= len(data) - len(MAGIC) - STAMP.size:
            _, taken = STAMP.unpack_from(data, at + len(MAGIC))
            self.frames += 1
            self.ages.append((now - taken) / 1e9)
            if self._first_begins is None:
                self._first_begins = before + at
            at = data.find(MAGIC, at + 1)
        end = len(data) if at < 0 else at
        self._tail = data[max(0, min(end, len(data)) - len(MAGIC)) :] if at < 0 else data[at:]
        begins = self._first_begins
        if self.first_at is None and begins is not None and self.total + len(chunk) >= begins + self.frame_size:
            self.first_at = now / 1e9 - self.begun
        return len(chunk)

    def taken(self) -> dict[str, Any]:
        """Return what it saw since the last time, and begin anew."""
        seen = {
            "status": self.answered.decode("latin-1")[9:12],
            "bytes": self.received,
            "frames": self.frames,
            "ages": self.ages,
            "first": self.first_at,
            "closed": self.closed,
            "port": self.socket.getsockname()[1] if self.socket.fileno() >= 0 else 0,
        }
        self.received = self.frames = 0
        self.ages = []
        return seen


class Room:
    """All viewers there are, by group."""

    def __init__(self) -> None:
        """Start empty."""
        self._scratch = bytearray(SCRATCH)
        self._selector = selectors.DefaultSelector()
        self._groups: dict[str, list[Viewer]] = {}
        self._slow: list[Viewer] = []

    def run(self) -> None:
        """Read for all and obey stdin until it ends."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(TICK if self._slow else None):
                if key.data is None:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    print(json.dumps(self._obey(json.loads(line))), flush=True)
                else:
                    self._read(key.data)
            now = time.monotonic()
            for viewer in self._slow:
                viewer.read_slowly(now)

    def _read(self, viewer: Viewer) -> None:
        if viewer.socket.fileno() < 0:
            # It was let go of since the kernel told of it.
            return
        viewer.read()
        if viewer.closed or (viewer.kind == "stalled" and viewer.total >= viewer.frame_size):
            self._selector.unregister(viewer.socket)

    def _obey(self, command: dict[str, Any]) -> Any:
        match command.pop("do"):
            case "open":
                for _ in range(command.pop("count", 1)):
                    self.open(**command)
            case "take":
                return {group: [viewer.taken() for viewer in viewers] for group, viewers in self._groups.items()}
            case "leave":
                self.leave(command["group"])
            case "close":
                self.close()
        return None

    def open(self, *, group: str, kind: Kind, port: int, path: str, size: str = "vga", rate: float = 0.0) -> Viewer:
        """Let a viewer join."""
        begun = time.monotonic()
        opened = socket.create_connection(("127.0.0.1", port))
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        opened.setblocking(False)
        viewer = Viewer(
            kind=kind, socket=opened, frame_size=SIZES[size][3], begun=begun, scratch=self._scratch, rate=rate
        )
        self._groups.setdefault(group, []).append(viewer)
        if kind == "slow":
            self._slow.append(viewer)
        else:
            self._selector.register(opened, selectors.EVENT_READ, viewer)
        return viewer

    def leave(self, group: str) -> None:
        """Let a group leave."""
        for viewer in self._groups.pop(group, []):
            if viewer.socket in self._selector.get_map():
                self._selector.unregister(viewer.socket)
            if viewer in self._slow:
                self._slow.remove(viewer)
            viewer.socket.close()

    def close(self) -> None:
        """Let all leave."""
        for group in tuple(self._groups):
            self.leave(group)


if __name__ == "__main__":
    Room().run()

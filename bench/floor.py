"""The floor of a fan-out: `floor.c` where there is a C compiler, else the same without asyncio here.

`python -m bench.floor PORT SOURCE_PORT PATH`.
"""

from dataclasses import dataclass
from pathlib import Path
import re
import selectors
import shutil
import socket
import subprocess
import sys
from typing import Final

HERE: Final = Path(__file__).parent
OUT: Final = HERE / "out"
_LENGTH: Final = re.compile(rb"Content-Length: (\d+)\r\n\r\n")
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n"
)


def command(port: int, source_port: int, path: str) -> tuple[list[str], str]:
    """Return what to run for the floor, and its name; compiles it first where that can be."""
    arguments = [str(port), str(source_port), path]
    compiler = shutil.which("cc")
    if compiler is None:
        return [sys.executable, "-m", "bench.floor", *arguments], "Python epoll fan-out (no C compiler here)"
    OUT.mkdir(exist_ok=True)
    binary = OUT / "floor"
    subprocess.run([compiler, "-O2", "-o", str(binary), str(HERE / "floor.c")], check=True)
    return [str(binary), *arguments], "C epoll fan-out"


@dataclass(slots=True, eq=False)
class Viewer:
    """One connection and what it has not been sent of its frame."""

    socket: socket.socket
    asked: bool = False
    left: memoryview | None = None


class Fan:
    """One upstream while there are viewers, each frame sent to all that are not busy."""

    def __init__(self, port: int, source_port: int, path: str) -> None:
        """Listen."""
        self._source = (source_port, path)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._viewers: set[Viewer] = set()
        self._upstream: socket.socket | None = None
        self._held = bytearray()

    def run(self) -> None:
        """Serve until the process is ended."""
        while True:
            for key, events in self._selector.select():
                if key.fileobj is self._listening:
                    self._accept()
                elif key.fileobj is self._upstream:
                    self._read(self._upstream)
                elif key.data in self._viewers:
                    if events & selectors.EVENT_WRITE:
                        self._push(key.data)
                    if events & selectors.EVENT_READ:
                        self._hear(key.data)

    def _accept(self) -> None:
        fresh, _ = self._listening.accept()
        fresh.setblocking(False)
        viewer = Viewer(fresh)
        self._viewers.add(viewer)
        self._selector.register(fresh, selectors.EVENT_READ, viewer)

    def _hear(self, viewer: Viewer) -> None:
        try:
            asked = viewer.socket.recv(4096)
        except OSError:
            asked = b""
        if not asked:
            self._leave(viewer)
        elif not viewer.asked:
            viewer.asked = True
            viewer.socket.send(_HEAD)
            if self._upstream is None:
                self._dial()

    def _dial(self) -> None:
        port, path = self._source
        self._upstream = socket.create_connection(("127.0.0.1", port))
        self._upstream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self._held.clear()
        self._selector.register(self._upstream, selectors.EVENT_READ)

    def _leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self._selector.unregister(viewer.socket)
        viewer.socket.close()
        if not self._viewers and self._upstream is not None:
            self._selector.unregister(self._upstream)
            self._upstream.close()
            self._upstream = None

    def _read(self, upstream: socket.socket) -> None:
        self._held += upstream.recv(2**20)
        while (found := _LENGTH.search(self._held)) and len(self._held) >= found.end() + int(found[1]):
            end = found.end() + int(found[1])
            head = b"--frame\r\nContent-Type: image/jpeg\r\n" + found[0]
            part = b"".join((head, memoryview(self._held)[found.end() : end], b"\r\n"))
            del self._held[:end]
            for viewer in [each for each in self._viewers if each.asked and each.left is None]:
                viewer.left = memoryview(part)
                self._push(viewer)

    def _push(self, viewer: Viewer) -> None:
        while viewer.left is not None:
            try:
                viewer.left = viewer.left[viewer.socket.send(viewer.left) :] or None
            except BlockingIOError:
                self._selector.modify(viewer.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, viewer)
                return
            except OSError:
                self._leave(viewer)
                return
        self._selector.modify(viewer.socket, selectors.EVENT_READ, viewer)


if __name__ == "__main__":
    Fan(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()

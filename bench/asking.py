"""Clients that ask for stills as fast as they are answered: `python -m bench.asking`, JSON lines in and out.

`{"port": 8123, "paths": ["/..."], "clients": 10, "seconds": 2}`, or `"requests": 50` instead of seconds, or
with a `"rate"` so many a second. Answers
`{"latencies": [seconds], "statuses": {"200": 50}, "bytes": [of each picture], "spent": seconds}`.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import cycle
import json
import re
import selectors
import socket
import sys
import time
from typing import Any, Final

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
# An answer that takes longer is a failure of its own kind.
PATIENCE: Final = 30.0


@dataclass(slots=True, eq=False)
class Client:
    """One kept connection with at most one request under way."""

    socket: socket.socket
    scratch: bytearray
    head: bytes = b""
    left: int | None = None
    status: str = ""
    begun: float = 0.0
    length: int = 0

    def ask(self, path: str) -> None:
        """Send a request; the one before has been answered."""
        self.head, self.left, self.status, self.length = b"", None, "", 0
        self.begun = time.monotonic()
        self.socket.setblocking(True)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self) -> bool:
        """Take what is there; return whether the answer is whole (or never will be)."""
        try:
            return self._read_head() if self.left is None else self._read_body(self.left)
        except BlockingIOError:
            return False
        except OSError:
            self.status = "closed"
            return True

    def _read_head(self) -> bool:
        chunk = self.socket.recv(2**16)
        if not chunk:
            self.status = "closed"
            return True
        self.head += chunk
        head, end, body = self.head.partition(b"\r\n\r\n")
        if not end:
            return False
        self.status = head[9:12].decode()
        found = _LENGTH.search(head)
        self.length = int(found[1]) if found else 0
        self.left = self.length - len(body)
        return self.left <= 0

    def _read_body(self, left: int) -> bool:
        count = self.socket.recv_into(self.scratch, min(left, len(self.scratch)), socket.MSG_TRUNC)
        if not count:
            self.status = "closed"
            return True
        self.left = left - count
        return self.left <= 0


def connect(port: int, scratch: bytearray) -> Client:
    """Return a client whose connection stands."""
    opened = socket.create_connection(("127.0.0.1", port))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(socket=opened, scratch=scratch)


def ask(
    *,
    port: int,
    paths: list[str],
    clients: int,
    seconds: float | None = None,
    requests: int | None = None,
    rate: float | None = None,
) -> dict[str, Any]:
    """Keep each client asking until the time or the number of requests is over; return what came of it."""
    if rate is not None:
        return pace(port=port, paths=paths, clients=clients, seconds=seconds or 0, rate=rate)
    selector = selectors.DefaultSelector()
    following = cycle(paths)
    latencies: list[float] = []
    sizes: list[int] = []
    statuses: Counter[str] = Counter()
    asked = 0
    scratch = bytearray(4 * 2**20)
    everyone = [connect(port, scratch) for _ in range(clients)]
    begun = time.monotonic()
    for client in everyone:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.ask(next(following))
        asked += 1
    waiting = clients
    while waiting:
        ready = selector.select(PATIENCE)
        if not ready:
            statuses["silent"] += waiting
            break
        for key, _ in ready:
            client = key.data
            if not client.read():
                continue
            now = time.monotonic()
            latencies.append(now - client.begun)
            statuses[client.status] += 1
            sizes.append(client.length)
            over = asked >= requests if requests is not None else now - begun >= (seconds or 0)
            if over or client.status == "closed":
                selector.unregister(client.socket)
                waiting -= 1
            else:
                client.ask(next(following))
                asked += 1
    spent = time.monotonic() - begun
    for client in everyone:
        client.socket.close()
    return {"latencies": latencies, "statuses": dict(statuses), "bytes": sizes, "spent": spent}


def pace(*, port: int, paths: list[str], clients: int, seconds: float, rate: float) -> dict[str, Any]:
    """Ask `rate` times a second, whoever is free; who was due and found nobody free waits, and that counts."""
    selector = selectors.DefaultSelector()
    following = cycle(paths)
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    scratch = bytearray(4 * 2**20)
    free = [connect(port, scratch) for _ in range(clients)]
    due: dict[Client, float] = {}
    for client in free:
        selector.register(client.socket, selectors.EVENT_READ, client)
    begun, asked, number = time.monotonic(), 0, round(seconds * rate)
    while (asked < number and free) or due:
        now = time.monotonic()
        while free and asked < number and begun + asked / rate <= now:
            client = free.pop()
            due[client] = begun + asked / rate
            client.ask(next(following))
            asked += 1
        pause = max(0.0, begun + asked / rate - time.monotonic()) if free and asked < number else PATIENCE
        ready = selector.select(pause)
        if not ready and pause == PATIENCE:
            statuses["silent"] += len(due)
            break
        for key, _ in ready:
            client = key.data
            if client in due and client.read():
                latencies.append(time.monotonic() - due.pop(client))
                statuses[client.status] += 1
                if client.status != "closed":
                    free.append(client)
                    continue
                selector.unregister(client.socket)
    for client in (*free, *due):
        client.socket.close()
    statuses.update({"never": number - asked} if asked < number else {})
    return {"latencies": latencies, "statuses": dict(statuses), "bytes": [], "spent": time.monotonic() - begun}


def main() -> None:
    """Obey stdin until it ends."""
    for line in sys.stdin:
        print(json.dumps(ask(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

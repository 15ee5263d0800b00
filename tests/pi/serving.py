"""A camera server over real sockets, with a camera the test holds in its hand."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import queue
import threading
from typing import Any, Self

from camhub_pi.server import CameraServer
from camhub_pi.settings import Settings

POLL_S = 0.02
HOST = "127.0.0.1"


def picture(number: int, size: int = 1000) -> bytes:
    return b"\xff\xd8" + f"{number:08d}".encode() + b"x" * size + b"\xff\xd9"


class HeldTime:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A camera that gives what the test hands it, and counts how often it was asked for a picture."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[bytes | Exception | None, asyncio.Future[None]]] = queue.SimpleQueue()
        self.encoded = 0
        self.opened = 0

    def frames(self, stopping: threading.Event) -> Generator[bytes]:
        self.opened += 1
        while not stopping.is_set():
            try:
                order, done = self._orders.get(timeout=POLL_S)
            except queue.Empty:
                continue
            try:
                if order is None:
                    return
                if isinstance(order, Exception):
                    raise order
                self.encoded += 1
                yield order
            finally:
                done.get_loop().call_soon_threadsafe(done.set_result, None)

    async def give(self, order: bytes | Exception | None) -> None:
        """Return when the frame was taken, or the camera has failed or ended."""
        done = asyncio.get_running_loop().create_future()
        self._orders.put((order, done))
        await done


class Pauses:
    """Waits between two attempts that take no time; each can be awaited."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._began = asyncio.Queue[float]()

    def __call__(self, seconds: float) -> None:
        self.lengths.append(seconds)
        self._loop.call_soon_threadsafe(self._began.put_nowait, seconds)

    async def next(self) -> float:
        return await self._began.get()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, line: str, *headers: str) -> None:
        self.writer.write("\r\n".join([f"{line} HTTP/1.1", "Host: pi", *headers, "", ""]).encode())
        await self.writer.drain()

    async def head(self) -> Answer:
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), {name.lower(): value for name, value in pairs})

    async def answer(self, *, body: bool = True) -> Answer:
        answer = await self.head()
        if body:
            answer.body = await self.reader.readexactly(int(answer.headers.get("content-length", "0")))
        return answer

    async def part(self) -> bytes:
        """Read one part, from its headers to the next boundary."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert b"content-type: image/jpeg\r\n" in head.lower()
        jpeg = await self.reader.readexactly(length)
        assert await self.reader.readexactly(11) == b"\r\n--FRAME\r\n"
        return jpeg

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()


async def gone(client: Client) -> bool:
    """Wait for the server to close this connection."""
    try:
        while await client.reader.read(2**16):
            pass
    except ConnectionResetError:
        return True
    return client.reader.at_eof()


@dataclass
class Serving:
    server: CameraServer
    script: Script
    clock: HeldTime
    pauses: Pauses
    port: int
    clients: list[Client] = field(default_factory=list)

    async def connect(self, *, receive_buffer: int = 0) -> Client:
        import socket

        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (HOST, self.port))
        client = Client(*await asyncio.open_connection(sock=plain, limit=2**16))
        self.clients.append(client)
        return client

    async def ask(self, line: str, *headers: str, body: bool = True) -> Answer:
        async with await self.connect() as client:
            await client.send(line, *headers)
            return await client.answer(body=body)

    async def watch(self, *headers: str, receive_buffer: int = 0) -> Client:
        """Open a stream and read its beginning."""
        client = await self.connect(receive_buffer=receive_buffer)
        await client.send("GET /stream.mjpg", *headers)
        answer = await client.head()
        assert answer.status == 200
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=FRAME"
        assert await client.reader.readexactly(9) == b"--FRAME\r\n"
        return client


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Serving]:
    script, clock, pauses = Script(), HeldTime(), Pauses()
    server = CameraServer(Settings(host=HOST, port=0, **settings), script, clock=clock, pause=pauses)
    held = Serving(server, script, clock, pauses, await server.start())
    try:
        yield held
    finally:
        for client in held.clients:
            client.writer.close()
        await server.stop()

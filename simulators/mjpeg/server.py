"""An HTTP server as strict as the small ones are: it compares the whole target and knows GET only."""

import asyncio
from collections.abc import Mapping
import contextlib
from dataclasses import dataclass
import ssl

from ..rtsp.access import Access
from .answers import Answer, head, page


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request as it came: method, target with query, headers (keys in small letters)."""

    method: str
    target: str
    headers: Mapping[str, str]


class MjpegServer:
    """Answers by target; `requests` are all that came, on so many `connections`; `open` are being answered now."""

    def __init__(self, routes: Mapping[str, Answer], *, access: Access | None = None) -> None:
        """Take the answers, which may be changed at any time, and who may come in."""
        self.routes = dict(routes)
        self.access = access or Access("", "")
        self.requests: list[Request] = []
        self.port = 0
        self.open = 0
        self.connections = 0
        self.asked = asyncio.Event()
        self._tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def targets(self) -> list[str]:
        """Return what was asked for, in order."""
        return [request.target for request in self.requests]

    def address(self, target: str = "") -> str:
        """Return the address of a target."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{target}"

    async def start(self, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> int:
        """Listen and return the port."""
        self._tls = tls
        self._server = await asyncio.start_server(self._accept, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Hang up on everybody; may be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await self.idle()

    async def idle(self) -> None:
        """Return when nobody is connected."""
        await self.idle_but(0)

    async def idle_but(self, number: int) -> None:
        """Return when no more than so many are connected."""
        while len(self._tasks) > number:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        # Clients leave in the middle of a stream; that is how streams end.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
        request = Request(method=method, target=target, headers=headers)
        self.requests.append(request)
        self.asked.set()
        answering = asyncio.ensure_future(self._answer(request)(writer))
        leaving = asyncio.ensure_future(reader.read())
        self.open += 1
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
                await writer.drain()
        finally:
            self.open -= 1
            for waiting in (answering, leaving):
                waiting.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    def _answer(self, request: Request) -> Answer:
        if request.method != "GET":
            return page("Unsupported method", "text/html", 501)
        if not self.access.admits(request.method, request.headers.get("authorization")):
            return self._refusal
        return self.routes.get(request.target) or page("<html>Error response</html>", "text/html", 404)

    async def _refusal(self, writer: asyncio.StreamWriter) -> None:
        challenges = [("WWW-Authenticate", value) for value in self.access.challenges()]
        content = b"<html>Unauthorized</html>"
        writer.write(
            head(401, [*challenges, ("Content-Type", "text/html"), ("Content-Length", str(len(content)))]) + content
        )

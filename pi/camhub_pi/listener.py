"""Connections: accepted, read one request after the other, and closed."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
import socket
from typing import TYPE_CHECKING

from .request import HEAD_LIMIT, BadRequest, Request, read_request, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answer = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]

RETRY_S = {"Retry-After": "5"}
REQUEST_S = 15.0
STALLED_S = 30.0


class Listener:
    """A port; `answer` answers one request and returns whether another may follow, `most` are kept at once."""

    def __init__(self, answer: Answer, most: int) -> None:
        """Take what answers, inside the running loop."""
        self._answer = answer
        self._most = most
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port; raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=HEAD_LIMIT)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever vanished, or takes nothing, is not kept for longer than this.
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))
        try:
            if len(self._connections) > self._most:
                busy = text(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", RETRY_S)
                writer.write(busy.encoded(keep_alive=False))
                await writer.drain()
                return
            while await self._exchange(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.CancelledError):
            # The client went, is idle, or the server stops: nothing is left to say.
            writer.transport.abort()
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await read_request(reader, REQUEST_S)
        except BadRequest as error:
            writer.write(text(error.status, error.status.phrase).encoded(keep_alive=False))
            await writer.drain()
            return False
        return request is not None and await self._answer(request, reader, writer)

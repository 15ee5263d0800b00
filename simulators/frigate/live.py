"""The websocket of a server: topics out, commands in, by role."""

import asyncio
import json
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from .login import ADMIN, Visitor


class Server(Protocol):
    """What the websocket needs of its server."""

    def activity(self) -> dict[str, Any]:
        """Return what goes on at each camera."""
        ...

    def command(self, topic: str, payload: str) -> None:
        """Do what a client wants."""
        ...

    def allowed(self, visitor: Visitor) -> tuple[str, ...]:
        """Return the cameras of a visitor's role, nothing for all."""
        ...

    def notify(self) -> None:
        """Wake those who wait for a change."""
        ...


class Line:
    """All who listen; `strict` filters by role, as 0.18 does."""

    def __init__(self, server: Server, *, strict: bool) -> None:
        """Begin with nobody."""
        self._server = server
        self._strict = strict
        self._queues: dict[asyncio.Queue[str | None], Visitor] = {}
        self.said: list[str] = []

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._queues)

    def tell(self, topic: str, payload: Any, camera: str | None = None) -> None:
        """Send a topic to all who may hear it; objects go as JSON in a string."""
        text = payload if isinstance(payload, str | int | float) else json.dumps(payload)
        for queue, visitor in self._queues.items():
            allowed = self._server.allowed(visitor)
            if not (self._strict and camera and allowed and camera not in allowed):
                queue.put_nowait(json.dumps({"topic": topic, "payload": text}))

    def say(self, text: str) -> None:
        """Send a text as it stands."""
        for queue in self._queues:
            queue.put_nowait(text)

    def drop(self) -> None:
        """Hang up on everybody."""
        for queue in self._queues:
            queue.put_nowait(None)

    async def serve(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Talk to one client until it or the server hangs up."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues[queue] = visitor
        self._server.notify()
        writing = asyncio.ensure_future(self._write(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._hear(str(message.data), visitor, queue)
        finally:
            writing.cancel()
            del self._queues[queue]
            self._server.notify()
        return socket

    async def _write(self, socket: web.WebSocketResponse, queue: asyncio.Queue[str | None]) -> None:
        while (text := await queue.get()) is not None:
            await socket.send_str(text)
        await socket.close()

    def _hear(self, text: str, visitor: Visitor, queue: asyncio.Queue[str | None]) -> None:
        told = json.loads(text)
        self.said.append(told["topic"])
        if told["topic"] == "onConnect":
            activity = json.dumps(self._server.activity())
            queue.put_nowait(json.dumps({"topic": "camera_activity", "payload": activity}))
        elif visitor.role == ADMIN:
            # Commands of others are dropped without a word.
            self._server.command(told["topic"], str(told["payload"]))
        self._server.notify()

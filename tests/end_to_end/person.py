"""Someone with a login who asks Home Assistant over its own API, without a browser."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import itertools
import json
from typing import Any, Self

import aiohttp
from yarl import URL

MOST = 2**16
"""Bytes that are read of an answer: some never end."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as far as it was read."""

    status: int
    type: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class CommandError(Exception):
    """A command was refused; `code` says in which way, `key` is the slug of its sentence."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error.get("message"))
        self.code = error.get("code")
        self.key = error.get("translation_key")


class Person:
    """One user; `token` is empty for somebody without a login."""

    def __init__(self, url: str, name: str = "", token: str = "") -> None:
        self.url, self.name, self.token = url, name, token
        self.id = ""
        self._numbers = itertools.count(1)

    @classmethod
    async def sign_in(cls, url: str, name: str, password: str) -> Self:
        """Log in with name and password, as the login page does."""
        client = f"{url}/"
        async with aiohttp.ClientSession(url) as session:

            async def post(path: str, **body: Any) -> Any:
                async with session.post(path, **body) as response:
                    response.raise_for_status()
                    return await response.json()

            handler = {"handler": ["homeassistant", None], "redirect_uri": client}
            flow = await post("/auth/login_flow", json={"client_id": client, **handler})
            answers = {"client_id": client, "username": name, "password": password}
            done = await post(f"/auth/login_flow/{flow['flow_id']}", json=answers)
            form = {"grant_type": "authorization_code", "code": done["result"], "client_id": client}
            return cls(url, name, (await post("/auth/token", data=form))["access_token"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @asynccontextmanager
    async def open(self, path: str, method: str = "GET", **body: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask on a connection of one's own and hand out the answer to be read."""
        headers = self.headers | body.pop("headers", {})
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, URL(f"{self.url}{path}", encoded=True), headers=headers, **body) as response,
        ):
            yield response

    async def ask(self, path: str, method: str = "GET", *, most: int = MOST, **body: Any) -> Answer:
        """Return an answer, of a long one its beginning."""
        async with self.open(path, method, **body) as response:
            read = b""
            while len(read) < most and (chunk := await response.content.read(most - len(read))):
                read += chunk
            return Answer(status=response.status, type=response.content_type, headers=dict(response.headers), body=read)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open the websocket and log in."""
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.ws_connect("/api/websocket", max_msg_size=0) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            yield socket

    async def command(self, kind: str, **fields: Any) -> Any:
        """Send a command and return its result; raises CommandError."""
        async with self.line() as socket:
            return await command(socket, next(self._numbers), kind, **fields)

    async def offer(self, entity_id: str, sdp: str) -> Mapping[str, Any]:
        """Offer a live view as the dashboard does; returns the last event: an answer or an error."""
        async with self.line() as socket:
            await command(socket, next(self._numbers), "camera/webrtc/offer", entity_id=entity_id, offer=sdp)
            while True:
                event: Mapping[str, Any] = (await socket.receive_json(timeout=120))["event"]
                if event["type"] in {"answer", "error"}:
                    return event

    async def sign(self, path: str) -> str:
        """Return a path that is good without a login."""
        signed = await self.command("auth/sign_path", path=path)
        return str(signed["path"])


async def command(socket: aiohttp.ClientWebSocketResponse, number: int, kind: str, **fields: Any) -> Any:
    """Send a command on an open line and return its result; raises CommandError."""
    await socket.send_json({"id": number, "type": kind, **fields})
    async with asyncio.timeout(120):
        while (answer := await socket.receive_json())["id"] != number:
            pass
    if not answer["success"]:
        raise CommandError(answer["error"])
    return answer["result"]

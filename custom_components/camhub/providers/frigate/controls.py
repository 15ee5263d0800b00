"""Commands over the websocket; the server drops those of other roles than admin without a word (protocols.md 5.8)."""

from contextlib import suppress
from typing import Final

import aiohttp

from ...kernel.errors import Malformed, Unreachable, Unsupported
from ...kernel.policy import within
from .client import Client
from .topics import message, say

CONFIRM_S: Final = 5.0


async def switch(client: Client, camera: str, key: str, *, on: bool) -> None:
    """Switch a function of a camera and wait until the server says so; raises HubError."""
    wanted = "ON" if on else "OFF"
    async with client.socket() as socket:
        await say(socket, f"{camera}/{key}/set", wanted)
        try:
            await within(client.clock, CONFIRM_S, _confirmed(socket, f"{camera}/{key}/state", wanted))
        except Unreachable as error:
            if error.reason != "timeout":
                raise
            raise Unsupported("not confirmed", reason="control_not_confirmed") from error


async def go_to(client: Client, camera: str, preset: str) -> None:
    """Move a camera to one of its positions; raises HubError. The server confirms nothing."""
    async with client.socket() as socket:
        await say(socket, f"{camera}/ptz", f"preset_{preset}")


async def _confirmed(socket: aiohttp.ClientWebSocketResponse, topic: str, payload: str) -> None:
    async for frame in socket:
        # Much else is told on the same line, readable or not.
        with suppress(Malformed):
            said = message(frame.data)
            if said.topic == topic and said.payload == payload:
                return
    raise Unreachable("the websocket was closed", reason="event_line_closed")

"""What the websocket carries: topics without the prefix of MQTT (protocols.md 5.8)."""

from dataclasses import dataclass

import aiohttp

from ...kernel.errors import Malformed, Unreachable
from ...kernel.model import JsonValue
from ...kernel.reading import child, from_json, text


@dataclass(frozen=True, slots=True)
class Message:
    """One topic and what was said."""

    topic: str
    payload: JsonValue


def message(said: str) -> Message:
    """Read `{"topic", "payload"}`; objects come as JSON inside the payload; raises Malformed."""
    told = child(from_json(said))
    topic, payload = text(told.get("topic")), told.get("payload")
    if topic is None:
        raise Malformed("no topic")
    if isinstance(payload, str) and payload[:1] in {"{", "["}:
        payload = from_json(payload)
    return Message(topic, payload)


async def say(socket: aiohttp.ClientWebSocketResponse, topic: str, payload: str) -> None:
    """Send a topic; raises Unreachable."""
    try:
        await socket.send_json({"topic": topic, "payload": payload})
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(type(error).__name__) from None

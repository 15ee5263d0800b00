"""Google Pub/Sub: topics, subscriptions, messages until they are acknowledged, and the REST calls that manage them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import json
import re
from typing import Any, Final

from aiohttp import web

from .faults import Faults
from .oauth import PUBSUB, Tokens
from .replies import ApiError

PUBLISHER: Final = "group:sdm-publisher@googlegroups.com"
ROLE: Final = "roles/pubsub.publisher"
DEADLINE_S: Final = 180.0
_NAME: Final = re.compile(
    r"projects/(?P<project>[^/:]+)/(?P<kind>topics|subscriptions)(/(?P<id>[^/:]+))?(:(?P<verb>\w+))?"
)


@dataclass(kw_only=True)
class Message:
    """One message, told `told` times to a subscription; `again_at` is when it is told once more."""

    number: int
    data: bytes
    told: int = 0
    again_at: float = 0.0


@dataclass(kw_only=True)
class Subscription:
    """What of a topic was not acknowledged yet, by ackId; `news` wakes those who pull.

    `described` is what is told of it beside what all have, as where its messages are pushed to.
    """

    topic: str
    described: Mapping[str, Any] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    acknowledged: list[str] = field(default_factory=list)

    def due(self, now: float) -> list[tuple[str, Message]]:
        """Return what is to be told now, and count it as told."""
        found = [(key, each) for key, each in self.messages.items() if not each.told or now >= each.again_at]
        for _, each in found:
            each.told += 1
            each.again_at = now + DEADLINE_S
        return found

    def acknowledge(self, keys: list[str]) -> None:
        """Forget messages that were taken."""
        self.acknowledged += [key for key in keys if self.messages.pop(key, None)]


class PubSub:
    """Topics with who may publish on them, and subscriptions of them.

    `managed` is a topic that Device Access itself made, as it did until 2025.
    """

    def __init__(self, tokens: Tokens, faults: Faults, monotonic: Callable[[], float]) -> None:
        """Begin with none."""
        self.topics: dict[str, set[str]] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.managed: set[str] = set()
        self._tokens = tokens
        self._faults = faults
        self.monotonic = monotonic
        self._count = 0
        self._waking: set[asyncio.Task[None]] = set()

    def publish(self, message: Mapping[str, Any]) -> None:
        """Tell every topic on which Device Access may publish."""
        for _ in range(2 if self._faults.duplicates else 1):
            self.publish_raw(json.dumps(message).encode())

    def publish_raw(self, data: bytes) -> None:
        """Tell a message of any bytes."""
        for subscription in self.subscriptions.values():
            if subscription.topic in self.managed or PUBLISHER in self.topics.get(subscription.topic, ()):
                self._count += 1
                message = Message(number=self._count, data=data)
                subscription.messages[f"ack-{self._count}"] = message
                self._wake(subscription)

    def wake(self) -> None:
        """Let those who pull look again, after time has passed."""
        for subscription in self.subscriptions.values():
            self._wake(subscription)

    def _wake(self, subscription: Subscription) -> None:
        async def wake() -> None:
            async with subscription.news:
                subscription.news.notify_all()

        task = asyncio.create_task(wake())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    async def answer(self, request: web.Request, path: str) -> web.Response:
        """Answer a REST call; raises ApiError."""
        grant = self._tokens.grant(request, PUBSUB)
        found = _NAME.fullmatch(path)
        if found is None:
            raise ApiError("NOT_FOUND", "The requested URL was not found on this server.")
        if found["project"] == "sdm-prod":
            return self._managed(path)
        if found["project"] != grant.client.cloud_project:
            raise ApiError("PERMISSION_DENIED", "User not authorized to perform this action.")
        if self._faults.pubsub_disabled:
            told = f"Cloud Pub/Sub API has not been used in project {found['project']} before or it is disabled."
            raise ApiError("PERMISSION_DENIED", told)
        body = await request.json() if request.can_read_body else {}
        name = path.partition(":")[0]
        ask = self._topic if found["kind"] == "topics" else self._subscription
        return web.json_response(ask(request.method, name, found, body))

    def _managed(self, path: str) -> web.Response:
        """Refuse to show a topic of Device Access; that there is one shows in how."""
        if path in self.managed:
            raise ApiError("PERMISSION_DENIED", "User not authorized to perform this action.")
        raise ApiError("NOT_FOUND", f"Resource not found (resource={path.rpartition('/')[2]}).")

    def _topic(self, method: str, name: str, found: re.Match[str], body: Mapping[str, Any]) -> dict[str, Any]:
        if found["id"] is None:
            return {"topics": [{"name": each} for each in self.topics]} if self.topics else {}
        if method == "PUT":
            if name in self.topics:
                raise ApiError("ALREADY_EXISTS", f"Resource already exists in the project (resource={found['id']}).")
            self.topics[name] = set()
        elif name not in self.topics:
            raise ApiError("NOT_FOUND", f"Resource not found (resource={found['id']}).")
        elif found["verb"] == "setIamPolicy":
            bindings = body.get("policy", {}).get("bindings", [])
            self.topics[name] = {each for binding in bindings if binding["role"] == ROLE for each in binding["members"]}
            return {"bindings": bindings}
        elif method == "DELETE":
            del self.topics[name]
            return {}
        return {"name": name}

    def _subscription(self, method: str, name: str, found: re.Match[str], body: Mapping[str, Any]) -> dict[str, Any]:
        if found["id"] is None:
            listed = [_described(key, each) for key, each in self.subscriptions.items()]
            return {"subscriptions": listed} if listed else {}
        if method == "PUT":
            topic = str(body.get("topic"))
            if name in self.subscriptions:
                raise ApiError("ALREADY_EXISTS", f"Resource already exists in the project (resource={found['id']}).")
            if topic not in {*self.topics, *self.managed}:
                raise ApiError("NOT_FOUND", f"Resource not found (resource={topic.rpartition('/')[2]}).")
            self.subscriptions[name] = Subscription(topic=topic)
        elif name not in self.subscriptions:
            raise ApiError("NOT_FOUND", f"Resource not found (resource={found['id']}).")
        elif method == "DELETE":
            del self.subscriptions[name]
            return {}
        return _described(name, self.subscriptions[name])


def _described(name: str, subscription: Subscription) -> dict[str, Any]:
    return {
        "name": name,
        "topic": subscription.topic,
        "pushConfig": {},
        "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {"ttl": "2678400s"},
        "state": "ACTIVE",
        **subscription.described,
    }

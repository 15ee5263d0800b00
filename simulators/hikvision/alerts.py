"""The alert stream: what an alert looks like on the wire, and who listens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
import json
from typing import Literal

from .markup import Value, document
from .personality import Personality

type State = Literal["active", "inactive"]
type Heartbeat = Literal["channel0", "channel1", "empty", "named"]


@dataclass(kw_only=True)
class Wire:
    """How parts are written; every field may be changed while the device runs.

    `content_type` is the answer's; the delimiter on the wire is `--boundary` whatever it says. `newline` is CRLF or
    LF. `length` is whether a part tells its length: truly, with the newline behind the body counted in, or not.
    `pictures` adds an image part behind each alert. `drop_after_s` ends a stream after that time, `backlog` repeats
    that many last alerts to a new listener, `most` is how many listeners are let in.
    """

    content_type: str = "multipart/mixed; boundary=boundary"
    boundary: str = "boundary"
    newline: bytes = b"\r\n"
    length: Literal["true", "with_newline", "none"] = "true"
    pictures: bool = False
    backlog: int = 0
    drop_after_s: float | None = None
    heartbeat_s: float = 10.0
    heartbeat: Heartbeat = "channel0"
    most: int = 8

    def part(self, body: bytes, content_type: str) -> bytes:
        """Return one part with its delimiter in front."""
        end = self.newline
        lines = [b"--" + self.boundary.encode(), b"Content-Type: " + content_type.encode()]
        if self.length != "none":
            extra = len(end) if self.length == "with_newline" else 0
            lines.append(b"Content-Length: %d" % (len(body) + extra))
        return end.join([*lines, b"", body, b""])


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One event to tell; `related` makes it a `duration` event about that type."""

    type: str
    state: State
    at: datetime
    count: int = 1
    channel: int | None = None
    dynamic: int | None = None
    target: str | None = None
    related: str | None = None
    channel_name: str | None = None
    extra: dict[str, Value] = field(default_factory=dict)


class AlertStream:
    """Writes alerts to all listeners of one device."""

    def __init__(self, device: Personality, changed: Callable[[], None]) -> None:
        """Begin without listeners; `changed` is called when one comes or goes."""
        self.wire = Wire()
        self._device = device
        self._changed = changed
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self._told: list[bytes] = []

    @property
    def listeners(self) -> int:
        """Return how many listen now."""
        return len(self._queues)

    def listen(self) -> asyncio.Queue[bytes | None]:
        """Return a new listener's queue of wire bytes, already holding the backlog; None ends it."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for part in self._told[len(self._told) - self.wire.backlog :] if self.wire.backlog else ():
            queue.put_nowait(part)
        self._queues.add(queue)
        self._changed()
        return queue

    def leave(self, queue: asyncio.Queue[bytes | None]) -> None:
        """Forget a listener."""
        self._queues.discard(queue)
        self._changed()

    def tell(self, alert: Alert, picture: bytes | None = None) -> None:
        """Send an alert to all, with a picture behind it where the wire is set so."""
        part = self.alert_part(alert)
        if picture is not None and self.wire.pictures:
            part += self.wire.part(picture, "image/jpeg")
        self._told = [*self._told[-31:], part]
        self.write(part)

    def write(self, data: bytes) -> None:
        """Send bytes as they are to all."""
        for queue in self._queues:
            queue.put_nowait(data)

    def drop(self) -> None:
        """End all streams, as a device does that restarts."""
        for queue in self._queues:
            queue.put_nowait(None)

    def heartbeat_part(self, at: datetime) -> bytes:
        """Return the sign of life: a loss of video that is not there, or on newer devices one named so."""
        style = self.wire.heartbeat
        if style == "named":
            return self.alert_part(Alert(type="heartBeat", state="active", at=at, count=0))
        channel = {"channel0": 0, "channel1": 1}.get(style)
        return self.alert_part(Alert(type="videoloss", state="inactive", at=at, count=0, channel=channel))

    def alert_part(self, alert: Alert) -> bytes:
        """Return an alert as a part, XML or JSON as the device does."""
        told: dict[str, Value] = {
            "ipAddress": "192.0.2.10",
            "portNo": 80,
            "protocolType": "HTTP",
            "macAddress": self._device.mac,
            **_ids(alert),
            "dateTime": alert.at.isoformat(timespec="seconds"),
            "activePostCount": alert.count,
            "eventType": "duration" if alert.related else alert.type,
            "eventState": alert.state,
            "eventDescription": f"{alert.type} alarm",
        }
        if alert.channel_name is not None:
            told["channelName"] = alert.channel_name
        if alert.related:
            told["DurationList"] = {"Duration": {"relationEvent": alert.related}}
        if alert.target:
            told["DetectionRegionList"] = {"DetectionRegionEntry": {"regionID": 1, "detectionTarget": alert.target}}
        told |= alert.extra
        if self._device.json_alerts:
            strings = {name: str(value) if isinstance(value, int) else value for name, value in told.items()}
            return self.wire.part(json.dumps(strings, indent=1).encode(), 'application/json; charset="UTF-8"')
        text = document("EventNotificationAlert", told, self._device.namespace, declared=False)
        return self.wire.part(text.encode(), 'application/xml; charset="UTF-8"')


def _ids(alert: Alert) -> dict[str, Value]:
    told: dict[str, Value] = {}
    if alert.dynamic is not None:
        told["dynChannelID"] = alert.dynamic
    if alert.channel is not None or alert.dynamic is None:
        told["channelID"] = alert.channel
    return told

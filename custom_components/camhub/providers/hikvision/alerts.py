"""One part of alertStream as a value (protocols.md 1.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
import re
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import EventKind
from ...kernel.multipart import Part
from ...kernel.reading import utc
from .parse import EVENT_KINDS
from .tree import Node, descendants, name_of, number, read_json, read_xml, text

# `2024-01-22T11:47:0500:00` has lost the sign of its zone.
_DATE: Final = re.compile(
    r"(?P<day>\d{4}-\d{1,2}-\d{1,2})[T ](?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?(?:\.\d+)?"
    r"\s*(?P<zone>Z|(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?|\d{2}:\d{2})?$",
    re.ASCII | re.IGNORECASE,
)
# Devices send it with one of these numbers, or none, in place of a channel and of how often it was told.
_HEARTBEAT_CHANNELS: Final = frozenset({None, 0, 1})
_HEARTBEAT_COUNTS: Final = frozenset({None, 0, 1})
_BEGIN: Final = b"<EventNotificationAlert"
_END: Final = b"</EventNotificationAlert>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What happened; `kind` None is nothing a camera tells. `at` is aware, None where it cannot be read."""

    type: str
    kind: EventKind | None
    active: bool
    heartbeat: bool
    channel: int | None
    proxy: int | None
    io_port: int | None
    proxy_io_port: int | None
    at: datetime | None
    zones: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


def split_part(part: Part) -> Sequence[Part]:
    """Return a part for each alert in it: some firmware writes several into one, one after another."""
    first, *others = part.body.split(_END)[:-1] or [b""]
    if not others:
        return [part]
    return [Part(headers=part.headers, body=each[each.rfind(_BEGIN) :] + _END) for each in (first, *others)]


def read_part(part: Part) -> Alert | None:
    """Return what a part of the stream tells, None for a picture; raises Malformed."""
    kind = part.headers.get("content-type", "").lower()
    if kind.startswith("image/") or not part.body.strip():
        return None
    if "json" in kind or part.body.lstrip()[:1] == b"{":
        return read_alert(read_json(part.body))
    return read_alert(read_xml(part.body))


def read_alert(root: Node) -> Alert:
    """Read an `EventNotificationAlert`, or a JSON object of its fields; raises Malformed."""
    stated = text(root, "eventType")
    if stated is None or name_of(root) not in {"EventNotificationAlert", "object"}:
        raise Malformed(f"no event in {name_of(root)[:40]}")
    name = _related(root) if stated.lower() == "duration" else stated
    active = (text(root, "eventState") or "active").lower() == "active"
    channel = number(root, "channelID")
    proxy = number(root, "dynChannelID")
    # It is a type of its own, a description of another, or a loss of video that is not there.
    beat = "heartbeat" in {name.lower(), (text(root, "eventDescription") or "").lower()} or (
        name.lower() == "videoloss"
        and not active
        and number(root, "activePostCount") in _HEARTBEAT_COUNTS
        and (proxy if channel is None else channel) in _HEARTBEAT_CHANNELS
    )
    return Alert(
        type=name,
        kind=EVENT_KINDS.get(name.lower()),
        active=active,
        heartbeat=beat,
        channel=channel,
        proxy=proxy,
        io_port=number(root, "inputIOPortID"),
        proxy_io_port=number(root, "dynInputIOPortID"),
        at=read_date(text(root, "dateTime") or ""),
        zones=_texts(root, "regionID"),
        # With the region, or at the top for motion by human and vehicle; firmwares differ in the name.
        targets=_texts(root, "detectionTarget", "targetType"),
    )


def read_date(value: str) -> datetime | None:
    """Read the forms of `dateTime`, None where there is none; a time without a zone is taken as UTC."""
    found = _DATE.match(value.strip())
    if found is None:
        return None
    year, month, day = (int(piece) for piece in found["day"].split("-"))
    try:
        zone = _zone(found)
        at = datetime(
            year, month, day, int(found["hour"]), int(found["minute"]), int(found["second"] or 0), tzinfo=zone
        )
    except ValueError:
        return None
    return at if utc(at) else None


def _zone(found: re.Match[str]) -> timezone:
    if found["sign"]:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        return timezone(-offset if found["sign"] == "-" else offset)
    if found["zone"] and found["zone"].upper() != "Z":
        hours, minutes = found["zone"].split(":")
        return timezone(timedelta(hours=int(hours), minutes=int(minutes)))
    return UTC


def _related(root: Node) -> str:
    """Return the real type of an event that calls itself `duration`."""
    return next((name for each in descendants(root, "relationEvent") if (name := text(each))), "duration")


def _texts(root: Node, *names: str) -> tuple[str, ...]:
    """Return what stands under these names, at any depth, each once."""
    found = (value for each in root.iter() if name_of(each) in names and (value := text(each)))
    return tuple(dict.fromkeys(found))

"""Answers of the home and camera hosts as values (protocols.md 3.4, 3.5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from yarl import URL

from ...kernel.errors import Malformed
from ...kernel.model import EventKind, JsonValue
from ...kernel.reading import Object, child, number, objects, texts
from .hosts import region
from .reading import flag, listed, moment, text

_STAYED: Final = frozenset({"NORMAL", "REVERSE_MIGRATION_IN_PROGRESS"})
_MIGRATION: Final = "cc2migration.overview_state"
_SWITCHABLE: Final = "streaming.start-stop"
_DOORBELL: Final = "indoor_chime"

_SEEN: Final = frozenset({EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.SOUND})
_AT_A_DOOR: Final = frozenset({EventKind.DOORBELL, EventKind.PACKAGE})
# What a type begins or ends with; any other is motion.
_KINDS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "person": EventKind.PERSON,
        "face": EventKind.FACE,
        "unfamiliar-face": EventKind.FACE,
        "sound": EventKind.SOUND,
        "person-talking": EventKind.SOUND,
        "dog-barking": EventKind.SOUND,
        "baby-crying": EventKind.SOUND,
        "doorbell": EventKind.DOORBELL,
        "package": EventKind.PACKAGE,
        "package-delivered": EventKind.PACKAGE,
        "package-retrieved": EventKind.PACKAGE,
    }
)


class State(StrEnum):
    """Whether pictures come from a camera."""

    ON = "on"
    OFF = "off"
    OFFLINE = "offline"
    MOVED = "moved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One camera as the account lists it; `region` is where its pictures are."""

    id: str
    name: str
    region: URL = field(repr=False)
    state: State
    switchable: bool = False
    model: str | None = None
    firmware: str | None = None
    serial: str | None = field(default=None, repr=False)
    mac: str | None = field(default=None, repr=False)
    place: str | None = None
    kinds: frozenset[EventKind] = _SEEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Something a camera saw, as its history has it; `end` is None while it goes on."""

    id: str
    start: datetime
    end: datetime | None
    kinds: tuple[EventKind, ...]
    types: tuple[str, ...]
    zones: tuple[int, ...] = ()
    who: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """What an account looks after."""

    units: tuple[Unit, ...]
    title: str | None = None


def buckets(said: JsonValue) -> Home:
    """Return the cameras in the answer to `app_launch` or `subscribe`; raises Malformed for anything else."""
    parts = child(said)
    found = parts.get("updated_buckets", parts.get("objects"))
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise Malformed("no list of buckets")
    places: dict[str, str] = {}
    title = None
    values: list[tuple[str, Object]] = []
    for bucket in objects(found):
        kind, _, identifier = (text(bucket.get("object_key")) or "").partition(".")
        value = child(bucket.get("value"))
        if kind == "quartz" and identifier and value:
            values.append((identifier, value))
        elif kind == "where":
            places |= dict(_places(value))
        elif kind == "structure":
            title = title or text(value.get("name"))
    return Home(units=tuple(_unit(identifier, value, places) for identifier, value in values), title=title)


def owned(said: JsonValue) -> Home:
    """Return the cameras in the list of the camera hosts; raises Malformed for anything but a success."""
    units = ((text(item.get("uuid")), item) for item in objects(items(said)))
    return Home(units=tuple(_unit(identifier, item, {}) for identifier, item in units if identifier))


def items(said: JsonValue) -> Sequence[JsonValue]:
    """Return what an answer of the camera hosts holds; raises Malformed where the status inside is no success."""
    parts = child(said)
    if number(parts.get("status")) not in {0, HTTPStatus.OK}:
        raise Malformed("a failure inside a success")
    return listed(parts.get("items"))


def account(said: JsonValue) -> str | None:
    """Return the number of the account in the answer to `users.get_current`; raises Malformed."""
    for item in objects(items(said)):
        if found := text(item.get("id")):
            return found
    return None


def points(said: JsonValue) -> tuple[Point, ...]:
    """Return the history of a camera, oldest first; raises Malformed for what is no list."""
    if isinstance(said, str) or not isinstance(said, Sequence):
        raise Malformed("a list is due")
    found = [point for each in objects(said) if (point := _point(each)) is not None]
    return tuple(sorted(found, key=lambda each: each.start))


def zones(said: JsonValue) -> Mapping[int, str]:
    """Return the names of a camera's zones by number."""
    return {
        int(identifier): label
        for each in objects(said)
        if (identifier := number(each.get("id"))) is not None and (label := text(each.get("label")))
    }


def _places(value: Object) -> Iterator[tuple[str, str]]:
    for each in objects(value.get("wheres")):
        identifier, name = text(each.get("where_id")), text(each.get("name"))
        if identifier and name:
            yield identifier, name


def _unit(identifier: str, value: Object, places: Mapping[str, str]) -> Unit:
    able = frozenset(texts(value.get("capabilities")))
    place = places.get(text(value.get("where_id")) or "")
    name = text(value.get("description")) or text(value.get("name")) or place
    told = (
        text(value.get("nexus_api_http_server_url"))
        or text(value.get("nexus_api_nest_domain_host"))
        or text(value.get("nexus_api_http_server"))
    )
    model = text(value.get("model"))
    door = _DOORBELL in able or "hello" in (model or "").lower()
    return Unit(
        id=identifier,
        name=name or model or "Camera",
        region=region(told),
        state=_state(value),
        switchable=_SWITCHABLE in able,
        model=model,
        firmware=text(value.get("software_version")) or text(value.get("combined_software_version")),
        serial=text(value.get("serial_number")),
        mac=text(value.get("mac_address")),
        place=place,
        kinds=_SEEN | _AT_A_DOOR if door else _SEEN,
    )


def _state(value: Object) -> State:
    """Return how a camera stands; the two lists say it in different words."""
    properties = child(value.get("properties"))
    if (text(properties.get(_MIGRATION)) or "NORMAL").upper() not in _STAYED:
        return State.MOVED
    if streaming := (text(value.get("streaming_state")) or "").lower():
        if "offline" in streaming:
            return State.OFFLINE
        return State.ON if "enabled" in streaming else State.OFF
    if flag(value.get("is_online")) is False:
        return State.OFFLINE
    wanted = flag(value.get("is_streaming_enabled"))
    enabled = flag(properties.get("streaming.enabled")) if wanted is None else wanted
    return State.UNKNOWN if enabled is None else State.ON if enabled else State.OFF


def _point(value: Object) -> Point | None:
    identifier, start = text(value.get("id")), moment(value.get("start_time"))
    if identifier is None or start is None:
        return None
    end = moment(value.get("end_time"))
    going_on = flag(value.get("in_progress"))
    if going_on:
        end = None
    elif going_on is False and end is None:
        end = start
    types = texts(value.get("types"))
    numbers = (number(each) for each in listed(value.get("zone_ids")))
    return Point(
        id=identifier,
        start=start,
        end=None if end is None else max(start, end),
        kinds=tuple(dict.fromkeys(_KINDS.get(each, EventKind.MOTION) for each in types or ("motion",))),
        types=types,
        zones=tuple(int(each) for each in numbers if each),
        who=text(value.get("face_name")),
    )

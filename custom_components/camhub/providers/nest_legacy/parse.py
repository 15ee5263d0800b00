"""Answers of the home and camera hosts as values (protocols.md 3.4, 3.5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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

# What the list of the camera hosts calls a model by number; older ones are of Dropcam.
_MODELS: Final[Mapping[float, str]] = MappingProxyType(
    {
        8: "Nest Cam Indoor",
        9: "Nest Cam Outdoor",
        10: "Nest Cam IQ Indoor",
        11: "Nest Cam IQ Outdoor",
        12: "Nest Hello",
    }
)

_SEEN: Final = frozenset({EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.SOUND})
_AT_A_DOOR: Final = frozenset({EventKind.DOORBELL, EventKind.PACKAGE})
# Types without what divides their words, which is not always the same; any other is motion.
_KINDS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "person": EventKind.PERSON,
        "face": EventKind.FACE,
        "unfamiliarface": EventKind.FACE,
        "sound": EventKind.SOUND,
        "persontalking": EventKind.SOUND,
        "personheard": EventKind.SOUND,
        "dogbarking": EventKind.SOUND,
        "babycrying": EventKind.SOUND,
        "doorbell": EventKind.DOORBELL,
        "package": EventKind.PACKAGE,
        "packagedelivered": EventKind.PACKAGE,
        "packageintransit": EventKind.PACKAGE,
        "packageretrieved": EventKind.PACKAGE,
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
    """What an account looks after; `tells_moved` is whether it is said of each camera which app it is in."""

    units: tuple[Unit, ...]
    title: str | None = None
    tells_moved: bool = True


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
    return Home(
        units=_once(_unit(identifier, value, places) for identifier, value in values),
        title=title,
        # The home host itself says nothing of it.
        tells_moved=all(_MIGRATION in child(value.get("properties")) for _, value in values),
    )


def owned(said: JsonValue) -> Home:
    """Return the cameras in the list of the camera hosts; raises Malformed for anything but a success."""
    listed_items = objects(items(said))
    units = ((text(item.get("uuid")), item) for item in listed_items)
    return Home(
        units=_once(_unit(identifier, item, {}) for identifier, item in units if identifier),
        title=next((name for item in listed_items if (name := text(item.get("nest_structure_name")))), None),
    )


def moved(said: JsonValue) -> frozenset[str]:
    """Return which cameras in the list of the camera hosts are in the newer app; raises Malformed."""
    return frozenset(unit.id for unit in owned(said).units if unit.state is State.MOVED)


def with_moved(home: Home, gone: frozenset[str]) -> Home:
    """Return the same with those cameras in the newer app."""
    units = (replace(unit, state=State.MOVED) if unit.id in gone else unit for unit in home.units)
    return replace(home, units=tuple(units))


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


def _once(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """Return each camera once: one may be listed as the account's own and as one of a home shared with it."""
    found: dict[str, Unit] = {}
    for unit in units:
        found.setdefault(unit.id, unit)
    return tuple(found.values())


def _places(value: Object) -> Iterator[tuple[str, str]]:
    for each in objects(value.get("wheres")):
        identifier, name = text(each.get("where_id")), text(each.get("name"))
        if identifier and name:
            yield identifier, name


def _unit(identifier: str, value: Object, places: Mapping[str, str]) -> Unit:
    able = frozenset(texts(value.get("capabilities")))
    place = places.get(text(value.get("where_id")) or "") or text(value.get("where"))
    name = text(value.get("description")) or text(value.get("name")) or place
    told = (
        text(value.get("nexus_api_http_server_url"))
        or text(value.get("nexus_api_nest_domain_host"))
        or text(value.get("nexus_api_http_server"))
    )
    number_of_model = number(value.get("camera_type", value.get("type")))
    model = text(value.get("model")) or _MODELS.get(number_of_model or 0)
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


def _kind(told: str) -> EventKind:
    return _KINDS.get("".join(each for each in told.lower() if each.isalpha()), EventKind.MOTION)


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
        kinds=tuple(dict.fromkeys(_kind(each) for each in types or ("motion",))),
        types=types,
        zones=tuple(int(each) for each in numbers if each),
        who=text(value.get("face_name")),
    )

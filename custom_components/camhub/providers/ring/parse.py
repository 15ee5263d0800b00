"""What the service tells, as values (protocols.md 4.3, 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
import re
from typing import Final

from ring_doorbell.const import KIND_DING, KIND_MOTION, PUSH_NOTIFICATION_KINDS

from ...kernel.errors import Malformed
from ...kernel.model import EventKind, JsonValue
from ...kernel.reading import Object, child, from_json, moment, number, objects, text
from .reading import flag, identifier, whole

FULL: Final = 100
# More than any recording lasts.
_LONGEST: Final = timedelta(days=1)
_MAC: Final = re.compile("[0-9a-fA-F]{12}")
_KINDS: Final[Mapping[str, str]] = {name.lower(): kind for name, kind in PUSH_NOTIFICATION_KINDS.items()}
# By what a detection's name begins with or holds.
_DETECTIONS: Final = (
    ("human", EventKind.PERSON),
    ("person", EventKind.PERSON),
    ("loitering", EventKind.PERSON),
    ("package", EventKind.PACKAGE),
    ("vehicle", EventKind.VEHICLE),
    ("animal", EventKind.ANIMAL),
    ("pet", EventKind.ANIMAL),
)
# What a device says of its pushes, and what asks for them.
_SUBSCRIPTIONS: Final = (("subscribed", "subscribe"), ("subscribed_motions", "motions_subscribe"))
# Of an event's fields; others hold keys of streams.
_TOLD: Final = (
    "kind",
    "subtype",
    "detection_type",
    "person_detected",
    "answered",
    "favorite",
    "created_at",
    "duration",
)


class Family(StrEnum):
    """The lists that hold cameras, in the order in which one that stands in several belongs to them."""

    DOORBELL = "doorbots"
    SHARED_DOORBELL = "authorized_doorbots"
    CAMERA = "stickup_cams"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One doorbell or camera; `batteries` are percents by bay, None where a bay is empty or its measure is not one.

    `unsubscribed` are the paths that ask for pushes it does not send yet.
    """

    id: str
    number: int
    family: Family
    name: str
    kind: str
    mac: str | None
    firmware: str | None
    location: str | None
    online: bool
    on_battery: bool
    batteries: tuple[int | None, int | None]
    records: bool
    detects_motion: bool | None
    live_off: bool
    volume: float | None
    light: bool | None
    siren: bool | None
    indoor_chime: bool | None
    unsubscribed: tuple[str, ...]

    @property
    def rings(self) -> bool:
        """Return whether it has a button."""
        return self.family is not Family.CAMERA


@dataclass(frozen=True, kw_only=True, slots=True)
class Chime:
    """One chime of the account."""

    number: int
    name: str
    location: str | None
    volume: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One event as heard or listed; `snapshot` is the picture that a push names, `ready` is of its recording."""

    id: str
    camera: str
    kind: EventKind
    at: datetime
    ready: bool = False
    length: timedelta | None = None
    snapshot: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


def by_number(said: JsonValue) -> dict[str, dict[int, dict[str, JsonValue]]]:
    """Return the device lists as the library keeps them; raises Malformed for what is no such answer."""
    lists = whole(said)
    if not any(family in lists for family in Family):
        raise Malformed("no list of devices")
    return {
        family: {found: dict(each) for each in objects(listed) if (found := identifier(each.get("id"))) is not None}
        for family, listed in lists.items()
    }


def units(lists: Mapping[str, Mapping[int, Object]]) -> list[Unit]:
    """Return the cameras, each once."""
    found: dict[int, Unit] = {}
    for family in Family:
        for key, told in lists.get(family, {}).items():
            found.setdefault(key, _unit(key, family, told))
    return list(found.values())


def chimes(lists: Mapping[str, Mapping[int, Object]]) -> list[Chime]:
    """Return the chimes."""
    return [
        Chime(
            number=key,
            name=text(told.get("description")) or str(key),
            location=text(told.get("location_id")),
            volume=number(child(told, "settings").get("volume")),
        )
        for key, told in lists.get("chimes", {}).items()
    ]


def _unit(key: int, family: Family, told: Object) -> Unit:
    settings = child(told, "settings")
    batteries = tuple(told.get(name) for name in ("battery_life", "battery_life_2"))
    led = text(told.get("led_status"))
    siren = number(child(told, "siren_status").get("seconds_remaining"))
    chime = child(settings, "chime_settings")
    return Unit(
        id=str(key),
        number=key,
        family=family,
        name=text(told.get("description")) or str(key),
        kind=text(told.get("kind")) or "",
        mac=_mac(told.get("device_id")),
        firmware=text(told.get("firmware_version")),
        location=text(told.get("location_id")),
        online=child(told, "alerts").get("connection") != "offline",
        on_battery=any(number(each) is not None for each in batteries) and told.get("external_connection") is not True,
        batteries=(percent(batteries[0]), percent(batteries[1])),
        records=child(told, "features").get("show_recordings") is True,
        detects_motion=flag(settings.get("motion_detection_enabled")),
        live_off=settings.get("live_view_disabled") is True,
        volume=number(settings.get("doorbell_volume")),
        light=None if led is None else led == "on",
        siren=None if siren is None else siren > 0,
        # Type 2 is none at all.
        indoor_chime=flag(chime.get("enable")) if number(chime.get("type")) in {0, 1} else None,
        unsubscribed=tuple(path for name, path in _SUBSCRIPTIONS if not told.get(name)),
    )


def percent(value: JsonValue) -> int | None:
    """Return a battery's charge; old ones tell millivolts, which say little."""
    found = number(value)
    return round(found) if found is not None and 0 <= found <= FULL else None


def _mac(value: JsonValue) -> str | None:
    digits = text(value) or ""
    return ":".join(re.findall("..", digits.lower())) if _MAC.fullmatch(digits) else None


def wifi(said: JsonValue) -> int | None:
    """Return the strength (dBm) that a device's health tells."""
    found = number(child(said, "device_health").get("latest_signal_strength"))
    return None if found is None else round(found)


def history(said: JsonValue, camera: str) -> list[Sighting]:
    """Return the events of a page, newest first as they came; live views and the like are none."""
    return [found for each in objects(said) if (found := _listed(each, camera)) is not None]


def oldest(said: JsonValue) -> int | None:
    """Return the number of the last entry of a page, which the next page begins behind."""
    entries = objects(said)
    return identifier(entries[-1].get("id")) if entries else None


def _listed(entry: Object, camera: str) -> Sighting | None:
    seen = child(entry, "cv_properties")
    kind, key, at = text(entry.get("kind")), identifier(entry.get("id")), moment(entry.get("created_at"))
    if kind not in {KIND_DING, KIND_MOTION} or key is None or at is None:
        return None
    detection = "person" if seen.get("person_detected") is True else text(seen.get("detection_type"))
    return Sighting(
        id=str(key),
        camera=camera,
        kind=_kind(kind, detection),
        at=at,
        ready=child(entry, "recording").get("status") == "ready",
        length=_length(number(entry.get("duration"))),
        metadata={**_facts(entry), **_facts(seen), "heard": "history"},
    )


def _length(seconds: float | None) -> timedelta | None:
    if seconds is None or not 0 <= seconds <= _LONGEST.total_seconds():
        return None
    return timedelta(seconds=seconds)


def pushed(message: Mapping[str, JsonValue]) -> Sighting | None:
    """Return the event of a push message, None for one that tells of something else or cannot be read."""
    data = child(message, "data")
    try:
        if (old := data.get("gcmData")) is not None:
            return _legacy(child(_part(old)))
        return _present(
            child(_part(data.get("android_config"))), child(_part(data.get("data"))), _part(data.get("img"))
        )
    except Malformed:
        return None


def _part(value: JsonValue) -> JsonValue:
    """Return a part of a message: JSON in a string, or as it is."""
    return from_json(value) if isinstance(value, str) else value


def _present(about: Object, said: Object, picture: JsonValue) -> Sighting | None:
    device, ding = child(said, "device"), child(said, "event", "ding")
    detection = text(ding.get("detection_type")) or text(ding.get("subtype"))
    told = {**_facts(ding), "device_kind": device.get("kind"), "heard": "push"}
    sighting = _heard(_KINDS.get((text(about.get("category")) or "").lower()), ding, device.get("id"), detection, told)
    if sighting is None:
        return None
    snapshot = text(child(picture).get("snapshot_uuid"))
    return replace(sighting, snapshot=snapshot)


def _legacy(said: Object) -> Sighting | None:
    ding = child(said, "ding")
    told = {**_facts(ding), **_facts(said), "device_kind": ding.get("device_kind"), "heard": "push"}
    kind = _KINDS.get((text(said.get("action")) or "").lower())
    return _heard(kind, ding, ding.get("doorbot_id"), text(said.get("subtype")), told)


def _heard(
    kind: str | None, ding: Object, device: JsonValue, detection: str | None, told: Mapping[str, JsonValue]
) -> Sighting | None:
    key, camera, at = identifier(ding.get("id")), identifier(device), moment(ding.get("created_at"))
    if kind not in {KIND_DING, KIND_MOTION} or key is None or camera is None or at is None:
        return None
    return Sighting(id=str(key), camera=str(camera), kind=_kind(kind, detection), at=at, metadata=told)


def _kind(kind: str, detection: str | None) -> EventKind:
    if kind == KIND_DING:
        return EventKind.DOORBELL
    name = (detection or "").lower()
    return next((found for word, found in _DETECTIONS if word in name.split("_")), EventKind.MOTION)


def _facts(said: Object) -> dict[str, JsonValue]:
    """Return those fields that may be told, where they hold a plain value."""
    return {name: said[name] for name in _TOLD if isinstance(said.get(name), str | int | float | bool)}

"""What the service tells, as values (protocols.md 4.3, 4.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
import re
from typing import Final

from ring_doorbell.const import KIND_DING, KIND_MOTION, PUSH_NOTIFICATION_KINDS

from ...kernel.errors import Malformed
from ...kernel.model import EventKind, JsonValue
from ...kernel.reading import Object, child, from_json, moment, number, objects, text, texts
from .reading import flag, identifier, whole

FULL: Final = 100
# Fed by mains only, also where they tell of a battery (old floodlights do).
_MAINS: Final = (
    "hp_cam_",
    "floodlight_",
    "cocoa_floodlight",
    "spotlightw_",
    "lpd_",
    "jbox_",
    "doorbell_graham_cracker",
    "doorbell_tahoe",
    "cocoa_doorbell_v4w",
    "cocoa_doorbell_v5",
    "stickup_cam_mini",
)
# What stands in a kind of doorbell, whatever list holds it.
_DOORBELLS: Final = ("doorbell", "doorbot", "lpd_", "jbox_")
# Of a chime inside that there is: mechanical, digital, digital of the newer sort. Others are none, or not chosen yet.
_CHIMES: Final = frozenset({0.0, 1.0, 3.0})
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

    `feed` is a word for what feeds it, `owned` whether it is not somebody else's, `wifi_dbm` its strength as listed.
    `unsubscribed` are the paths that ask for pushes it does not send yet.
    """

    id: str
    number: int
    family: Family
    name: str
    kind: str
    feed: str | None
    owned: bool
    mac: str | None
    firmware: str | None
    location: str | None
    online: bool
    wifi_dbm: int | None
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
        return self.family is not Family.CAMERA or any(word in self.kind for word in _DOORBELLS)

    @property
    def label(self) -> str | None:
        """Return the name it was given, None where it has none."""
        return None if self.name == self.id else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Chime:
    """One chime of the account."""

    number: int
    label: str | None
    location: str | None
    volume: float | None

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.label or str(self.number)


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
            label=text(told.get("description")),
            location=text(told.get("location_id")),
            volume=number(child(told, "settings").get("volume")),
        )
        for key, told in lists.get("chimes", {}).items()
    ]


def _unit(key: int, family: Family, told: Object) -> Unit:
    settings, kind = child(told, "settings"), text(told.get("kind")) or ""
    batteries = _batteries(told)
    chime = child(settings, "chime_settings")
    unit = Unit(
        id=str(key),
        number=key,
        family=family,
        name=text(told.get("description")) or str(key),
        kind=kind,
        feed=text(told.get("ring_cam_setup_flow")),
        owned=family is not Family.SHARED_DOORBELL and told.get("owned") is not False,
        mac=_mac(told.get("device_id")),
        firmware=_firmware(told),
        location=text(told.get("location_id")),
        online=child(told, "alerts").get("connection") != "offline",
        wifi_dbm=_whole(child(told, "health").get("rssi")),
        on_battery=any(each is not None for each in batteries) and not _is_wired(kind, told),
        batteries=(percent(batteries[0]), percent(batteries[1])),
        records=child(told, "features").get("show_recordings") is True,
        detects_motion=flag(settings.get("motion_detection_enabled")),
        live_off=settings.get("live_view_disabled") is True,
        volume=number(settings.get("doorbell_volume")),
        light=_light(told.get("led_status")),
        siren=_is_on(told.get("siren_status")),
        indoor_chime=flag(chime.get("enable")) if number(chime.get("type")) in _CHIMES else None,
        unsubscribed=tuple(path for name, path in _SUBSCRIPTIONS if not told.get(name)),
    )
    # Cameras tell of a chime all the same.
    return unit if unit.rings else replace(unit, indoor_chime=None)


def _batteries(told: Object) -> tuple[float | None, float | None]:
    """Return what a device tells of its batteries, nothing where its health says that there are none."""
    health = told.get("health")
    signs = ("battery_percentage", "battery_present", "second_battery_percentage")
    if isinstance(health, Mapping) and health and not any(health.get(sign) for sign in signs):
        return None, None
    return number(told.get("battery_life")), number(told.get("battery_life_2"))


def _is_wired(kind: str, told: Object) -> bool:
    mode = child(told, "settings").get("power_mode")
    if kind.startswith(_MAINS) or mode == "wired":
        return True
    # What only charges the battery (a panel, a trickle charger) is an external connection too.
    return told.get("external_connection") is True and mode != "battery"


def _firmware(told: Object) -> str | None:
    """Return the version; the list's own field mostly holds a state in words."""
    for said in (child(told, "health").get("firmware_version"), told.get("firmware_version")):
        version = text(said)
        if version is not None and any(each.isdigit() for each in version):
            return version
    return None


def _light(said: JsonValue) -> bool | None:
    word = text(said)
    return _is_on(said) if word is None else word == "on"


def _is_on(said: JsonValue) -> bool | None:
    """Return whether what runs for a time still does, None where there is nothing of the kind."""
    return (number(said.get("seconds_remaining")) or 0) > 0 if isinstance(said, Mapping) else None


def _whole(value: JsonValue) -> int | None:
    found = number(value)
    return None if found is None else round(found)


def percent(value: JsonValue) -> int | None:
    """Return a battery's charge; old ones tell millivolts, which say little."""
    found = number(value)
    return round(found) if found is not None and 0 <= found <= FULL else None


def _mac(value: JsonValue) -> str | None:
    digits = text(value) or ""
    return ":".join(re.findall("..", digits.lower())) if _MAC.fullmatch(digits) else None


def wifi(said: JsonValue) -> int | None:
    """Return the strength (dBm) that a device's health tells, None on a cable."""
    health = child(said, "device_health")
    return None if health.get("network_connection") == "ethernet" else _whole(health.get("latest_signal_strength"))


def history(said: JsonValue, camera: str) -> list[Sighting]:
    """Return the events of a page, newest first as they came; live views and the like are none."""
    return [found for each in objects(said) if (found := _listed(each, camera)) is not None]


def numbers(said: JsonValue) -> list[int]:
    """Return the numbers of all entries of a page; the next page begins behind the last."""
    return [found for each in objects(said) if (found := identifier(each.get("id"))) is not None]


def _listed(entry: Object, camera: str) -> Sighting | None:
    seen = child(entry, "cv_properties")
    kind, key, at = text(entry.get("kind")), identifier(entry.get("id")), moment(entry.get("created_at"))
    if kind not in {KIND_DING, KIND_MOTION} or key is None or at is None:
        return None
    named = "person" if seen.get("person_detected") is True else seen.get("detection_type")
    return Sighting(
        id=str(key),
        camera=camera,
        kind=_kind(kind, [named, *_all_of(seen.get("detection_types"))]),
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
    device, event = child(said, "device"), child(said, "event")
    ding = child(event, "ding")
    names = [ding.get("detection_type"), ding.get("subtype")]
    told = {**_facts(ding), "device_kind": device.get("kind"), "heard": "push"}
    at = moment(ding.get("created_at")) or moment(child(event, "eventito").get("timestamp"))
    sighting = _heard(_sort(about, ding), ding, at, device.get("id"), names, told)
    return None if sighting is None else replace(sighting, snapshot=_picture(child(picture).get("snapshot_uuid")))


def _legacy(said: Object) -> Sighting | None:
    ding = child(said, "ding")
    names = [said.get("subtype"), ding.get("detection_type")]
    told = {**_facts(ding), **_facts(said), "device_kind": ding.get("device_kind"), "heard": "push"}
    kind = _KINDS.get((text(said.get("action")) or "").lower())
    sighting = _heard(kind, ding, moment(ding.get("created_at")), ding.get("doorbot_id"), names, told)
    return None if sighting is None else replace(sighting, snapshot=_picture(ding.get("image_uuid")))


def _sort(about: Object, ding: Object) -> str | None:
    """Return which sort of event a push tells of; a button may stand in the subtype only."""
    known = _KINDS.get((text(about.get("category")) or "").lower())
    match ding.get("subtype"):
        case "button_press":
            return KIND_DING
        case "ding":
            return known or KIND_DING
        case _:
            return known


def _picture(name: JsonValue) -> str | None:
    """Return a picture's name without the camera's number, which pushes write behind it."""
    return (text(name) or "").partition(":")[0] or None


def _heard(
    kind: str | None,
    ding: Object,
    at: datetime | None,
    device: JsonValue,
    names: Iterable[JsonValue],
    told: Mapping[str, JsonValue],
) -> Sighting | None:
    key, camera = identifier(ding.get("id")), identifier(device)
    if kind not in {KIND_DING, KIND_MOTION} or key is None or camera is None or at is None:
        return None
    return Sighting(id=str(key), camera=str(camera), kind=_kind(kind, names), at=at, metadata=told)


def _all_of(detections: JsonValue) -> list[JsonValue]:
    """Return the names of a list of detections, which are plain or within objects."""
    return [*texts(detections), *(each.get("detection_type") for each in objects(detections))]


def _kind(kind: str, names: Iterable[JsonValue]) -> EventKind:
    """Return what was seen by the first name that says it."""
    if kind == KIND_DING:
        return EventKind.DOORBELL
    for name in names:
        words = (text(name) or "").lower().split("_")
        for word, found in _DETECTIONS:
            if word in words:
                return found
    return EventKind.MOTION


def _facts(said: Object) -> dict[str, JsonValue]:
    """Return those fields that may be told, where they hold a plain value."""
    return {name: said[name] for name in _TOLD if isinstance(said.get(name), str | int | float | bool)}

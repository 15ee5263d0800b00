"""One tracked object or sound as the server tells it (protocols.md 5.8)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ...kernel.errors import Malformed
from ...kernel.model import EventKind, JsonValue, Recognised
from ...kernel.reading import Object, child, moment, number, text, texts
from .parse import kind_of
from .reading import flag, objects


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedObject:
    """What is known of an event now; times are aware. `resting` says whether an object stands still, None if unsaid.

    `severity` is what its review will have at least (0.15 on), as far as it alone decides.
    """

    id: str
    camera: str
    label: str
    kind: EventKind
    start: datetime
    end: datetime | None = None
    zones: tuple[str, ...] = ()
    score: float | None = None
    sub_label: str | None = None
    plate: str | None = None
    clip: bool = False
    snapshot: bool = False
    resting: bool | None = None
    mistaken: bool = False
    severity: str | None = None

    @property
    def details(self) -> Mapping[str, JsonValue]:
        """Return what was seen, as far as it is known: `who` for a person that was recognised, else the `name`.

        What a person brings, by the sign of its carrier, is no name of theirs.
        """
        is_person = self.kind in {EventKind.PERSON, EventKind.FACE}
        known = is_person and kind_of(self.sub_label or "") is not EventKind.PACKAGE
        key = Recognised.WHO if known else Recognised.NAME
        told = {"label": self.label, "sub_label": self.sub_label, key: self.sub_label, Recognised.PLATE: self.plate}
        return {str(key): value for key, value in told.items() if value}


def tracked_object(event: Object) -> TrackedObject:
    """Read an event of `/api/events` or of the topic `events`; raises Malformed."""
    data = child(event, "data")
    identifier, camera, label = (text(event.get(key)) for key in ("id", "camera", "label"))
    start = moment(event.get("start_time"))
    if identifier is None or camera is None or start is None:
        raise Malformed("no event")
    zones = texts(event.get("zones")) or texts(event.get("entered_zones")) or texts(event.get("current_zones"))
    resting = event.get("stationary")
    return TrackedObject(
        id=identifier,
        camera=camera,
        label=label or "",
        kind=kind_of(label or "", audio=text(data.get("type")) == "audio"),
        start=start,
        end=moment(event.get("end_time")),
        zones=zones,
        score=_first(event.get("top_score"), data.get("top_score"), event.get("score"), data.get("score")),
        sub_label=_sub_label(event.get("sub_label")),
        plate=_sub_label(event.get("recognized_license_plate")) or _sub_label(data.get("recognized_license_plate")),
        clip=flag(event.get("has_clip"), default=False),
        snapshot=flag(event.get("has_snapshot"), default=False),
        resting=resting if isinstance(resting, bool) else None,
        mistaken=flag(event.get("false_positive"), default=False),
        severity=text(event.get("max_severity")) or text(data.get("max_severity")),
    )


def tracked_objects(listed: JsonValue) -> list[TrackedObject]:
    """Read a list of events, leaving out what is none; raises Malformed for what is no list."""
    found: list[TrackedObject] = []
    for each in objects(listed):
        with suppress(Malformed):
            found.append(tracked_object(each))
    return found


def present_object(camera: str, thing: Object, now: datetime) -> TrackedObject:
    """Read an object that a camera has before it now (`camera_activity`); raises Malformed."""
    identifier, label = text(thing.get("id")), text(thing.get("label")) or ""
    if identifier is None:
        raise Malformed("no object")
    # One that is known by name is called so; its id begins with when it came.
    label = label.removesuffix("-verified")
    return TrackedObject(
        id=identifier,
        camera=camera,
        label=label,
        kind=kind_of(label),
        start=moment(identifier.partition("-")[0]) or now,
        zones=texts(thing.get("current_zones")),
        score=number(thing.get("score")),
        sub_label=_sub_label(thing.get("sub_label")),
        resting=flag(thing.get("stationary"), default=False),
    )


def _first(*values: JsonValue) -> float | None:
    return next((found for each in values if (found := number(each))), None)


def _sub_label(value: JsonValue) -> str | None:
    """Return a name; the websocket sends it with its score."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return text(value)

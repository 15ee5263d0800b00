"""The values that cross the contract: frozen, keyword-only, comparable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

type JsonValue = str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None


class EventKind(StrEnum):
    """What a camera can tell; one shape whatever the vendor."""

    MOTION = "motion"
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    PACKAGE = "package"
    FACE = "face"
    SOUND = "sound"
    DOORBELL = "doorbell"
    LINE_CROSSING = "line_crossing"
    INTRUSION = "intrusion"
    REGION_ENTRANCE = "region_entrance"
    REGION_EXIT = "region_exit"
    SCENE_CHANGE = "scene_change"
    TAMPER = "tamper"
    VIDEO_LOSS = "video_loss"
    ALARM_INPUT = "alarm_input"


class EventPhase(StrEnum):
    """Where in its life an event is; PULSE has no end of its own.

    An UPDATE may follow the END: who somebody was can be known late. PRESENT is there without being news or motion: it
    was there before anyone listened, or lies still by now; under an id of its own, which ends like any other.
    """

    START = "start"
    UPDATE = "update"
    END = "end"
    PULSE = "pulse"
    PRESENT = "present"


class Recognised(StrEnum):
    """What may be known of somebody or something seen; each is also the key of it in an event's metadata."""

    WHO = "who"
    PLATE = "plate"
    NAME = "name"


class CredentialState(StrEnum):
    """How long a login will last."""

    OK = "ok"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One encoded picture and what is known of it; `taken_at` is aware, `source` a slug such as `live` or `event`."""

    content: bytes = field(repr=False)
    taken_at: datetime
    source: str = "live"
    content_type: str = "image/jpeg"
    stale: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A recording at the vendor, not yet fetched; times are aware, `end` is None while it is being made.

    `label` is the vendor's own word for what was seen, finer than `kind`.
    """

    id: str
    camera: str
    start: datetime
    end: datetime | None = None
    kind: EventKind | None = None
    label: str | None = None
    content_type: str = "video/mp4"
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraEvent:
    """Something a camera saw; `id` is unique per account and stable across re-delivery.

    Where several events are of one thing, `event_id` of the metadata is what the vendor calls that.
    """

    id: str
    camera: str
    kind: EventKind
    at: datetime
    phase: EventPhase = EventPhase.PULSE
    zones: tuple[str, ...] = ()
    score: float | None = None
    clip: Clip | None = None
    image: Image | None = field(default=None, compare=False)
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenStatus:
    """How the credentials of an account stand; `expires_at` is aware, None if they do not expire."""

    state: CredentialState
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceIdentity:
    """What a device says of itself: an account's hub (a recorder) or a camera; `area` is the room it is in."""

    name: str
    manufacturer: str
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    mac: str | None = None
    address: str | None = field(default=None, repr=False)
    area: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The result of signing in.

    `unique_id` is what the vendor calls the account or device (serial, account number), None where there is nothing
    of the kind; `match` is then compared instead (a normalised address). `credentials` is all that is needed to
    connect again; it is sealed as a whole before it is stored.
    """

    title: str
    unique_id: str | None
    match: str = field(repr=False)
    credentials: Mapping[str, JsonValue] = field(repr=False)

"""Configuration and figures of a server as values (protocols.md 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import EventKind, JsonValue, Recognised
from ...kernel.reading import Object, child, number, text, texts
from .reading import flag, objects

BIRDSEYE: Final = "birdseye"
# A recording that somebody has the server look at again (0.18) is a camera for that time; nothing happens there now.
_REPLAY: Final = "_replay_"
_RECORDINGS: Final = "/media/frigate/recordings"
_WHOLE: Final = 100.0
# The server counts storage in these, which it calls MB.
_MIB_PER_GIB: Final = 1024.0

# Motion and sounds have no name, a person's is who it is.
_NAMELESS: Final = frozenset({EventKind.MOTION, EventKind.SOUND, EventKind.PERSON, EventKind.FACE})

# What the usual models tell apart; whatever else is tracked counts as motion.
_KINDS: Final[Mapping[EventKind, tuple[str, ...]]] = MappingProxyType(
    {
        EventKind.PERSON: ("person", "baby"),
        EventKind.FACE: ("face",),
        EventKind.VEHICLE: (
            *("car", "truck", "bus", "motorcycle", "bicycle", "boat", "train", "airplane", "license_plate", "vehicle"),
            *("school_bus", "golf_cart", "garbage_truck", "tractor", "rickshaw", "helicopter", "van", "motorbike"),
            *("aeroplane", "atv", "snowmobile", "scooter"),
        ),
        EventKind.ANIMAL: (
            *("dog", "cat", "bird", "horse", "sheep", "cow", "bear", "elephant", "zebra", "giraffe", "animal", "deer"),
            *("fox", "rabbit", "squirrel", "raccoon", "skunk", "goat", "kangaroo", "hedgehog", "rodent", "badger"),
            *("possum", "chicken", "groundhog", "boar", "heron", "wombat", "bobcat", "mustelid", "mountain_lion"),
            *("crocodile", "turkey", "monkey", "coyote", "porcupine", "snake", "lizard", "duck"),
        ),
        EventKind.PACKAGE: (
            *("package", "amazon", "ups", "fedex", "usps", "dhl", "an_post", "purolator", "postnl", "nzpost"),
            *("postnord", "gls", "dpd", "canada_post", "royal_mail", "bpost", "la_poste", "auspost", "aramex"),
            *("transoflex", "parcelforce", "hermes", "cargus", "fan_courier", "sameday"),
        ),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One camera of the configuration; `stream` is its go2rtc stream, None where it is not restreamed.

    `switches` are the functions that can be turned on and off, with how they stand; `labels` is what it looks and
    listens for.
    """

    id: str
    name: str
    enabled: bool = True
    size: tuple[int, int] | None = None
    stream: str | None = None
    kinds: frozenset[EventKind] = frozenset()
    labels: tuple[str, ...] = ()
    switches: Mapping[str, bool] = field(default_factory=dict)
    ptz: bool = False

    @property
    def recognised(self) -> frozenset[Recognised]:
        """Return what may be known of what it sees; names come of the server's own models or of others beside it."""
        found = {Recognised.NAME} if self.kinds - _NAMELESS else set()
        if self.kinds & {EventKind.PERSON, EventKind.FACE}:
            found.add(Recognised.WHO)
        if EventKind.VEHICLE in self.kinds:
            found.add(Recognised.PLATE)
        return frozenset(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A server's configuration; `title` tells several servers apart by their topic prefix.

    `sure` is the score from which on the server takes a face for known, `figures_s` how often it tells its figures.
    """

    units: tuple[Unit, ...]
    version: str
    title: str
    sure: float = 0.0
    figures_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What a camera is doing; `fps` 0 is down, None unknown. `cpu` is in percent of one core."""

    fps: float | None = None
    cpu: float | None = None
    quality: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """What a server is doing: `inference` in milliseconds, `uptime` in seconds, `cpu` and `disk_free` in percent.

    What is used and free is that of the recordings.
    """

    cameras: Mapping[str, Figures]
    inference: float | None = None
    uptime: float | None = None
    cpu: float | None = None
    disk_free: float | None = None
    disk_used_gib: float | None = None
    disk_free_gib: float | None = None


def kind_of(label: str, *, audio: bool = False) -> EventKind:
    """Return the kind that a label stands for; models write two words with or without a line between them."""
    if audio:
        return EventKind.SOUND
    plain = label.lower().replace(" ", "_")
    return next((kind for kind, labels in _KINDS.items() if plain in labels), EventKind.MOTION)


def site(said: JsonValue) -> Site:
    """Read `/api/config`; raises Malformed for another document."""
    config = child(said)
    if not isinstance(config.get("cameras"), Mapping):
        raise Malformed("no configuration", reason="not_this_device")
    streams = frozenset(child(config, "go2rtc", "streams"))
    cameras = child(config, "cameras")
    units = [_unit(name, child(cameras, name), streams) for name in cameras if not name.startswith(_REPLAY)]
    birdseye = child(config, BIRDSEYE)
    if flag(birdseye.get("enabled"), default=False) and flag(birdseye.get("restream"), default=False):
        # The server adds its stream to go2rtc itself, so the configuration does not list it.
        units.append(Unit(id=BIRDSEYE, name="Birdseye", size=_size(birdseye), stream=BIRDSEYE))
    mqtt = child(config, "mqtt")
    prefix = text(mqtt.get("topic_prefix"))
    title = "Frigate" if prefix in {None, "frigate"} else f"Frigate ({prefix})"
    return Site(
        units=tuple(units),
        version=text(config.get("version")) or "",
        title=title,
        sure=number(child(config, "face_recognition").get("recognition_threshold")) or 0.0,
        figures_s=number(mqtt.get("stats_interval")) or 0.0,
    )


def stats(said: JsonValue) -> Stats:
    """Read `/api/stats`, or the websocket's topic of that name; raises Malformed for another document."""
    told = child(said)
    if not any(isinstance(told.get(key), Mapping) for key in ("cameras", "service")):
        raise Malformed("no figures")
    usages, service = child(told, "cpu_usages"), child(told, "service")
    cameras = child(told, "cameras")
    storage = child(service, "storage", _RECORDINGS)
    speeds = [number(child(told, "detectors", name).get("inference_speed")) for name in child(told, "detectors")]
    return Stats(
        cameras={name: _figures(child(cameras, name), usages) for name in cameras},
        inference=max((each for each in speeds if each is not None), default=None),
        uptime=number(service.get("uptime")),
        cpu=number(child(usages, "frigate.full_system").get("cpu")),
        disk_free=_disk_free(storage),
        disk_used_gib=_gib(storage.get("used")),
        disk_free_gib=_gib(storage.get("free")),
    )


def presets(said: JsonValue) -> tuple[str, ...]:
    """Read `/api/<camera>/ptz/info`: the names of the positions that a camera can go to."""
    return tuple(dict.fromkeys(each for each in texts(child(said).get("presets")) if each.strip()))


def role(said: JsonValue) -> tuple[str, frozenset[str]]:
    """Read `/api/profile`: the role, `admin` where versions have none, and the cameras it is limited to, if any."""
    told = child(said)
    if "username" not in told:
        raise Malformed("no profile")
    return text(told.get("role")) or "admin", frozenset(texts(told.get("allowed_cameras")))


def reviews(said: JsonValue) -> Mapping[str, str]:
    """Read `/api/review`: the severity of each event, by the event's id."""
    found: dict[str, str] = {}
    for item in objects(said):
        found |= review(item)
    return found


def review(item: Object) -> Mapping[str, str]:
    """Read one review item: the severity of the events it is made of."""
    severity = text(item.get("severity"))
    if severity is None:
        return {}
    return dict.fromkeys(texts(child(item, "data").get("detections")), severity)


def _unit(name: str, camera: Object, streams: frozenset[str]) -> Unit:
    audio = child(camera, "audio")
    listens = flag(audio.get("enabled_in_config"), default=flag(audio.get("enabled"), default=False))
    tracked = texts(child(camera, "objects").get("track"))
    heard = texts(audio.get("listen")) if listens else ()
    kinds = {kind_of(label) for label in tracked} | {EventKind.MOTION}
    if text(camera.get("type")) == "lpr":
        # It reads number plates without tracking the cars they are on.
        kinds.add(EventKind.VEHICLE)
    return Unit(
        id=name,
        name=text(camera.get("friendly_name")) or name.replace("_", " ").strip().title() or name,
        enabled=flag(camera.get("enabled"), default=True),
        size=_size(child(camera, "detect")),
        stream=_stream(name, child(camera, "live"), streams),
        kinds=frozenset(kinds | ({EventKind.SOUND} if listens else set())),
        labels=tuple(dict.fromkeys((*tracked, *heard))),
        switches=_switches(camera, listens=listens),
        ptz=text(child(camera, "onvif").get("host")) is not None,
    )


def _switches(camera: Object, *, listens: bool) -> Mapping[str, bool]:
    """Return what can be switched: sounds and recordings where they were configured, else the server does nothing."""
    parts = {"detect": "detect", "snapshots": "snapshots", "motion": "motion"}
    if listens:
        parts["audio"] = "audio"
    if flag(child(camera, "record").get("enabled_in_config"), default=True):
        parts["recordings"] = "record"
    return {
        key: value
        for key, part in sorted(parts.items())
        if isinstance(value := child(camera, part).get("enabled"), bool)
    }


def _stream(name: str, live: Object, streams: frozenset[str]) -> str | None:
    """Return the stream a camera is watched by: the first of `live.streams` that exists, else one of its name."""
    wanted = [text(value) for value in child(live, "streams").values()]
    wanted += [text(live.get("stream_name")), name]
    return next((each for each in wanted if each in streams), None)


def _size(part: Object) -> tuple[int, int] | None:
    width, height = number(part.get("width")), number(part.get("height"))
    return (int(width), int(height)) if width and height and width > 0 and height > 0 else None


def _figures(camera: Object, usages: Object) -> Figures:
    shares = [
        number(child(usages, f"{pid:.0f}").get("cpu"))
        for key in ("pid", "capture_pid", "ffmpeg_pid")
        if (pid := number(camera.get(key))) is not None
    ]
    known = [each for each in shares if each is not None]
    return Figures(
        fps=number(camera.get("camera_fps")),
        cpu=sum(known) if known else None,
        quality=text(camera.get("connection_quality")),
    )


def _disk_free(storage: Object) -> float | None:
    free, total = number(storage.get("free")), number(storage.get("total"))
    return None if free is None or not total or total < 0 else round(_WHOLE * free / total, 1)


def _gib(mib: JsonValue) -> float | None:
    """Return an amount of storage, rounded so that it does not differ at every look."""
    amount = number(mib)
    return None if amount is None else round(amount / _MIB_PER_GIB, 1)

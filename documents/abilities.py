"""What each kind of camera can, as its provider's code says."""

from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.architecture.checks.texts import lookup

from .markdown import link, rows
from .providers import Source, sources

YES: Final = "✓"
STREAMS: Final = MappingProxyType(
    {
        "stills": "Pictures",
        "rtsp": "Live view by RTSP (HLS, recording; WebRTC by go2rtc)",
        "webrtc": "Live view by the maker's own WebRTC",
        "mjpeg": "Live view by MJPEG",
        "hls": "Live view by the server's own HLS",
        "clips": "Recordings of the device or service, in the media browser",
        "previews": "Short films of events, kept by CamHub, in the media browser",
    }
)
HEALTH: Final = MappingProxyType(
    {
        "battery": "Battery",
        "battery_2": "Second battery",
        "wifi_dbm": "Wi-Fi signal",
        "fps": "Frame rate",
        "cpu_percent": "Processor share",
        "inference_ms": "Detection time",
        "disk_free_percent": "Disk free",
        "disk_used_gib": "Disk used",
        "disk_free_gib": "Disk space free",
    }
)
type Has = Callable[[Source], bool]


def _streams(source: Source) -> bool:
    """Return whether Home Assistant can read the camera all the time."""
    return bool({"rtsp", "mjpeg"} & source.camera)


SEEN: Final[Mapping[str, Has]] = MappingProxyType(
    {
        "Motion found in the pictures, by Home Assistant": lambda source: (
            _streams(source) and "event_kinds" not in source.camera
        ),
        "What is there right now, as sensors": lambda source: "lasting" in source.camera,
        "Who or what was recognised": lambda source: "recognised" in source.camera,
    }
)
AROUND: Final[Mapping[str, Has]] = MappingProxyType(
    {
        "Found on the network": lambda source: source.discovered,
        "Works without the internet": lambda source: not source.in_the_cloud,
    }
)


def table(root: Path, page: Path) -> str:
    """Return a table of everything, a column for each provider."""
    every = sources(root)
    head = ["", *(link(source.name, source.page, page) for source in every)]
    return rows(head, ([words, *(YES if has(each) else "" for each in every)] for words, has in _lines(root, every)))


def _lines(root: Path, every: list[Source]) -> Iterator[tuple[str, Has]]:
    for field, words in STREAMS.items():
        yield words, partial(_among, field, of=lambda source: source.camera)
    yield "Recordings by Home Assistant, on motion or by hand", _streams
    for kind, words in kinds(root).items():
        yield f"Event: {words}", partial(_among, kind, of=lambda source: source.kinds)
    yield from SEEN.items()
    for name in dict.fromkeys(name for source in every for name in source.controls):
        yield f"Control: {name}", partial(_among, name, of=lambda source: source.controls)
    for field, words in HEALTH.items():
        yield f"Sensor: {words}", partial(_among, field, of=lambda source: source.health)
    yield from AROUND.items()


def _among(wanted: str, source: Source, *, of: Callable[[Source], Container[str]]) -> bool:
    return wanted in of(source)


def kinds(root: Path) -> dict[str, str]:
    """Return the words for what a camera may tell of, by kind."""
    found: dict[str, str] = lookup(root, "entity.event.activity.state_attributes.event_type.state")
    return {"motion": found["motion"], "doorbell": lookup(root, "entity.event.doorbell.name"), **found}


def overview(root: Path, page: Path) -> str:
    """Return a short table, a line for each provider."""
    return rows(
        ["", "live view", "events", "recordings", "controls"], [_line(root, page, each) for each in sources(root)]
    )


def _recordings(given: Container[str]) -> str:
    if "previews" in given:
        return "previews, kept by CamHub"
    return "its own" if "clips" in given else ""


def _line(root: Path, page: Path, source: Source) -> list[str]:
    given = source.camera
    live = [word for field, word in (("rtsp", "RTSP"), ("webrtc", "WebRTC"), ("mjpeg", "MJPEG")) if field in given]
    told = source.kinds
    # A camera that tells of nothing itself can be watched.
    events = [words.lower() for kind, words in kinds(root).items() if kind in told] or [
        "motion, by watching its pictures"
    ]
    return [
        link(source.name, source.page, page),
        ", ".join(live) or "none, pictures only",
        ", ".join(events),
        _recordings(given),
        ", ".join(name.lower() for name in source.controls),
    ]

"""What a server looks after: its cameras, its configuration and its figures, as its version tells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .faults import Faults
from .happenings import SURE

# The versions that can be played, with what `/api/version` says.
VERSIONS: Final[Mapping[str, str]] = {
    "0.13": "0.13.2-6476f8a",
    "0.14": "0.14.1-f4f3cfa",
    "0.15": "0.15.2-a1b2c3d",
    "0.16": "0.16.4-b2c3d4e",
    "0.17": "0.17.2-c3d4e5f",
    "0.18": "0.18.0-beta1-d4e5f6a",
}
_FEATURES: Final = ("detect", "record", "snapshots", "audio", "motion")


@dataclass(kw_only=True, slots=True)
class Unit:
    """One camera; `streams` are its go2rtc streams by label, empty where it is not restreamed."""

    name: str
    friendly_name: str = ""
    enabled: bool = True
    streams: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (640, 360)
    track: tuple[str, ...] = ("person", "car", "dog")
    listen: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    on: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(_FEATURES, True))


def units() -> list[Unit]:
    """Return the cameras of the example."""
    return [
        Unit(
            name="driveway",
            friendly_name="Driveway",
            streams={"HD": "driveway_main", "SD": "driveway_small"},
            zones=("gate", "street"),
            presets=("gate", "Street 2"),
        ),
        Unit(name="back_door", friendly_name="Back door", streams={"back_door": "back_door"}, track=("person", "cat")),
        Unit(name="nursery", friendly_name="Nursery", listen=("bark", "scream"), track=("person",)),
    ]


def config(
    version: str, cameras: list[Unit], *, admin: bool, allowed: tuple[str, ...], birdseye: bool
) -> dict[str, Any]:
    """Return `/api/config`; 0.18 leaves out what others than admins need not see."""
    minor = int(version.partition(".")[2])
    reduced = minor >= 18 and not admin
    shown = [each for each in cameras if not reduced or not allowed or each.name in allowed]
    # The stream of the birdseye view is added to go2rtc alone.
    streams = sorted({stream for each in cameras for stream in each.streams.values()})
    told: dict[str, Any] = {
        "version": f"{version}-0" if minor >= 16 else version,
        "mqtt": {"enabled": False, "topic_prefix": "frigate"},
        "birdseye": {"enabled": birdseye, "restream": birdseye, "width": 1280, "height": 720, "mode": "objects"},
        "cameras": {each.name: _camera(each, minor, reduced=reduced) for each in shown},
        "go2rtc": {"streams": {name: ["rtsp://*:*@192.0.2.30:554/1"] for name in streams}},
        "auth": {"enabled": True, "cookie_name": "frigate_token"},
    }
    if minor >= 16:
        told["face_recognition"] = {"enabled": True, "unknown_score": 0.8, "recognition_threshold": SURE}
    return told


def _camera(unit: Unit, minor: int, *, reduced: bool) -> dict[str, Any]:
    width, height = unit.size
    audio = bool(unit.listen)
    told: dict[str, Any] = {
        "name": unit.name,
        "enabled": unit.enabled,
        "detect": {"enabled": unit.on["detect"], "width": width, "height": height, "fps": 5},
        "record": {"enabled": unit.on["record"], "enabled_in_config": True},
        "snapshots": {"enabled": unit.on["snapshots"]},
        "motion": {"enabled": unit.on["motion"]},
        "audio": {"enabled": audio and unit.on["audio"], "enabled_in_config": audio, "listen": list(unit.listen)},
        "objects": {"track": list(unit.track)},
        "zones": {name: {"coordinates": "0,0,1,0,1,1"} for name in unit.zones},
        "live": {"height": 720, "quality": 8},
        "ui": {"order": 0, "dashboard": True},
        "onvif": {"host": "192.0.2.31" if unit.presets else "", "port": 8000},
    }
    if minor >= 16:
        told["live"]["streams"] = dict(unit.streams)
        told["enabled_in_config"] = unit.enabled
    else:
        told["live"]["stream_name"] = next(iter(unit.streams.values()), unit.name)
    if minor >= 17:
        told["friendly_name"] = unit.friendly_name or None
    if reduced:
        del told["onvif"]
    return told


def stats(version: str, cameras: list[Unit], faults: Faults, now: float) -> dict[str, Any]:
    """Return `/api/stats`."""
    minor = int(version.partition(".")[2])
    told: dict[str, Any] = {}
    usages: dict[str, Any] = {
        "42": {"cpu": "11.0", "mem": "2.1"},
        "frigate.full_system": {"cpu": "23.5", "mem": "41.0"},
    }
    for number, unit in enumerate(cameras):
        if not unit.enabled:
            continue
        pid, fps = 300 + 10 * number, 0.0 if unit.name in faults.offline else 5.0
        told[unit.name] = {
            "camera_fps": fps,
            "process_fps": fps,
            "skipped_fps": 0.0,
            "detection_fps": fps / 2,
            "detection_enabled": unit.on["detect"],
            "pid": pid,
            "capture_pid": pid + 1,
            "ffmpeg_pid": pid + 2,
            "audio_rms": 0.0,
            "audio_dBFS": 0.0,
        }
        if minor >= 18:
            quality = {"connection_quality": "excellent" if fps else "unusable", "expected_fps": 5}
            told[unit.name] |= {**quality, "reconnects_last_hour": 0 if fps else 14, "stalls_last_hour": 0}
        usages |= {str(pid): {"cpu": "2.5", "mem": "1.0"}, str(pid + 2): {"cpu": "4.0", "mem": "1.0"}}
    return {
        "cameras": told,
        "detectors": {"coral": {"inference_speed": 9.8, "detection_start": 0.0, "pid": 42}},
        "detection_fps": 7.5,
        "cpu_usages": usages,
        "gpu_usages": {},
        "service": {
            "uptime": 7200,
            "version": VERSIONS[version],
            "latest_version": "0.17.2",
            "storage": {
                "/media/frigate/recordings": {
                    "total": 400000.0,
                    "used": 300000.0,
                    "free": 100000.0,
                    "mount_type": "ext4",
                }
            },
            "last_updated": int(now),
        },
    }

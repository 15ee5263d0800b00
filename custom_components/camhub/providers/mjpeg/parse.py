"""What the small servers say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.provider import Health

# More than any server measures.
_BEYOND: Final = 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is known of a camera; `placeholder` says that its server shows a picture of its own instead."""

    online: bool | None = None
    offline_reason: str | None = None
    health: Health | None = None
    placeholder: bool = False


def pi_health(status: int, said: JsonValue) -> State:
    """Read `/health` of a Raspberry Pi camera server; raises Malformed.

    Of the usual ones `status` says "ok" even while `camera` is "disconnected". Our own says how it stands in `status`,
    answers 503 while no pictures come, and adds pictures per second and disk space.
    """
    # Our own leaves all but `status` out for those who have not signed in yet.
    if not isinstance(said, Mapping) or ("camera" not in said and said.keys() != {"status"}):
        raise Malformed("no health page of a camera", reason="not_a_camera")
    connected = str(said.get("camera", "connected")).lower() == "connected"
    disk = said.get("disk")
    free = _number(disk.get("free_percent")) if isinstance(disk, Mapping) else None
    health = _health(_number(said.get("fps")), free)
    match str(said.get("status", "ok")).lower():
        case "stale":
            return State(online=False, offline_reason="camera_stalled", health=health)
        case "starting":
            return State(online=False, offline_reason="camera_starting", health=health)
        case "failed":
            return State(online=False, offline_reason="camera_failed", health=health)
        case "ok" | "running" if status == HTTPStatus.OK and connected:
            return State(online=True, health=health)
        case _:
            return State(online=False, offline_reason="camera_disconnected", health=health)


def streamer_state(_status: int, said: JsonValue) -> State:
    """Read `/state` of uStreamer, which shows a placeholder picture while its camera is gone; raises Malformed."""
    result = said.get("result") if isinstance(said, Mapping) else None
    source = result.get("source") if isinstance(result, Mapping) else None
    online = source.get("online") if isinstance(source, Mapping) else None
    if not isinstance(source, Mapping) or not isinstance(online, bool):
        raise Malformed("no state of a streamer", reason="not_a_camera")
    if not online:
        return State(online=False, offline_reason="no_signal", placeholder=True)
    return State(online=True, health=_health(_number(source.get("captured_fps")), None))


def _health(fps: float | None, disk_free: float | None) -> Health | None:
    """Return what a server measured, rounded so that it does not differ at every look."""
    if fps is None and disk_free is None:
        return None
    return Health(
        fps=None if fps is None else float(round(fps)),
        disk_free_percent=None if disk_free is None else float(round(disk_free)),
    )


def _number(value: JsonValue) -> float | None:
    """Return a number; Python reads NaN, Infinity and 1e999 as JSON too, and whole numbers of any size."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _BEYOND:
        return None
    return float(value)

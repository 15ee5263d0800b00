"""What the camera's health page says, from the frames themselves and not from an object that exists."""

from __future__ import annotations

from http import HTTPStatus
import shutil
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .capture import Capture
    from .settings import Settings

# The frame headers that hold a size: every SOF but DHT (C4), JPG (C8) and DAC (CC).
SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def status(capture: Capture, settings: Settings) -> str:
    """Return ok, stale, starting or failed."""
    age = capture.age()
    if age is not None and age <= settings.stale_after:
        return "ok"
    if capture.reason:
        return "failed"
    return "starting" if age is None else "stale"


def report(capture: Capture, settings: Settings, clients: int) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the page: 200 while frames are fresh, else 503; ages in seconds, sizes in bytes."""
    state = status(capture, settings)
    age = capture.age()
    good = state == "ok"
    return (HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE), {
        "status": state,
        "camera": "connected" if good else "disconnected",
        "timestamp": time.time(),
        "last_frame_age": None if age is None else round(age, 3),
        "fps": round(capture.fps(), 1) if good else 0.0,
        "resolution": resolution(capture),
        "clients": clients,
        "restarts": capture.restarts,
        "backend": settings.backend,
        "disk": disk(settings.disk_path),
        "reason": capture.reason or _reason(state, age),
    }


def resolution(capture: Capture) -> str | None:
    """Return the newest frame's size as `640x480`."""
    size = None if capture.frame is None else jpeg_size(capture.frame.jpeg)
    return None if size is None else f"{size[0]}x{size[1]}"


def disk(path: str) -> dict[str, float] | None:
    """Return how much of the disk is free, None when that cannot be told."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return {"free_percent": round(100 * usage.free / usage.total, 1), "free_bytes": usage.free}


def jpeg_size(jpeg: bytes) -> tuple[int, int] | None:
    """Return width and height as the JPEG itself says, None when it does not."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in SIZES:
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return None


def _reason(state: str, age: float | None) -> str:
    if state == "starting":
        return "the camera has given no picture yet"
    if state == "stale" and age is not None:
        return f"the last picture is {age:.0f} s old"
    return ""

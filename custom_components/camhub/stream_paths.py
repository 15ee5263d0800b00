"""The names and paths of streams: `/api/camhub/streams/<entry id>~<camera id>/...`."""

from datetime import timedelta
from typing import Final
from urllib.parse import quote

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant

STREAMS: Final = "/api/camhub/streams"
# Players reload a playlist by its first path; after this time they have to start again.
SIGNED_FOR: Final = timedelta(hours=24)
_BETWEEN: Final = "~"
_LONGEST: Final = 1024


def camera_key(entry_id: str, camera_id: str) -> str:
    """Return the key of a camera in paths: stable, case-sensitive, any Unicode."""
    return f"{entry_id}{_BETWEEN}{camera_id}"


def parse_key(key: str) -> tuple[str, str] | None:
    """Return entry and camera of a key, None if it is invalid."""
    entry_id, between, camera_id = key.partition(_BETWEEN)
    if not (entry_id and between and camera_id) or len(key) > _LONGEST or not key.isprintable():
        return None
    return entry_id, camera_id


def stream_path(key: str, *parts: str) -> str:
    """Return the path of a camera's stream or of something below it, encoded."""
    return "/".join([STREAMS, *(quote(part, safe="") for part in (key, *parts))])


def sign(hass: HomeAssistant, path: str, life: timedelta = SIGNED_FOR) -> str:
    """Return an encoded path with a signature for the user of the current request."""
    # Home Assistant returns the path decoded, which differs if a name contains a slash.
    signature = async_sign_path(hass, path, life).rpartition("?")[2]
    return f"{path}?{signature}"

"""The names and paths of streams: `/api/camhub/streams/<entry id>~<camera id>/...`."""

from datetime import timedelta
from typing import Final
from urllib.parse import quote

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant

STREAMS: Final = "/api/camhub/streams"
# A playlist is asked for again and again by the path it was first asked by; players begin anew after that.
SIGNED_FOR: Final = timedelta(hours=24)
_BETWEEN: Final = "~"
_LONGEST: Final = 1024


def camera_key(entry_id: str, camera_id: str) -> str:
    """Return a camera's name in paths: stable, case-sensitive, any Unicode."""
    return f"{entry_id}{_BETWEEN}{camera_id}"


def parse_key(key: str) -> tuple[str, str] | None:
    """Return entry and camera of a key, None where it cannot be one."""
    entry_id, between, camera_id = key.partition(_BETWEEN)
    if not (entry_id and between and camera_id) or len(key) > _LONGEST or not key.isprintable():
        return None
    return entry_id, camera_id


def stream_path(key: str, *parts: str) -> str:
    """Return the path of a camera's stream or of something below it, encoded."""
    return "/".join([STREAMS, *(quote(part, safe="") for part in (key, *parts))])


def sign(hass: HomeAssistant, path: str, life: timedelta = SIGNED_FOR) -> str:
    """Return an encoded path with a signature: what is asked with it is asked as the user who is being served now."""
    # Home Assistant hands the path back decoded, which is another one where a name holds a slash.
    signature = async_sign_path(hass, path, life).rpartition("?")[2]
    return f"{path}?{signature}"

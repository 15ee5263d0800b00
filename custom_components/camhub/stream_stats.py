"""Figures of a camera's stream."""

from typing import Final

from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonObjectType

from .kernel.relay import Relay
from .stream_request import Watch

# Seconds for which a frame tells how large frames are.
_RECENT: Final = 60.0


def stats(watch: Watch) -> JsonObjectType:
    """Return bitrate in bits a second, resolution, frames a second, codec, viewers and the upstream's state."""
    if (relay := watch.coordinator.relays.get(watch.camera.id)) is not None:
        return _relay_figures(relay)
    return {
        "bitrate": None,
        "resolution": None,
        "fps": watch.camera.health.fps if watch.camera.health else None,
        "viewers": 0,
        **_stream_figures(watch),
    }


def _relay_figures(relay: Relay) -> JsonObjectType:
    told, frame = relay.describe(), relay.latest(_RECENT)
    return {
        "bitrate": round(8 * len(frame.jpeg) * relay.fps) if frame else None,
        "resolution": f"{told['width']}x{told['height']}" if told["width"] else None,
        "fps": round(relay.fps, 1),
        "viewers": relay.viewers,
        "codec": "mjpeg",
        "upstream": relay.state.value,
    }


def _stream_figures(watch: Watch) -> JsonObjectType:
    """Return what Home Assistant's stream tells of a camera."""
    try:
        stream = get_camera_from_entity_id(watch.hass, watch.entity_id).stream
    except HomeAssistantError:
        stream = None
    if stream is None or not stream.outputs():
        return {"codec": None, "upstream": "idle"}
    codec = stream.get_diagnostics().get("video_codec")
    return {"codec": codec, "upstream": "streaming" if stream.available else "waiting"}

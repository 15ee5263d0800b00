"""Statistics of a camera's stream."""

from typing import Final

from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonObjectType

from .capture.probe import probe
from .kernel.errors import Malformed
from .kernel.relay import Relay
from .stream_entry import count_viewers, watched_relay
from .stream_request import Watch

# Seconds for which the size of a frame is used for the bitrate.
_RECENT: Final = 60.0


async def async_stats(watch: Watch) -> JsonObjectType:
    """Return bitrate (bits per second), resolution, frames per second, codec, viewers and upstream state.

    If two streams are running the figures are those of Home Assistant's, which has the camera's full picture.
    """
    known: JsonObjectType = {
        "bitrate": None,
        "resolution": None,
        "fps": watch.camera.health.fps if watch.camera.health else None,
        "viewers": count_viewers(watch.hass, watch.coordinator, watch.camera.id),
        "codec": None,
        "upstream": "idle",
    }
    figures = await _async_stream_figures(watch)
    if not figures and (relay := watched_relay(watch.hass, watch.coordinator, watch.camera.id)) is not None:
        figures = _relay_figures(relay)
    return {**known, **figures}


def _relay_figures(relay: Relay) -> JsonObjectType:
    told, frame = relay.describe(), relay.latest(_RECENT)
    return {
        "bitrate": round(8 * len(frame.jpeg) * relay.fps) if frame else None,
        "resolution": f"{told['width']}x{told['height']}" if told["width"] else None,
        "fps": round(relay.fps, 1),
        "codec": "mjpeg",
        "upstream": relay.state.value,
    }


async def _async_stream_figures(watch: Watch) -> JsonObjectType:
    """Return the figures of Home Assistant's stream, from its last segments."""
    try:
        stream = get_camera_from_entity_id(watch.hass, watch.entity_id).stream
    except HomeAssistantError:
        stream = None
    if stream is None or not stream.outputs():
        return {}
    state: JsonObjectType = {"upstream": "streaming" if stream.available else "waiting"}
    if isinstance(codec := stream.get_diagnostics().get("video_codec"), str):
        state["codec"] = codec
    pieces = [piece for output in stream.outputs().values() for piece in output.get_segments() if piece.complete]
    if not pieces:
        return state
    last = pieces[-1]
    state["bitrate"] = round(8 * sum(piece.data_size for piece in pieces) / sum(piece.duration for piece in pieces))
    try:
        film = await watch.hass.async_add_executor_job(probe, last.init + last.get_data(), last.duration)
    except Malformed:
        return state
    return {**state, "resolution": f"{film.width}x{film.height}", "fps": film.fps, "codec": film.codec}

"""Which ffmpeg is run: the one that Home Assistant's own integration is told to use, else the one on the path."""

from homeassistant.core import HomeAssistant

from .recording.ffmpeg import FFMPEG


def ffmpeg_program(hass: HomeAssistant) -> str:
    """Return its name or path (`ffmpeg_bin` in Home Assistant's configuration)."""
    # The integration is not always there, and is not imported for that: it wants a library of its own.
    manager = hass.data.get(FFMPEG)
    return FFMPEG if manager is None else str(manager.binary)

"""Which ffmpeg is used: the one configured in Home Assistant's ffmpeg integration, else the one on the PATH."""

from homeassistant.core import HomeAssistant

from .recording.ffmpeg import FFMPEG


def ffmpeg_program(hass: HomeAssistant) -> str:
    """Return its name or path (`ffmpeg_bin` in Home Assistant's configuration)."""
    # The integration is not always loaded, and importing it would need a library of its own.
    manager = hass.data.get(FFMPEG)
    return FFMPEG if manager is None else str(manager.binary)

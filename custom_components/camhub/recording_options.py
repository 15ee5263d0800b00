"""The recording options of an account."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .recording.encoding import Container, Encoding, Quality
from .recording.recorder import RecordingSettings
from .recording.retention import RetentionLimits

_GB: Final = 10**9


def recording_settings(stored: Mapping[str, Any]) -> RecordingSettings:
    """Return the recording settings of one camera."""
    usual = RecordingSettings()
    return RecordingSettings(
        automatic=stored.get("automatic", usual.automatic),
        duration=stored.get("duration", usual.duration),
        pre_roll=stored.get("pre_roll", usual.pre_roll),
        maximum=stored.get("maximum", usual.maximum),
        encoding=Encoding(
            quality=Quality(stored.get("quality", usual.encoding.quality)),
            container=Container(stored.get("container", usual.encoding.container)),
        ),
    )


def recording_limits(stored: Mapping[str, Any]) -> RetentionLimits:
    """Return the retention limits."""
    usual = RetentionLimits()
    return RetentionLimits(
        days=stored.get("keep_days", usual.days),
        size=round(stored.get("keep_gb", usual.size / _GB) * _GB),
        free=round(stored.get("free_gb", usual.free / _GB) * _GB),
    )


@callback
def default_folder(hass: HomeAssistant) -> Path:
    """Return the default folder of recordings, in Home Assistant's first media folder."""
    folder = hass.config.media_dirs.get("local") or next(iter(hass.config.media_dirs.values()), None)
    return Path(folder or hass.config.path("media"), DOMAIN)

"""System health: accounts, cameras, event lines, capture engines, ffmpeg and cloud services."""

from importlib.util import find_spec
import shutil
from typing import Any, Final

from homeassistant.components.system_health import SystemHealthRegistration, async_check_can_reach_url
from homeassistant.core import HomeAssistant, callback

from .const import CONF_CREDENTIALS, CONF_PROVIDER, DOMAIN
from .coordinator import CamHubConfigEntry
from .ffmpeg_setting import ffmpeg_program
from .runtime import async_load_spec
from .stream_entry import count_viewers
from .upgrade import is_newer

# Libraries that capture live sessions, the faster one first.
ENGINES: Final = ("aiortc", "playwright")


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(async_health)


async def async_health(hass: HomeAssistant) -> dict[str, Any]:
    """Return the information."""
    every: list[CamHubConfigEntry] = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN)
        if CONF_CREDENTIALS in entry.data and not is_newer(entry)
    ]
    loaded: list[CamHubConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    cameras = [
        (entry.runtime_data.last_update_success, camera)
        for entry in loaded
        for camera in entry.runtime_data.data.values()
    ]
    dark = sum(not reached or camera.online is False for reached, camera in cameras)
    lines = [entry.runtime_data for entry in loaded if any(c.event_kinds for c in entry.runtime_data.data.values())]
    engines, ffmpeg = await hass.async_add_executor_job(_parts, ffmpeg_program(hass))
    return {
        "accounts": f"{len(loaded)}/{len(every)}",
        "cameras": len(cameras),
        "online": len(cameras) - dark,
        "dark": dark,
        "viewers": sum(_viewers(hass, entry) for entry in loaded),
        "event_lines": f"{sum(each.pump.connected for each in lines)}/{len(lines)}",
        "capture": ", ".join(engines) or "-",
        "ffmpeg": ffmpeg,
        **await _services(hass, {str(entry.data[CONF_PROVIDER]) for entry in every}),
    }


def _viewers(hass: HomeAssistant, entry: CamHubConfigEntry) -> int:
    """Return the number of viewers of an account's cameras."""
    return sum(count_viewers(hass, entry.runtime_data, camera_id) for camera_id in entry.runtime_data.data)


def _parts(program: str) -> tuple[list[str], bool]:
    """Return the installed capture libraries, and whether there is an ffmpeg; blocks."""
    return [name for name in ENGINES if find_spec(name) is not None], shutil.which(program) is not None


async def _services(hass: HomeAssistant, keys: set[str]) -> dict[str, Any]:
    """Return whether each cloud service in use can be reached."""
    specs = [await async_load_spec(hass, key) for key in sorted(keys)]
    return {
        f"can_reach_{key}": async_check_can_reach_url(hass, spec.cloud)
        for key, spec in zip(sorted(keys), specs, strict=True)
        if spec.cloud
    }

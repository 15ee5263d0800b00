"""One line per question in Home Assistant's system health: how many accounts, cameras, and how many are dark."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import CamHubConfigEntry


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register the lines."""
    register.async_register_info(async_health)


async def async_health(hass: HomeAssistant) -> dict[str, Any]:
    """Return the lines."""
    loaded: list[CamHubConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    cameras = [
        (entry.runtime_data.last_update_success, camera)
        for entry in loaded
        for camera in entry.runtime_data.data.values()
    ]
    return {
        "accounts": f"{len(loaded)}/{len(hass.config_entries.async_entries(DOMAIN))}",
        "cameras": len(cameras),
        "dark": sum(not reached or camera.online is False for reached, camera in cameras),
        "viewers": sum(relay.viewers for entry in loaded for relay in entry.runtime_data.relays.values()),
    }

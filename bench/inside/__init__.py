"""What can only be measured from inside Home Assistant: a custom component that the benches put into its folder.

Commands over the websocket, `bench_inside/...`: see `commands.py` and `watching.py`. Its camera (`camera.py`) returns
constant bytes.
"""

from pathlib import Path
import time

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.typing import ConfigType

from . import accounts, commands, watching

DOMAIN = "bench_inside"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the commands, note when Home Assistant has started, teach CamHub a provider of our own."""
    hass.data[DOMAIN] = {}

    def started(_event: Event) -> None:
        hass.data[DOMAIN]["started"] = time.clock_gettime(time.CLOCK_BOOTTIME) - _begun()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STARTED, started)
    commands.async_register(hass)
    watching.async_register(hass)
    await hass.async_add_import_executor_job(accounts.register)
    return True


def _begun() -> float:
    """Return when this process began, in seconds after boot."""
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    return int(ticks) / 100

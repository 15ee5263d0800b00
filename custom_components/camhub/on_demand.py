"""What only some users need: its library is installed when it is wanted first."""

from importlib import import_module
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from .const import DOMAIN
from .kernel.errors import Unsupported

# For buckets and faces; Home Assistant's own integrations of that kind pin a version of this range.
AIOBOTOCORE: Final = "aiobotocore>=3.7.0,<4"


async def async_on_demand(hass: HomeAssistant, module: str, requirement: str, reason: str) -> Any:
    """Return a module of CamHub's once its library is installed; raises Unsupported (`reason`) where it cannot be."""
    try:
        await async_process_requirements(hass, DOMAIN, [requirement], is_built_in=False)
        return await async_import(hass, module)
    except RequirementsNotFound, ImportError:
        raise Unsupported(f"{requirement} cannot be had", reason=reason) from None


async def async_import(hass: HomeAssistant, module: str) -> Any:
    """Return a module of CamHub's, imported outside the event loop; raises ImportError where its library is missing."""
    return await hass.async_add_import_executor_job(import_module, f"{__package__}.{module}")

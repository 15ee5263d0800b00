"""Optional modules whose library is installed on first use."""

from importlib import import_module
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from .const import DOMAIN
from .kernel.errors import Unsupported

# For S3 and face recognition; Home Assistant's own AWS integrations pin a version in this range.
AIOBOTOCORE: Final = "aiobotocore>=3.7.0,<4"


async def async_on_demand(hass: HomeAssistant, module: str, requirement: str, reason: str) -> Any:
    """Install a library and return our module that needs it; raises Unsupported (`reason`) if that fails."""
    try:
        await async_process_requirements(hass, DOMAIN, [requirement], is_built_in=False)
        return await async_import(hass, module)
    except RequirementsNotFound, ImportError:
        raise Unsupported(f"{requirement} cannot be had", reason=reason) from None


async def async_import(hass: HomeAssistant, module: str) -> Any:
    """Import one of our modules outside the event loop; raises ImportError if its library is missing."""
    return await hass.async_add_import_executor_job(import_module, f"{__package__}.{module}")

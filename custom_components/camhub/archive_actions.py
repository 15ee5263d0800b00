"""Actions on archived clips: retry those that were given up."""

from typing import Final

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
import probatio

from .const import DOMAIN
from .credential_actions import ATTR_ENTRY, async_require_admin, chosen_entries
from .failures import action_errors

RETRY_SCHEMA: Final = probatio.Schema({probatio.Optional(ATTR_ENTRY): cv.string})


@callback
def async_setup_archive_actions(hass: HomeAssistant) -> None:
    """Register them."""
    hass.services.async_register(
        DOMAIN, "retry_clips", _async_retry, RETRY_SCHEMA, supports_response=SupportsResponse.OPTIONAL
    )


async def _async_retry(call: ServiceCall) -> ServiceResponse:
    """Retry the clips that were given up, of one account or of all; return how many."""
    await async_require_admin(call)
    clips = 0
    for entry in chosen_entries(call):
        if (archiving := entry.runtime_data.archiving) is not None:
            with action_errors():
                clips += await archiving.async_retry()
    return {"clips": clips}

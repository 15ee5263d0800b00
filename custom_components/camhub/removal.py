"""Cleanup at the vendor when an account is removed; no failure may prevent the removal."""

import asyncio
import logging
from typing import Final

from homeassistant.core import HomeAssistant

from .const import CONF_PROVIDER
from .coordinator import CamHubConfigEntry
from .kernel.errors import HubError
from .kernel.observers import without_text
from .runtime import SHARED, Sessions, async_load_spec, make_context, provider_options
from .upgrade import is_newer

_LOGGER = logging.getLogger(__package__)

# Seconds for the vendor to answer: Home Assistant waits for it.
PATIENCE: Final = 20.0


async def async_give_back(hass: HomeAssistant, entry: CamHubConfigEntry) -> None:
    """Let the provider delete what it created at the vendor for this account."""
    if is_newer(entry):
        _tell(entry, "stored_newer")
        return
    shared, sessions = hass.data[SHARED], Sessions(hass)
    try:
        async with asyncio.timeout(PATIENCE):
            spec = await async_load_spec(hass, entry.data[CONF_PROVIDER])
            credentials = await shared.store.async_read(entry)
            context = make_context(hass, sessions, credentials, options=provider_options(spec, entry), entry=entry)
            provider = spec.open(context)
            try:
                await provider.remove()
            finally:
                await provider.close()
    except HubError as error:
        _tell(entry, error.reason)
    except TimeoutError:
        _tell(entry, "timed_out")
    except Exception as error:
        # A fault in a vendor's code must not leave the login on the disk.
        _LOGGER.exception("Giving back failed in a way it should not", exc_info=without_text(error))
    finally:
        sessions.detach()
        shared.kept.pop(entry.entry_id, None)


def _tell(entry: CamHubConfigEntry, reason: str) -> None:
    _LOGGER.warning(
        "%s is removed here, but what was set up for it at its maker could not be taken away (%s); "
        "the page of its provider in the documentation tells where to do that yourself",
        entry.title,
        reason,
    )

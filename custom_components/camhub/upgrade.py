"""What a newer CamHub has stored, after a step back to this one: said in words, and not overwritten."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import UnsupportedStorageVersionError
from homeassistant.helpers.storage import Store

from .const import DOMAIN, ENTRY_VERSION, LOGGER
from .issues import async_raise


def is_newer(entry: ConfigEntry[Any]) -> bool:
    """Return whether an entry is of a newer CamHub, in a way that this one cannot read."""
    return entry.version > ENTRY_VERSION


@callback
def async_tell_newer(hass: HomeAssistant) -> None:
    """Raise an issue for each account that Home Assistant will not set up because a newer CamHub has stored it."""
    for entry in filter(is_newer, hass.config_entries.async_entries(DOMAIN)):
        LOGGER.error(
            "%s was stored by a newer CamHub. Install that version again, or restore a backup from before the update; "
            "nothing has been changed",
            entry.title,
        )
        async_raise(hass, entry, f"stored_newer_{entry.entry_id}", "stored_newer", error=True)


async def async_load_or_leave[T: (Mapping[str, Any] | Sequence[Any])](store: Store[T]) -> T | None:
    """Return what is stored; None where a newer CamHub has written it, and from then on nothing is written there."""
    try:
        return await store.async_load()
    except UnsupportedStorageVersionError as error:
        LOGGER.warning("%s; it is left as it is", error)
        store.make_read_only()
        return None

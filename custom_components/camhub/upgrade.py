"""Data of other versions: that of a newer CamHub is reported and left alone, that of an older one migrated."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import UnsupportedStorageVersionError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.storage import Store

from .const import DOMAIN, ENTRY_VERSION, LOGGER
from .issues import async_raise

# Entities of an account, which older versions put on each camera if the account had no device of its own.
OF_ACCOUNT: Final = frozenset(
    {"credential_status", "credential_expiry", "clips_pending", "clips_failed", "last_clip", "test_archive"}
)


def is_newer(entry: ConfigEntry[Any]) -> bool:
    """Return whether an entry was stored by a newer CamHub in a format that this one cannot read."""
    return entry.version > ENTRY_VERSION


@callback
def async_tell_newer(hass: HomeAssistant) -> None:
    """Create an issue for each account that was stored by a newer CamHub and so will not be set up."""
    for entry in filter(is_newer, hass.config_entries.async_entries(DOMAIN)):
        LOGGER.error(
            "%s was stored by a newer CamHub. Install that version again, or restore a backup from before the update; "
            "nothing has been changed",
            entry.title,
        )
        async_raise(hass, entry, f"stored_newer_{entry.entry_id}", "stored_newer", error=True)


@callback
def async_move_to_account(hass: HomeAssistant, entry: ConfigEntry[Any], device_id: str) -> None:
    """Remove the account's entities from its cameras, now that it has a device of its own."""
    registry = er.async_get(hass)
    for each in er.async_entries_for_config_entry(registry, entry.entry_id):
        if each.translation_key in OF_ACCOUNT and each.device_id != device_id:
            registry.async_remove(each.entity_id)


async def async_load_or_leave[T: (Mapping[str, Any] | Sequence[Any])](store: Store[T]) -> T | None:
    """Return what is stored; None if a newer CamHub has written it, and then the store becomes read-only."""
    try:
        return await store.async_load()
    except UnsupportedStorageVersionError as error:
        LOGGER.warning("%s; it is left as it is", error)
        store.make_read_only()
        return None

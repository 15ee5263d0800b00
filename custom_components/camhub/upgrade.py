"""What another CamHub has stored: of a newer one it is said in words and not overwritten, of an older one tidied."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import UnsupportedStorageVersionError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.storage import Store

from .const import DOMAIN, ENTRY_VERSION, LOGGER
from .issues import async_raise

# What an account tells of itself: once stood at each of its cameras where it had no device of its own.
OF_ACCOUNT: Final = frozenset(
    {"credential_status", "credential_expiry", "clips_pending", "clips_failed", "last_clip", "test_archive"}
)


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


@callback
def async_move_to_account(hass: HomeAssistant, entry: ConfigEntry[Any], device_id: str) -> None:
    """Remove from the cameras what the account's own device tells now."""
    registry = er.async_get(hass)
    for each in er.async_entries_for_config_entry(registry, entry.entry_id):
        if each.translation_key in OF_ACCOUNT and each.device_id != device_id:
            registry.async_remove(each.entity_id)


async def async_load_or_leave[T: (Mapping[str, Any] | Sequence[Any])](store: Store[T]) -> T | None:
    """Return what is stored; None where a newer CamHub has written it, and from then on nothing is written there."""
    try:
        return await store.async_load()
    except UnsupportedStorageVersionError as error:
        LOGGER.warning("%s; it is left as it is", error)
        store.make_read_only()
        return None

"""Encrypted settings: the user is asked again for those that can no longer be decrypted."""

from typing import Any, Final

from homeassistant.config_entries import ConfigEntry

from .const import OPTION_ARCHIVE, OPTION_BROWSERS, OPTION_RECOGNITION_KEYS
from .credential_store import CredentialStore
from .kernel.errors import WrongKey

# The repair issue (`issues.<slug>`) of each.
UNREADABLE: Final = {
    OPTION_ARCHIVE: "archive_unreadable",
    OPTION_BROWSERS: "browsers_unreadable",
    OPTION_RECOGNITION_KEYS: "recognition_keys_unreadable",
}


async def async_unreadable(store: CredentialStore, entry: ConfigEntry[Any]) -> frozenset[str]:
    """Return the issues of settings that the user has to enter again; the stored values are kept until then."""
    found = set()
    for option, problem in UNREADABLE.items():
        if sealed := entry.options.get(option):
            try:
                await store.async_unseal(sealed)
            except WrongKey:
                found.add(problem)
    return frozenset(found)

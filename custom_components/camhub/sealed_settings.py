"""Settings that lie sealed: the user is asked again for those that the key does not open any more."""

from typing import Any, Final

from homeassistant.config_entries import ConfigEntry

from .const import OPTION_ARCHIVE, OPTION_BROWSERS, OPTION_RECOGNITION_KEYS
from .credential_store import CredentialStore
from .kernel.errors import WrongKey

# The repair (`issues.<slug>`) of each.
UNREADABLE: Final = {
    OPTION_ARCHIVE: "archive_unreadable",
    OPTION_BROWSERS: "browsers_unreadable",
    OPTION_RECOGNITION_KEYS: "recognition_keys_unreadable",
}


async def async_unreadable(store: CredentialStore, entry: ConfigEntry[Any]) -> frozenset[str]:
    """Return what the user has to enter again; what is stored stays as it is until then."""
    found = set()
    for option, problem in UNREADABLE.items():
        if sealed := entry.options.get(option):
            try:
                await store.async_unseal(sealed)
            except WrongKey:
                found.add(problem)
    return frozenset(found)

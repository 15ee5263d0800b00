"""Doorbells and cameras that ask for an address in the house; they are added with the account."""

from typing import Final

from ...kernel.discovery import Discovered, Found, FoundBy

# As Home Assistant's own integration lists them.
PREFIXES: Final = frozenset({"0cae7d", "2cab33", "341513", "94e36d", "9c7613"})
_NAME: Final = "ring"


def discover(found: Found) -> Discovered | None:
    """Return a device by the maker's prefix and the name it gives itself, None for any other."""
    if found.by is not FoundBy.DHCP or found.mac is None or found.mac[:6] not in PREFIXES:
        return None
    if not found.hostname.startswith(_NAME):
        return None
    return Discovered(id=found.mac, title="Ring", model="Ring", mac=found.mac, cloud=True)

"""Servers that are called by their name; the server itself announces nothing."""

from typing import Final

from ...kernel.discovery import Discovered, Found, FoundBy, web_address

_TITLE: Final = "Frigate"
_NAME: Final = "frigate"


def discover(found: Found) -> Discovered | None:
    """Return a machine or an announced web page of that name, None for any other."""
    if found.by is FoundBy.DHCP and found.hostname.startswith(_NAME):
        # The sign-in looks for the port.
        answers = {"address": found.host}
        return Discovered(id=found.mac or found.hostname, title=_TITLE, mac=found.mac, answers=answers)
    if found.by is FoundBy.ZEROCONF and found.name.lower().startswith(_NAME):
        address = web_address(found.host, found.port)
        return Discovered(id=found.name.lower(), title=_TITLE, answers={"address": address})
    return None

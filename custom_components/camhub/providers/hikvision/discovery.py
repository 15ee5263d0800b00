"""Cameras and recorders that ask for an address, or announce themselves by UPnP."""

from typing import Final

from ...kernel.discovery import Discovered, Found, FoundBy, bare_mac, web_address

MAKER: Final = "HikVision"
# Assigned by the IEEE to the maker.
PREFIXES: Final = frozenset(
    {
        *("08a189", "1012fb", "1868cb", "240f9b", "2428fd", "2857be", "4419b6", "44a642", "4cbd8f", "4cf5dc"),
        *("54c415", "5803fb", "5850ed", "64db8b", "686dbc", "807c62", "80beaf", "849a40", "8ce748", "94e1ac"),
        *("988b0a", "989de5", "98df82", "a41437", "a4d5c2", "acb92f", "b4a382", "bc9b5e", "bcad28", "bcbac2"),
        *("c0517e", "c056e3", "c06ded", "c42f90", "dcd26a", "e0baad", "e0ca3c", "ecc89c", "f84dfc"),
    }
)


def discover(found: Found) -> Discovered | None:
    """Return a device by the maker's prefix or the maker's name, None for any other."""
    if found.by is FoundBy.DHCP:
        if found.mac is None or found.mac[:6] not in PREFIXES:
            return None
        return _device(found, found.mac, None, None)
    if found.by is not FoundBy.SSDP or found.facts.get("manufacturer", "").lower() != MAKER.lower():
        return None
    # The name of the device ends with its MAC address.
    mac = bare_mac(found.facts.get("UDN", "").rpartition("-")[2])
    known = mac if mac is not None and mac[:6] in PREFIXES else None
    serial = found.facts.get("serialNumber") or None
    return _device(found, known, serial, found.facts.get("modelName") or None)


def _device(found: Found, mac: str | None, serial: str | None, model: str | None) -> Discovered | None:
    if not (identifier := mac or serial):
        return None
    title = f"{MAKER} {model}" if model else MAKER
    return Discovered(
        id=identifier,
        title=title,
        model=model,
        serial=serial,
        mac=mac,
        answers={"address": web_address(found.host, found.port)},
    )

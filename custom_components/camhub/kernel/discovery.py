"""What the network tells of devices that nobody has added yet, and what a provider makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
import re
from typing import Final

from yarl import URL

from .addresses import parsed
from .model import JsonValue
from .secret import Credentials


class FoundBy(StrEnum):
    """How a device made itself known."""

    DHCP = "dhcp"
    SSDP = "ssdp"
    ZEROCONF = "zeroconf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device as the network tells of it.

    `host` is the number of its address, `mac` 12 hexadecimal digits in lower case, `hostname` in lower case without
    domain, `service` a DNS-SD type such as `_http._tcp`, `name` what it calls itself there, `facts` its TXT records or
    the fields of its UPnP description.
    """

    by: FoundBy
    host: str = field(repr=False)
    port: int | None = None
    mac: str | None = None
    hostname: str = ""
    service: str = ""
    name: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """A device that a provider can add.

    `id` stays the same when the address changes; `serial` is the unique id that its account would have, if that is
    known. `answers` fill in the sign-in. `picture` is the address of a JPEG that needs no login. `cloud` devices are
    added with the account of the maker's service, whatever their address.
    """

    id: str
    title: str
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    answers: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    picture: str | None = field(default=None, repr=False)
    cloud: bool = False


_TLS: Final = 443
_SEPARATORS: Final = ":-."
_MAC: Final = re.compile("[0-9a-f]{12}")


def bare_mac(text: str) -> str | None:
    """Return a MAC address as 12 hexadecimal digits in lower case, None for what is none."""
    bare = text.lower().translate({ord(separator): None for separator in _SEPARATORS})
    return bare if _MAC.fullmatch(bare) else None


def web_address(host: str, port: int | None, path: str = "") -> str:
    """Return an http address, https on its usual port; an IPv6 number in brackets."""
    scheme = "https" if port == _TLS else "http"
    return str(URL.build(scheme=scheme, host=host, port=port, path=path and f"/{path.lstrip('/')}"))


def moved(known: Credentials, keys: tuple[str, ...], host: str) -> Mapping[str, JsonValue]:
    """Return the addresses among credentials as they are on another host; those by name stay, a name moves itself."""
    first = _host(known.text(keys[0])) if keys else None
    if first is None or first == host or not _is_number(first):
        return {}
    return {key: str(URL(text).with_host(host)) for key in keys if _host(text := known.text(key)) == first}


def _host(text: str) -> str | None:
    url = parsed(text)
    return None if url is None else url.host


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

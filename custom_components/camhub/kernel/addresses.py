"""Addresses that somebody wrote: looked at whole, so that what is wrong shows here and not where they are used.

A user may name any address at home. What is refused are those at which clouds hand their own machines passwords:
nothing else is ever there, and whoever talks a user into one wants those. Sessions refuse them at every request
(`redirects.guard`); what a library reaches by itself is looked up before.
"""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
import socket
from typing import Final

from yarl import URL

from .errors import Unsupported

_METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200"),
        *("fd00:ec2::254", "fd20:ce::254"),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_METADATA_NAMES: Final = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})


def parsed(text: str, *, encoded: bool = False) -> URL | None:
    """Return an address of which every part can be used, None for any other text."""
    try:
        url = URL(text, encoded=encoded)
        # What is wrong with a part shows when that is looked at; yarl trips over brackets with nothing in them.
        _ = url.host, url.port, url.query
    except ValueError, IndexError:
        return None
    return url


def forbidden(host: str) -> bool:
    """Return whether a host is one that nobody may be led to, however its number is spelt."""
    # The system reads a name up to its first NUL.
    name = host.partition("\0")[0].rstrip(".").lower()
    number = _number(name)
    return name in _METADATA_NAMES or (_inner(number) or number) in _METADATA


def checked(url: URL) -> URL:
    """Return an address as it is; raises Unsupported (`address_forbidden`)."""
    refuse([url.host or ""])
    return url


def refuse(hosts: Iterable[str]) -> None:
    """Raise Unsupported (`address_forbidden`) if one of the hosts is forbidden."""
    if any(forbidden(host) for host in hosts):
        raise Unsupported("the metadata service of a cloud", reason="address_forbidden")


def look_up(text: str) -> None:
    """Refuse an address whose host is forbidden or whose name leads to one that is; blocks; raises Unsupported.

    What is no address, and a name that is not found, is left to whoever uses it.
    """
    host = (parsed(text) or URL()).host or ""
    refuse([host])
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except OSError, UnicodeError:
        return
    refuse(str(place[0]) for *_, place in found)


async def looked_up(text: str) -> str:
    """Return an address that `look_up` lets pass, asking for its name outside the event loop; raises Unsupported."""
    await asyncio.get_running_loop().run_in_executor(None, look_up, text)
    return text


def _inner(number: IPv4Address | IPv6Address | None) -> IPv4Address | None:
    """Return the IPv4 number inside an IPv6 one: mapped, 6to4, or as NAT64 writes it (RFC 6052)."""
    if not isinstance(number, IPv6Address):
        return None
    if number in _NAT64:
        return IPv4Address(int(number) & 0xFFFFFFFF)
    return number.ipv4_mapped or number.sixtofour


def _number(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        # As resolvers do: 0xa9fea9fe, 2852039166 and 169.254.43518 are numbers, too.
        return IPv4Address(socket.inet_aton(name))
    except OSError, ValueError:
        return None

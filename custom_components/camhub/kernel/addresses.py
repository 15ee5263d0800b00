"""Parsing of addresses from outside, and the refusal of cloud metadata services.

An address is validated as a whole, so that errors show here and not where it is used. Users may enter any address in
their network. Refused are those at which clouds hand credentials to their own machines: no camera is ever there.
Sessions refuse them at every request (`redirects.guard`); what a library connects to by itself is looked up before.
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
    """Return a URL whose parts are all valid, None for any other text."""
    try:
        url = URL(text, encoded=encoded)
        # yarl validates some parts only when they are read, and raises IndexError for empty brackets.
        _ = url.host, url.port, url.query
    except ValueError, IndexError:
        return None
    return url


def forbidden(host: str) -> bool:
    """Return whether a host is a metadata service, however its IP address is written."""
    # The system resolver reads a name up to its first NUL.
    name = host.partition("\0")[0].rstrip(".").lower()
    number = _number(name)
    return name in _METADATA_NAMES or (_inner(number) or number) in _METADATA


def checked(url: URL) -> URL:
    """Return a URL unchanged; raises Unsupported (`address_forbidden`)."""
    refuse([url.host or ""])
    return url


def refuse(hosts: Iterable[str]) -> None:
    """Raise Unsupported (`address_forbidden`) if one of the hosts is forbidden."""
    if any(forbidden(host) for host in hosts):
        raise Unsupported("the metadata service of a cloud", reason="address_forbidden")


def look_up(text: str) -> None:
    """Refuse an address whose host is forbidden or resolves to one that is; blocks; raises Unsupported.

    Invalid addresses and unknown names are left to the caller's own error handling.
    """
    host = (parsed(text) or URL()).host or ""
    refuse([host])
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except OSError, UnicodeError:
        return
    refuse(str(place[0]) for *_, place in found)


async def looked_up(text: str) -> str:
    """Return an address after `look_up` in the executor; raises Unsupported."""
    await asyncio.get_running_loop().run_in_executor(None, look_up, text)
    return text


def _inner(number: IPv4Address | IPv6Address | None) -> IPv4Address | None:
    """Return the IPv4 address embedded in an IPv6 one: mapped, 6to4 or NAT64 (RFC 6052)."""
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
        # Resolvers also accept 0xa9fea9fe, 2852039166 and 169.254.43518.
        return IPv4Address(socket.inet_aton(name))
    except OSError, ValueError:
        return None

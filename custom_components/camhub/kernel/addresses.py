"""Addresses that somebody wrote: looked at whole, so that what is wrong shows here and not where they are used.

A user may name any address at home. What is refused are those at which clouds hand their own machines passwords:
nothing else is ever there, and whoever talks a user into one wants those.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
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
    name = host.rstrip(".").lower()
    number = _number(name)
    mapped = number.ipv4_mapped if isinstance(number, IPv6Address) else None
    return name in _METADATA_NAMES or (mapped or number) in _METADATA


def checked(url: URL) -> URL:
    """Return an address as it is; raises Unsupported (`address_forbidden`)."""
    if forbidden(url.host or ""):
        raise Unsupported("the metadata service of a cloud", reason="address_forbidden")
    return url


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

"""What a user types as an address, made one form."""

from ipaddress import IPv6Address
import re
from typing import Final

from yarl import URL

from ...kernel.addresses import checked, parsed
from ...kernel.errors import Unreachable

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


def normalise(typed: str) -> URL:
    """Return the origin meant by a URL or bare host; user, path and query are dropped; raises Unreachable, Unsupported.

    Without a scheme, or with one that is not the web's, it is http on the port given or 80.
    """
    bare = typed.strip()
    scheme = "http"
    # More than one may have been pasted: `http://http://host` (peers.md H9).
    while found := _SCHEME.match(bare):
        given = found[1].lower()
        bare = bare[found.end() :]
        scheme = given if given in {"http", "https"} else "http"
        if given not in {"http", "https"}:
            # The port of another protocol says nothing about the web's.
            bare = re.sub(r":\d+(?=[/?#]|$)", "", bare, count=1)
    host = re.split(r"[/?#\\]", bare, maxsplit=1)[0].rpartition("@")[2]
    if _is_ipv6(host):
        host = f"[{host}]"
    url = parsed(f"{scheme}://{host}")
    if url is None or not url.host or not url.port or re.search(r"\s", host):
        raise Unreachable("no usable address", reason="invalid_address")
    return checked(url.origin())


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True

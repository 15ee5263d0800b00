"""The endpoints of a device or service, and probes of its name, its port and its certificate."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
import errno
import ssl
from typing import Final, Self

from yarl import URL

from .errors import Unreachable

type Contexts = Callable[[Endpoint], ssl.SSLContext]
"""Returns what a TLS connection is made with."""

_NO_WAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})
# X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL.
_EXPIRED: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A host and port; `verify` is whether the certificate is checked, `cloud` whether it is a service."""

    host: str = field(repr=False)
    port: int
    tls: bool = False
    verify: bool = True
    cloud: bool = False

    @classmethod
    def at(cls, url: URL, *, verify: bool = True, cloud: bool = False) -> Self:
        """Return the endpoint of an http or https address."""
        return cls(host=url.host or "", port=url.port or 0, tls=url.scheme == "https", verify=verify, cloud=cloud)


async def resolve(endpoint: Endpoint) -> None:
    """Resolve the host; raises Unreachable `name_unknown`."""
    try:
        await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port)
    except OSError, UnicodeError:
        found = False
    else:
        found = True
    if not found:
        raise Unreachable("the name leads nowhere", reason="name_unknown")


async def connect(endpoint: Endpoint) -> None:
    """Connect and disconnect; raises Unreachable."""
    await _open(endpoint, None)


async def handshake(endpoint: Endpoint, contexts: Contexts) -> None:
    """Do a TLS handshake and disconnect; raises Unreachable."""
    await _open(endpoint, contexts(endpoint))


async def _open(endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
    fault: Unreachable | None = None
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
        writer.transport.abort()
    except (OSError, UnicodeError) as error:
        fault = _fault(error, tls=context is not None)
    if fault is not None:
        # Not chained: the text of the error contains the address.
        raise fault


def _fault(error: OSError | UnicodeError, *, tls: bool) -> Unreachable:
    kind = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED:
            return Unreachable(kind, reason="tls_expired")
        return Unreachable(kind, reason="tls_untrusted")
    if tls:
        return Unreachable(kind, reason="tls_failed")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(kind, reason="port_closed")
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return Unreachable(kind, reason="no_route")
    return Unreachable(kind)

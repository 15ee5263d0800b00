"""What every request has in common: limits, and errors without the text of others."""

from datetime import datetime
from typing import Final

import aiohttp

from ...kernel.body import is_no_http, read_all
from ...kernel.errors import HubError, Malformed, Unreachable
from ...kernel.policy import retry_after

ANSWER_S: Final = 15.0
BODY_LIMIT: Final = 8 * 2**20
# Limits are kept with the injected clock instead.
NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


async def body_of(response: aiohttp.ClientResponse) -> bytes:
    """Return a whole body; raises Malformed for one that is too long, and what aiohttp raises."""
    return await read_all(response, BODY_LIMIT)


def pause_of(response: aiohttp.ClientResponse, now: datetime) -> float | None:
    """Return for how many seconds an answer asks to wait, None if for none."""
    return retry_after(response.headers.get("Retry-After"), now)


def translated(error: aiohttp.ClientError | OSError) -> HubError:
    """Return our error without the text of theirs, which may hold an address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Unreachable("the certificate is not trusted, or no TLS", reason="service_untrusted")
    if is_no_http(error):
        return Malformed("no HTTP")
    return Unreachable(type(error).__name__, reason="service_unreachable")

"""Reads the bodies of HTTP answers, never more than a limit: what is packed is counted as it is unpacked.

Their heads are bounded by aiohttp: 64 KiB for a line in Home Assistant, 128 lines.
"""

import aiohttp

from .errors import Malformed


def is_no_http(error: BaseException) -> bool:
    """Return whether what came was no head that can be read: one without end, of too many lines, of something else."""
    return isinstance(error, aiohttp.ClientResponseError) and not isinstance(error, aiohttp.WSServerHandshakeError)


async def read_chunk(response: aiohttp.ClientResponse) -> bytes:
    """Return what arrived next, nothing at the end; raises aiohttp.ClientError, OSError or TimeoutError."""
    try:
        return await response.content.readany()
    except RuntimeError:
        # What aiohttp raises where a connection ends before all was unpacked that had come over it.
        pass
    raise aiohttp.ClientPayloadError("the connection broke off")


async def read_all(response: aiohttp.ClientResponse, limit: int, *, reason: str | None = None) -> bytes:
    """Return a body of at most `limit` bytes; raises Malformed (`reason`) for a longer one, else as `read_chunk`."""
    body = bytearray()
    while chunk := await read_chunk(response):
        body += chunk
        if len(body) > limit:
            raise Malformed(f"more than {limit} bytes", reason=reason)
    return bytes(body)

"""Reads HTTP response bodies up to a limit, which applies to the decompressed size.

Headers are bounded by aiohttp: 64 KiB per line in Home Assistant, 128 lines.
"""

import aiohttp

from .errors import Malformed


def is_no_http(error: BaseException) -> bool:
    """Return whether the response headers could not be parsed: unterminated, too many lines, or not HTTP."""
    return isinstance(error, aiohttp.ClientResponseError) and not isinstance(error, aiohttp.WSServerHandshakeError)


async def read_chunk(response: aiohttp.ClientResponse) -> bytes:
    """Return the next chunk, empty at the end; raises aiohttp.ClientError, OSError or TimeoutError."""
    try:
        return await response.content.readany()
    except RuntimeError:
        # aiohttp raises this if the connection ends before everything received was decompressed.
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

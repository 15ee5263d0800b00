"""Opens the stream that is recorded."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from urllib.parse import urlsplit

from .request import HEAD_LIMIT
from .store_names import Refused

OPEN_S = 10.0


async def open_source(address: str, token: str | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a stream of pictures behind its HTTP headers; raises Refused (503) in words."""
    parts = urlsplit(address)
    try:
        async with asyncio.timeout(OPEN_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=HEAD_LIMIT)
            try:
                return await _asked(reader, writer, address, token), writer
            except BaseException:
                # Whatever happened, also being cancelled: the connection is of no use.
                writer.close()
                raise
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
        words = f"no picture from {parts.hostname}:{parts.port or 80}"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, words) from error


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, token: str | None
) -> asyncio.StreamReader:
    parts = urlsplit(address)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # 1.0, so that nobody answers in chunks.
    lines = [f"GET {target} HTTP/1.0", f"Host: {parts.netloc.rpartition('@')[2]}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = head.partition(" ")[2][:3]
    if status != "200" or "multipart/" not in head:
        words = (
            "the camera's stream needs its token: --source-token-file" if status == "401" else f"no stream: {status}"
        )
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, words)
    return reader

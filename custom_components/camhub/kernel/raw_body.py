"""Reads the body of an endless HTTP answer at its transport, past aiohttp's reader and without a task to wake."""

import asyncio
from collections.abc import Callable
from typing import Final, override

import aiohttp

from .errors import HubError

# An answer with one of these has a framing that aiohttp has to read.
_FRAMED: Final = ("Transfer-Encoding", "Content-Encoding", "Content-Length")


class _RawProtocol(asyncio.Protocol):
    """Stands in for aiohttp's own protocol once the headers are read; that one still learns of the end."""

    def __init__(self, former: asyncio.BaseProtocol, take: Callable[[bytes], None]) -> None:
        self._former = former
        self._take = take
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def data_received(self, data: bytes) -> None:
        if not self.ended.done():
            try:
                self._take(data)
            except HubError as error:
                self.ended.set_exception(error)

    @override
    def eof_received(self) -> None:
        self._end()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._former.connection_lost(exc)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def stream_raw(response: aiohttp.ClientResponse, take: Callable[[bytes], None]) -> bool:
    """Call `take` with all that arrives until the answer ends; False, and nothing is taken, where it has a framing.

    Raises the HubError that `take` raises. Nothing watches for silence.
    """
    connection = response.connection
    if connection is None or connection.transport is None or any(name in response.headers for name in _FRAMED):
        return False
    transport = connection.transport
    if early := response.content.read_nowait():
        take(early)
    protocol = _RawProtocol(transport.get_protocol(), take)
    transport.set_protocol(protocol)
    transport.resume_reading()
    await protocol.ended
    return True

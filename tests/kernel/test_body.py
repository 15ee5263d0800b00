import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
import gzip
from itertools import chain, repeat

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
import pytest
from yarl import URL

from custom_components.camhub.kernel.body import is_no_http, read_all, read_chunk
from custom_components.camhub.kernel.errors import Malformed
from simulators.authority import Authority
from tests.fake_clock import settle

PACKED = gzip.compress(bytes(8 * 2**20), 1)


@pytest.fixture
async def server() -> AsyncIterator[URL]:
    """Serve 100 bytes as they are, and far more packed small, whole and cut short."""

    async def plain(_: web.Request) -> web.Response:
        return web.Response(body=bytes(100))

    async def packed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip", "Connection": "close"})
        await response.prepare(request)
        await response.write(PACKED[: len(PACKED) // 2] if request.path == "/cut" else PACKED)
        if request.path == "/cut" and request.transport is not None:
            request.transport.close()
        return response

    application = web.Application()
    application.router.add_get("/plain", plain)
    application.router.add_get("/packed", packed)
    application.router.add_get("/cut", packed)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


async def test_a_body_of_the_allowed_length_is_read(server: URL) -> None:
    async with aiohttp.ClientSession() as session, session.get(server / "plain") as response:
        assert await read_all(response, 100) == bytes(100)
        assert await read_chunk(response) == b""


async def test_a_longer_one_is_not(server: URL) -> None:
    async with aiohttp.ClientSession() as session, session.get(server / "plain") as response:
        with pytest.raises(Malformed) as caught:
            await read_all(response, 99, reason="picture_too_large")
        assert caught.value.reason == "picture_too_large"


async def test_what_is_packed_is_counted_unpacked(server: URL) -> None:
    async with aiohttp.ClientSession() as session, session.get(server / "packed") as response:
        with pytest.raises(Malformed):
            await read_all(response, 2**20)


async def test_one_that_breaks_off_is_an_error_of_the_connection(server: URL) -> None:
    async with aiohttp.ClientSession() as session, session.get(server / "cut") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_all(response, 16 * 2**20)


async def test_so_is_one_whose_connection_ends_before_it_is_unpacked(authority: Authority) -> None:
    """Over TLS aiohttp raises RuntimeError then, which is for mistakes in programs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + PACKED)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server("localhost"))
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession() as session, session.get(url, ssl=authority.client()) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_slowly(response)
    server.close()


async def read_slowly(response: aiohttp.ClientResponse) -> None:
    """Read no faster than it comes."""
    while await read_chunk(response):
        await settle(1)


# As large as Home Assistant's sessions take them.
LINE = 2**16
MIB = 2**20


def _lines(line: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield line * (2**16 // len(line))


HEADS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "a name without end": lambda: _lines(b"X"),
    "a value without end": lambda: chain([b"HTTP/1.1 200 OK\r\nX-Example: "], repeat(b"a" * 2**16)),
    "lines without end": lambda: _lines(b"X-Example: a\r\n"),
    "cookies without end": lambda: _lines(b"Set-Cookie: a=b\r\n"),
    "a status without end": lambda: chain([b"HTTP/1.1 200 "], repeat(b"a" * 2**16)),
    "no HTTP": lambda: chain([b"SSH-2.0-Example\r\n"], repeat(b"a" * 2**16)),
    "a folded line without end": lambda: chain([b"HTTP/1.1 200 OK\r\nX-Example: a"], repeat(b"\r\n " + b"a" * 2**15)),
}


@pytest.mark.parametrize("head", HEADS)
async def test_a_head_without_end_is_no_http(head: str) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        with suppress(OSError):
            for piece in HEADS[head]():
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession(max_line_size=LINE, max_field_size=LINE) as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(url)
    assert is_no_http(caught.value)
    # What two machines hold in their buffers, and not what the other would go on sending.
    assert sent < 16 * MIB
    server.close()
    await server.wait_closed()


def test_what_is_http_all_the_same() -> None:
    info = aiohttp.RequestInfo(URL("http://camera.example.com"), "GET", CIMultiDictProxy(CIMultiDict()))
    assert not is_no_http(aiohttp.WSServerHandshakeError(info, ()))
    assert not is_no_http(aiohttp.ClientPayloadError())

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.raw_body import stream_raw

from ..fake_clock import settle

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
type Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]
type Opened = Callable[[Serve], Awaitable[aiohttp.ClientResponse]]


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    servers: list[asyncio.Server] = []
    async with aiohttp.ClientSession() as session:

        async def open_answer(serve: Serve) -> aiohttp.ClientResponse:
            async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                await serve(writer)

            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            servers.append(server)
            port = server.sockets[0].getsockname()[1]
            return await session.get(f"http://127.0.0.1:{port}/")

        yield open_answer
        for server in servers:
            server.close()
            server.close_clients()


async def test_all_that_arrives_is_handed_on_until_the_server_ends_it(opened: Opened) -> None:
    asked = asyncio.Event()

    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\nearly ")
        await asked.wait()
        writer.write(b"late")
        writer.close()

    response = await opened(serve)
    taken: list[bytes] = []

    def take(data: bytes) -> None:
        taken.append(data)
        asked.set()

    assert await stream_raw(response, take)
    assert b"".join(taken) == b"early late"
    response.close()


@pytest.mark.parametrize("header", [b"Transfer-Encoding: chunked", b"Content-Length: 5"])
async def test_a_framed_answer_is_left_to_aiohttp(opened: Opened, header: bytes) -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + header + b"\r\n\r\n")

    response = await opened(serve)
    assert not await stream_raw(response, lambda _: None)
    response.close()


async def test_an_answer_that_has_ended_is_left_to_aiohttp(opened: Opened) -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")

    response = await opened(serve)
    response.close()
    assert not await stream_raw(response, lambda _: None)


async def test_what_the_taker_raises_is_raised_once(opened: Opened) -> None:
    asked, refused, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        await asked.wait()
        writer.write(b"first")
        await refused.wait()
        writer.write(b"second")
        writer.close()
        await writer.wait_closed()
        gone.set()

    taken: list[bytes] = []

    def take(data: bytes) -> None:
        taken.append(data)
        refused.set()
        raise Malformed("no picture")

    response = await opened(serve)
    pouring = asyncio.create_task(stream_raw(response, take))
    await settle()
    asked.set()
    with pytest.raises(Malformed):
        await pouring
    await gone.wait()
    await settle()
    assert taken == [b"first"]
    response.close()

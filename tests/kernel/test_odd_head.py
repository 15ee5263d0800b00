import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import re
from types import SimpleNamespace
from typing import Any, override

import aiohttp
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.odd_head import HeadMender, mended
from custom_components.camhub.kernel.secret import Secret

OK = b"HTTP/1.1 200 OK\r\n"
PICTURE = b"\xff\xd8 picture \xff\xd9"
FRAMED = b"Content-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE


class Odd:
    """Answers each request with the same bytes, in pieces of `size`, and hangs up unless `stays`."""

    def __init__(self, wire: bytes, *, size: int = 100_000, stays: bool = False, unsigned: bytes | None = None) -> None:
        self.wire = wire
        self.unsigned = unsigned or wire
        self.size = size
        self.stays = stays
        self.connections = 0
        self.requests = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                wire = self.wire if b"Authorization" in asked else self.unsigned
                for at in range(0, len(wire), self.size):
                    writer.write(wire[at : at + self.size])
                    await writer.drain()
                    await asyncio.sleep(0)
                if not self.stays:
                    break
        except OSError, asyncio.IncompleteReadError:
            pass
        writer.close()


type Get = Callable[[Odd], Awaitable[aiohttp.ClientResponse]]


class Kind(aiohttp.ClientResponse):
    """The session's own kind of answer."""


class Unread(Kind):
    @override
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        return self


@pytest.fixture
async def get() -> AsyncIterator[Get]:
    servers: dict[Odd, asyncio.Server] = {}
    timeout = aiohttp.ClientTimeout(total=30)
    known: list[aiohttp.ClientMiddlewareType] = [HttpAuth("viewer", Secret("word")), HeadMender()]
    async with aiohttp.ClientSession(middlewares=known, response_class=Kind, timeout=timeout) as session:

        async def ask(odd: Odd) -> aiohttp.ClientResponse:
            if odd not in servers:
                servers[odd] = await asyncio.start_server(odd.accept, "127.0.0.1", 0)
            port = servers[odd].sockets[0].getsockname()[1]
            return await session.get(f"http://127.0.0.1:{port}/")

        yield ask
        for server in servers.values():
            server.close()
            server.close_clients()


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize(
    "wire",
    [
        OK + b"Server: web\r\nSun, 01 Feb 2015 03:04:05 GMT\r\nContent-Type:image/jpeg\r\n" + FRAMED,
        OK + b"X-Frame-Options : SAMEORIGIN\r\nContent-Type: image/jpeg\r\n" + FRAMED,
        OK + b": nothing\r\nX(1): a\r\nServer: a\0b\r\nContent-Type: image/jpeg\r\n" + FRAMED,
        b"ICY 200 OK\r\nContent-Type: image/jpeg\r\n" + FRAMED,
        b"http/1.1 200 fine\r\nContent-Type: image/\r\n\tjpeg\r\n" + FRAMED.replace(b"\r\n", b"\n"),
        b"\r\nHTTP/1 200\r\nContent-Type: image/jpeg\r\n" + FRAMED,
        OK + b"Content-Type: image/jpeg\r\nContent-Length: -1\r\n\r\n" + PICTURE,
        OK + b"Content-Type: image/jpeg\r\nContent-Length:\r\n\r\n" + PICTURE,
        OK + b"Content-Type: image/jpeg\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n" + PICTURE,
        OK + b"Content-Type: image/jpeg\r\nContent-Length: 12\r\n" + FRAMED.replace(b"12", b"%d" % len(PICTURE)),
        OK + b"Content-Type: image/jpeg\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n"
        + PICTURE + b"\r\n0\r\n\r\n",
    ],
)  # fmt: skip
async def test_an_odd_head_is_mended(get: Get, wire: bytes, size: int) -> None:
    odd = Odd(wire, size=size)
    for _ in range(2):
        response = await get(odd)
        assert (response.status, response.content_type.replace(" ", "")) == (200, "image/jpeg")
        assert isinstance(response, Kind)
        assert await response.read() == PICTURE
    # The first answer is the only one that is asked for twice.
    assert odd.requests == 3


async def test_a_challenge_with_an_odd_head_is_answered(get: Get) -> None:
    refusal = b'HTTP/1.1 401 No\r\nA b: c\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    odd = Odd(OK + b"A b: c\r\n" + FRAMED, unsigned=refusal, stays=True)
    assert await (await get(odd)).read() == PICTURE
    assert (odd.requests, odd.connections) == (3, 2)


async def test_a_connection_that_is_gone_is_left_to_aiohttp() -> None:
    async def begun(request: Any) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = request.response_class.__new__(request.response_class)
        gone: Any = SimpleNamespace(transport=None)
        return await response.start(gone)

    request: Any = SimpleNamespace(response_class=Unread)
    mender = HeadMender()
    mender._odd = True
    assert isinstance(await mender(request, begun), Unread)


async def test_a_stream_has_no_length(get: Get) -> None:
    odd = Odd(OK + b"Content-Type: multipart/x-mixed-replace; boundary=a\r\nContent-Length: 0\r\n\r\n--a\r\nand so on")
    assert await (await get(odd)).read() == b"--a\r\nand so on"


@pytest.mark.parametrize("wire", [PICTURE, b"--a\r\n\r\n" + PICTURE, b"\r\n--a\r\n\r\n"])
async def test_no_head_at_all(get: Get, wire: bytes) -> None:
    response = await get(Odd(wire))
    assert await response.read() == wire.lstrip(b"\r\n")
    assert "Content-Type" not in response.headers


async def test_what_is_in_order_is_asked_for_once_and_keeps_its_connection(get: Get) -> None:
    sound, odd = Odd(OK + b"A: b\r\n" + FRAMED, stays=True), Odd(OK + b"A : b\r\n" + FRAMED, stays=True)
    for _ in range(3):
        assert await (await get(sound)).read() == PICTURE
    assert (sound.requests, sound.connections) == (3, 1)
    for _ in range(3):
        assert await (await get(odd)).read() == PICTURE
    assert (odd.requests, odd.connections) == (4, 2)
    assert (await get(sound)).headers["A"] == "b"


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-none\r\n",
        b"220 mail.example.com\r\n",
        b"HTTP/1.1 many\r\n\r\n",
        b"\0\0\0\1g",
        b"HTTP/1.1 200 OK\r\nA b: " + b"x" * 70_000,
    ],
)
async def test_what_is_no_answer_is_refused_at_once(get: Get, wire: bytes) -> None:
    odd = Odd(wire, stays=True)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await get(odd)
    assert odd.connections == 4


@pytest.mark.parametrize("wire", [b"HTTP/1.1 200 OK\r\nA b: c\r\n", b"H", b""])
async def test_a_head_cut_short_is_an_error(get: Get, wire: bytes) -> None:
    first = Odd(OK + b"A b: c\r\n" + FRAMED)
    assert await (await get(first)).read() == PICTURE
    with pytest.raises(aiohttp.ClientError):
        await get(Odd(wire))


async def test_other_faults_are_not_asked_for_again() -> None:
    async def fails(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        calls.append(request)
        raise aiohttp.WSServerHandshakeError(request.request_info, ())

    calls: list[aiohttp.ClientRequest] = []
    async with aiohttp.ClientSession(middlewares=[HeadMender(), lambda request, _: fails(request)]) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.get("http://127.0.0.1:9/")
    assert len(calls) == 1


@pytest.mark.parametrize("arrived", [b"", b"\r\n", b"H", b"-", b"HTTP/1.1 200 OK", OK, OK + b"A: b\r\n"])
def test_a_head_is_waited_for(arrived: bytes) -> None:
    assert mended(arrived) is None


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [b"Content-Length: 5", b"content-length:", b"Transfer-Encoding: chunked", b" folded", b":"]
            ),
        ),
        max_size=8,
    )
)
def test_any_lines_become_a_head_that_can_be_read(lines: list[bytes]) -> None:
    head = mended(b"\n".join([b"HTTP/1.1 200", *lines, b"", b"body"]))
    assert head is not None
    assert head.startswith(OK)
    assert all(
        re.fullmatch(rb"[\w!#$%&'*+.^`|~-]+: [^\0\r\n]*", each)
        for each in head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    )

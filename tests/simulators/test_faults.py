"""The proxy that makes faults, before a plain server: each is what it says, and is gone when it is healed."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from simulators.authority import Authority
from simulators.faults import BY_NAME, HUGE, METADATA, RETRY_AFTER_S, Fault, FaultProxy, Request
from simulators.names import Address, Names

NAME = "service.example"
BODY = b"0123456789" * 100
# So much is taken of a body that does not end.
ENOUGH = 2**20


class Behind:
    """A proxy before a server, a client that finds it by name, and who it pretends to be when it is a stranger."""

    def __init__(self, proxy: FaultProxy, session: aiohttp.ClientSession) -> None:
        self.proxy = proxy
        self.session = session
        self.url = f"https://{NAME}/"

    async def whole(self) -> bytes:
        async with self.session.get(self.url, allow_redirects=False) as answer:
            return await answer.read()


@pytest.fixture
async def behind(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=BODY, content_type="text/plain")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    assert server.port is not None
    strangers = Authority(tmp_path_factory.mktemp("strangers"))
    proxy = FaultProxy(
        upstream=("127.0.0.1", server.port),
        certificate=authority.server(NAME),
        stranger=strangers.server(NAME),
        elsewhere="https://elsewhere.example/",
        loopback="http://127.0.0.1:1/",
    )
    await proxy.start()
    names: dict[str, Address] = {NAME: ("127.0.0.1", proxy.port)}
    connector = aiohttp.TCPConnector(resolver=Names(names), ssl=authority.client())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Behind(proxy, session)
    await proxy.stop()
    await server.close()
    assert proxy.open == 0


async def test_without_a_fault_all_is_passed_on(behind: Behind) -> None:
    assert await behind.whole() == BODY
    async with behind.session.post(f"{behind.url}there", data=BODY) as answer:
        assert answer.ok
    await behind.proxy.idle()
    assert [(each.host, each.target) for each in behind.proxy.requests] == [(NAME, "/"), (NAME, "/there")]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.UNAUTHORIZED, 401),
        (Fault.FORBIDDEN, 403),
        (Fault.NOT_FOUND, 404),
        (Fault.THROTTLED, 429),
        (Fault.THROTTLED_FOR, 429),
        (Fault.FAULTY, 500),
        (Fault.OUTAGE, 503),
        (Fault.ERROR_PAGE, 200),
    ],
)
async def test_answers_of_its_own(behind: Behind, fault: Fault, status: int) -> None:
    behind.proxy.fault = fault
    async with behind.session.get(behind.url) as answer:
        assert answer.status == status
        assert await answer.read() != BODY
        assert ("html" in answer.content_type) is (fault in {Fault.OUTAGE, Fault.ERROR_PAGE})
        asked = str(RETRY_AFTER_S) if fault is Fault.THROTTLED_FOR else None
        assert answer.headers.get("Retry-After") == asked
    behind.proxy.fault = None
    assert await behind.whole() == BODY


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        (Fault.TO_LOOPBACK, "http://127.0.0.1:1/"),
        (Fault.TO_METADATA, METADATA),
        (Fault.TO_ELSEWHERE, "https://elsewhere.example/"),
    ],
)
async def test_redirects(behind: Behind, fault: Fault, place: str) -> None:
    behind.proxy.fault = fault
    async with behind.session.get(behind.url, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, place)


@pytest.mark.parametrize("fault", [*sorted(BY_NAME), Fault.BAD_TLS, Fault.RESET, Fault.GIANT_HEADER])
async def test_what_ends_a_request_without_an_answer(behind: Behind, fault: Fault) -> None:
    behind.proxy.fault = fault
    kind = aiohttp.ClientConnectorCertificateError if fault is Fault.BAD_TLS else aiohttp.ClientError
    with pytest.raises(kind):
        await behind.whole()
    behind.proxy.fault = None
    assert await behind.whole() == BODY


async def test_an_answer_that_never_comes(behind: Behind) -> None:
    behind.proxy.fault = Fault.SLOW
    asked = asyncio.Event()

    def spare(_: Request) -> bool:
        asked.set()
        return False

    behind.proxy.spare = spare
    asking = asyncio.create_task(behind.session.post(behind.url, data=BODY))
    await asked.wait()
    assert not asking.done()
    await behind.proxy.cut()
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_an_answer_that_stops_in_the_middle(behind: Behind) -> None:
    behind.proxy.fault = Fault.STALL
    async with behind.session.get(behind.url) as answer:
        assert answer.ok
        assert await answer.content.readexactly(len(BODY) // 2) == BODY[: len(BODY) // 2]
        assert behind.proxy.open == 1
        await behind.proxy.cut()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_an_answer_that_is_cut_short_and_one_of_another_type(behind: Behind) -> None:
    behind.proxy.fault = Fault.TRUNCATED
    assert await behind.whole() == BODY[: len(BODY) // 2]
    behind.proxy.fault = Fault.WRONG_TYPE
    async with behind.session.get(behind.url) as answer:
        assert (answer.content_type, await answer.read()) == ("application/x-example", BODY)


@pytest.mark.parametrize("fault", [Fault.HUGE, Fault.BOMB])
async def test_a_body_that_is_far_too_long(behind: Behind, fault: Fault) -> None:
    behind.proxy.fault = fault
    async with behind.session.get(behind.url) as answer:
        taken = 0
        while taken < ENOUGH:
            taken += len(await answer.content.readany())
        answer.close()
    await behind.proxy.idle()
    assert behind.proxy.sent < HUGE, "who hangs up is sent no more"


async def test_some_are_spared(behind: Behind) -> None:
    behind.proxy.fault = Fault.FAULTY
    behind.proxy.spare = lambda request: request.target == "/login"
    async with behind.session.get(f"{behind.url}login") as answer:
        assert await answer.read() == BODY
    async with behind.session.get(behind.url) as answer:
        assert answer.status == 500


async def test_what_is_no_http_is_passed_on_as_bytes() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = FaultProxy(upstream=server.sockets[0].getsockname()[:2])
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"\x00\x01\x02")
    assert await reader.readexactly(3) == b"\x00\x01\x02"
    writer.close()
    proxy.fault = Fault.RESET
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"\x00")
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    writer.close()
    await proxy.stop()
    server.close()

from collections.abc import AsyncIterator
from pathlib import Path
import ssl

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from simulators.authority import Authority
from simulators.names import Address, Names


@pytest.fixture
async def port(authority: Authority) -> AsyncIterator[int]:
    """Run a server that tells which name it was called by; return its port."""

    async def host(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/", host)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=authority.server("service.example", "*.region.example"))
    assert server.port is not None
    yield server.port
    await server.close()


async def test_real_names_lead_to_a_server_on_loopback(authority: Authority, port: int) -> None:
    mapping: dict[str, Address] = {"service.example": ("127.0.0.1", port)}
    connector = aiohttp.TCPConnector(resolver=Names(mapping), ssl=authority.client())
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get("https://service.example/") as answer:
            assert await answer.text() == "service.example"
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("https://two.region.example/")
        mapping["*.region.example"] = ("127.0.0.1", port)
        async with session.get("https://two.region.example/") as answer:
            assert answer.ok


async def test_nobody_else_trusts_those_certificates(authority: Authority, port: int) -> None:
    connector = aiohttp.TCPConnector(resolver=Names({"service.example": ("127.0.0.1", port)}))
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("https://service.example/")


def test_a_kept_folder_is_the_same_authority(tmp_path: Path) -> None:
    first = Authority(tmp_path / "kept")
    again = Authority(tmp_path / "kept")
    assert isinstance(again.server("service.example"), ssl.SSLContext)
    assert first.file.read_bytes() == again.file.read_bytes()
    assert (tmp_path / "kept" / "authority.key").stat().st_mode & 0o077 == 0


def test_names_lead_plain_sockets_too() -> None:
    asked: list[tuple[object, ...]] = []

    def usual(*given: object) -> list[object]:
        asked.append(given)
        return []

    led = Names({"here.example": ("127.0.0.1", 4711)}).led(usual)
    led("here.example", 443, 0)
    led("elsewhere.example", 443, 0)
    led(None, 80)
    assert asked == [("127.0.0.1", 4711, 0), ("elsewhere.example", 443, 0), (None, 80)]

"""Against a server that is not ours: lighttpd's mod_auth, which signs by MD5 and SHA-256."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
import secrets
from typing import Literal

import aiohttp
import pytest

from custom_components.camhub.kernel.http_auth import HttpAuth
from custom_components.camhub.kernel.secret import Secret
from simulators.lighttpd import Lighttpd
from tests.conftest import MakeContext

USER = "camhub"
PASSWORD = "example-password"
PICTURE = secrets.token_bytes(20_000)

type Algorithm = Literal["MD5", "SHA-256"]
type Method = Literal["digest", "basic"]
type Start = Callable[[Method, Algorithm], Lighttpd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Lighttpd] = []

    def make(method: Method, algorithm: Algorithm) -> Lighttpd:
        started.append(Lighttpd(tmp_path, PICTURE, USER, PASSWORD, method=method, algorithm=algorithm))
        return started[-1]

    yield make
    for server in started:
        server.stop()


def statuses(server: Lighttpd) -> list[int]:
    return [status for status, _ in server.stop()]


@pytest.fixture
async def session(make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session(middlewares=(HttpAuth(USER, Secret(PASSWORD)),))


async def take(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as response:
        return response.status, await response.read()


ALGORITHMS = pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])


@ALGORITHMS
async def test_a_hundred_pictures_cost_a_hundred_and_one_requests(
    start: Start, session: aiohttp.ClientSession, algorithm: Algorithm
) -> None:
    server = start("digest", algorithm)
    for place in range(100):
        assert await take(session, f"{server.url}/picture.jpg?at={place}") == (200, PICTURE)
    assert statuses(server) == [401] + [200] * 100


@ALGORITHMS
async def test_eight_at_once_share_one_refusal(
    start: Start, session: aiohttp.ClientSession, algorithm: Algorithm
) -> None:
    server = start("digest", algorithm)
    for _ in range(5):
        taken = await asyncio.gather(*(take(session, f"{server.url}/picture.jpg") for _ in range(8)))
        assert taken == [(200, PICTURE)] * 8
    seen = statuses(server)
    assert (seen.count(401), seen.count(200)) == (1, 40)


async def test_a_wrong_password_is_one_refused_signature(start: Start, make_context: MakeContext) -> None:
    server = start("digest", "MD5")
    session = make_context().session(middlewares=(HttpAuth(USER, Secret("wrong")),))
    status, _ = await take(session, f"{server.url}/picture.jpg")
    assert status == 401
    assert statuses(server) == [401, 401]


async def test_basic(start: Start, session: aiohttp.ClientSession) -> None:
    server = start("basic", "MD5")
    for _ in range(3):
        assert await take(session, f"{server.url}/picture.jpg") == (200, PICTURE)
    assert statuses(server) == [401, 200, 200, 200]


async def test_nothing_is_signed_where_nothing_is_asked(start: Start, session: aiohttp.ClientSession) -> None:
    server = start("digest", "MD5")
    assert await take(session, f"{server.url}/open.jpg") == (200, PICTURE)
    assert await take(session, f"{server.url}/picture.jpg") == (200, PICTURE)
    assert statuses(server) == [200, 401, 200]

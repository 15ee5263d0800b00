from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.frigate.client import Client
from custom_components.camhub.providers.frigate.provider import FrigateProvider
from custom_components.camhub.providers.frigate.settings import Settings
from simulators.frigate import FrigateSimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock
from tests.serving import Handler, serve_all

USER, PASSWORD = "camhub", "p@ss:w/rd#1"

type Serve = Callable[[Handler], Awaitable[str]]
type MakeServer = Callable[..., Awaitable[FrigateSimulator]]
type MakeProvider = Callable[..., FrigateProvider]
type MakeClient = Callable[..., Client]


def login(url: str, **others: JsonValue) -> Mapping[str, JsonValue]:
    given: dict[str, JsonValue] = {"address": url, "username": USER, "password": PASSWORD}
    return {**given, "verify_tls": True, "live": "auto", **others}


def by_id(cameras: object) -> dict[str, Camera]:
    assert isinstance(cameras, list)
    return {each.id: each for each in cameras}


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def make_server(servers: AsyncExitStack, clock: FakeClock) -> MakeServer:
    """Return a maker of simulated servers that live by the test's clock."""

    async def make(version: str = "0.17") -> FrigateSimulator:
        server = FrigateSimulator(
            version=version, user=USER, password=PASSWORD, now=clock.now, monotonic=clock.monotonic
        )
        return await servers.enter_async_context(server)

    return make


@pytest.fixture
async def server(make_server: MakeServer) -> FrigateSimulator:
    return await make_server()


@pytest.fixture
def serve(servers: AsyncExitStack) -> Serve:
    """Return a starter of a server that answers everything with one handler."""

    return partial(serve_all, servers)


@pytest.fixture
def make_provider(make_context: MakeContext) -> MakeProvider:
    def make(url: str, **others: JsonValue) -> FrigateProvider:
        return FrigateProvider(make_context(login(url, **others)))

    return make


@pytest.fixture
def make_client(make_context: MakeContext) -> MakeClient:
    def make(url: str, **others: JsonValue) -> Client:
        context = make_context(login(url, **others))
        return Client(context, Settings.load(Credentials(context.credentials)))

    return make

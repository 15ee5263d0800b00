from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.providers.hikvision.client import ANSWER_S
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from simulators.hikvision import HikvisionSimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, LimitClock
from tests.serving import Handler, serve_all

USER, PASSWORD = "camhub", "p@ss:w/rd#1"

type Serve = Callable[[Handler], Awaitable[str]]
type MakeDevice = Callable[[str], Awaitable[HikvisionSimulator]]
type MakeProvider = Callable[..., HikvisionProvider]


def login(url: str, **others: JsonValue) -> Mapping[str, JsonValue]:
    given: dict[str, JsonValue] = {"address": url, "username": USER, "password": PASSWORD}
    return {**given, "verify_tls": True, "stream": "main", **others}


@pytest.fixture
def clock() -> LimitClock:
    return LimitClock(ANSWER_S)


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def make_device(servers: AsyncExitStack, clock: FakeClock) -> MakeDevice:
    """Return a maker of simulated devices that live by the test's clock and send no heartbeat unless told."""

    async def make(model: str) -> HikvisionSimulator:
        device = HikvisionSimulator(
            model=model, user=USER, password=PASSWORD, rtsp_port=10554, now=clock.now, monotonic=clock.monotonic
        )
        device.alerts.wire.heartbeat_s = 0
        return await servers.enter_async_context(device)

    return make


@pytest.fixture
def serve(servers: AsyncExitStack) -> Serve:
    """Return a starter of a server that answers everything with one handler."""

    return partial(serve_all, servers)


@pytest.fixture
def make_provider(make_context: MakeContext) -> MakeProvider:
    def make(url: str, **others: JsonValue) -> HikvisionProvider:
        return HikvisionProvider(make_context(login(url, **others)))

    return make

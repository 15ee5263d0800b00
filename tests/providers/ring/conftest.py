from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Camera, Context
from custom_components.camhub.providers.ring.client import Client
from custom_components.camhub.providers.ring.provider import RingProvider, open_provider
from simulators.authority import Authority
from simulators.names import Address
from simulators.ring import RingSimulator
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock, LimitClock

USER, PASSWORD, CODE = "robin@example.com", "p@ss:w/rd#1", "246810"

# What is waited for at most, unlike what is waited between two tries.
LIMITS = (15.0, 20.0, 30.0)


@pytest.fixture
def clock() -> LimitClock:
    return LimitClock(*LIMITS)


type MakeProvider = Callable[..., RingProvider]
type MakeClient = Callable[..., Client]


@pytest.fixture
async def service(
    authority: Authority, names: dict[str, Address], clock: FakeClock, named_sockets: None
) -> AsyncIterator[RingSimulator]:
    """Run the service by the test's clock, under its real names."""
    simulator = RingSimulator(authority, user=USER, password=PASSWORD, code=CODE, now=clock.now, sleep=clock.sleep)
    async with simulator as running:
        names.update(running.names)
        yield running


def grant(service: RingSimulator, clock: FakeClock) -> Mapping[str, JsonValue]:
    """Return what the service hands out to somebody who signs in now, as it is stored."""
    login = {"grant_type": "password", "username": USER, "password": PASSWORD}
    status, told = service.tokens.answer(login, {"2fa-code": CODE})
    assert status == 200
    ends = clock.now() + timedelta(seconds=told["expires_in"])
    return {"access": told["access_token"], "refresh": told["refresh_token"], "expires_at": ends.isoformat()}


@pytest.fixture
def stored(service: RingSimulator, clock: FakeClock) -> dict[str, JsonValue]:
    """Return the credentials of somebody who signed in just now."""
    return {"username": USER, "hardware_id": "11111111-0000-4000-8000-000000000000", "grant": grant(service, clock)}


@pytest.fixture
def context(make_context: MakeContext, stored: dict[str, JsonValue]) -> Context:
    return make_context(stored)


def saved(context: Context) -> list[Any]:
    assert isinstance(context.tokens, SavedTokens)
    return context.tokens.saved


@pytest.fixture
async def client(context: Context) -> AsyncIterator[Client]:
    made = Client(context)
    yield made
    await made.close()


@pytest.fixture
async def make_provider(make_context: MakeContext, stored: dict[str, JsonValue]) -> AsyncIterator[MakeProvider]:
    made: list[RingProvider] = []

    def make(*, credentials: Mapping[str, JsonValue] | None = None, **options: JsonValue) -> RingProvider:
        made.append(open_provider(make_context({**stored, **(credentials or {})}, options=options)))
        return made[-1]

    yield make
    for each in made:
        await each.close()
        await each.close()


@pytest.fixture
def provider(make_provider: MakeProvider) -> RingProvider:
    return make_provider()


def by_name(cameras: Sequence[Camera]) -> dict[str, Camera]:
    return {each.identity.name: each for each in cameras}

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
import json
from pathlib import Path

import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.nest_legacy.client import Client
from custom_components.camhub.providers.nest_legacy.login import Login
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from simulators.authority import Authority
from simulators.names import Address
from simulators.nest_legacy import HOSTS, NestLegacySimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

HALL, STEP, ATTIC, CABIN = ("a1" * 16, "b2" * 16, "c3" * 16, "d4" * 16)
GOOGLE, PROXY = HOSTS[:2]
RPC = f"{GOOGLE}/o/oauth2/iframerpc"
LAUNCH = "home.nest.com/api/0.1/user/4004001/app_launch"
WEB = "webapi.camera.home.nest.com/api"
US1, EU1 = HOSTS[-2:]

type MakeProvider = Callable[..., NestLegacyProvider]
type MakeClient = Callable[..., Client]


class FileTokens:
    """A store on disk, as the hub's is: what `save` returned from survives whatever comes then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.saves = 0

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        self.path.write_text(json.dumps(credentials))
        self.saves += 1

    def read(self) -> Mapping[str, JsonValue]:
        stored: Mapping[str, JsonValue] = json.loads(self.path.read_text())
        return stored


def google(services: NestLegacySimulator) -> Mapping[str, JsonValue]:
    """Return what is stored of somebody who pasted address and cookies just now."""
    return {
        "credential": "google",
        "issue_token": services.google.issue_token,
        "cookies": services.google.cookies,
    }


def with_token(token: str, **others: JsonValue) -> Mapping[str, JsonValue]:
    """Return what is stored of somebody who pasted a token."""
    login = Login.load(Credentials({"credential": "token", "user_token": token}))
    return {**login.stored(), "manner": "user_token", "kind": "user_token", **others}


def by_id(cameras: Sequence[Camera]) -> dict[str, Camera]:
    return {each.id: each for each in cameras}


@pytest.fixture
async def services(
    authority: Authority, names: dict[str, Address], clock: FakeClock
) -> AsyncIterator[NestLegacySimulator]:
    async with NestLegacySimulator(now=clock.now) as running:
        port = await running.start(authority.server(*HOSTS))
        names.update(dict.fromkeys(HOSTS, ("127.0.0.1", port)))
        yield running


@pytest.fixture
async def make_provider(services: NestLegacySimulator, make_context: MakeContext) -> AsyncIterator[MakeProvider]:
    made: list[NestLegacyProvider] = []

    def make(credentials: Mapping[str, JsonValue] | None = None, **others: object) -> NestLegacyProvider:
        made.append(NestLegacyProvider(make_context(credentials or google(services), **others)))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def provider(make_provider: MakeProvider) -> NestLegacyProvider:
    return make_provider()


@pytest.fixture
async def make_client(services: NestLegacySimulator, make_context: MakeContext) -> AsyncIterator[MakeClient]:
    made: list[Client] = []

    def make(credentials: Mapping[str, JsonValue] | None = None, **others: object) -> Client:
        context = make_context(credentials or google(services), **others)
        made.append(Client(context, Login.load(context.credentials)))
        return made[-1]

    yield make
    for each in made:
        await each.keeper.abandon()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()

"""Google's services on loopback, a user who has signed in, and time that passes only when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import json
from typing import Any

import aiohttp
import pytest
from yarl import URL

from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Camera, Context, WebRtc
from custom_components.camhub.kernel.signin import Answers, Consent, Form, Question
from custom_components.camhub.providers.nest.provider import NestProvider, open_provider as open_it
from custom_components.camhub.providers.nest.sign_in import sign_in
from custom_components.camhub.providers.nest.wire import ANSWER_S
from simulators.authority import Authority
from simulators.names import Address, Names
from simulators.nest_sdm import NestSimulator
from simulators.nest_sdm.server import PROJECT
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock, LimitClock, settle
from tests.webrtc_viewer import Viewer

SECRET = "GOCSPX-of-the-test"
BACK = "https://home.example/auth/external/callback"
JPEG = b"\xff\xd8\xff\xe0" + bytes(200) + b"\xff\xd9"


class Grabber:
    """Opens what it is given, as an engine would, and returns a picture."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.answers: list[str] = []
        self.offer = ""

    async def grab(self, address: str, timeout: float) -> bytes:
        self.addresses.append(address)
        return JPEG

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        lease = await live.open(self.offer, lambda _: None)
        self.answers.append(lease.value.answer)
        await lease.release()
        return JPEG


@pytest.fixture
def grabber(offer: str) -> Grabber:
    grabber = Grabber()
    grabber.offer = offer
    return grabber


@pytest.fixture
def clock() -> LimitClock:
    return LimitClock(ANSWER_S)


@pytest.fixture
async def offer() -> AsyncIterator[str]:
    """Return an offer as a browser makes it."""
    async with Viewer("H264", "audio", "video") as viewer:
        viewer.peer.createDataChannel("dataSendChannel")
        yield await viewer.offer()


@pytest.fixture
async def service(
    authority: Authority, names: dict[str, Address], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[NestSimulator]:
    service = NestSimulator(authority, secret=SECRET, redirects=(BACK,), now=clock.now, monotonic=clock.monotonic)
    async with service:
        names.update(service.names)
        monkeypatch.setenv("grpc_proxy", service.proxy)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(authority.file))
        yield service


@dataclass(kw_only=True)
class User:
    """Answers the pages of the sign-in, and Google's own in a browser; `answers` may be changed before."""

    service: NestSimulator
    browser: aiohttp.ClientSession
    answers: dict[str, dict[str, Any]]
    shared: Callable[[str], bool] = lambda _: True
    scopes: tuple[str, ...] | None = None
    error: str | None = None
    code: str | None = None
    redirect: str = BACK
    forms: list[Form] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)

    async def __call__(self, question: Question) -> Answers:
        if isinstance(question, Consent):
            return await self.consent(question)
        self.forms.append(question)
        if question.errors:
            raise Stop
        return self.answers[question.page]

    async def consent(self, question: Consent) -> Answers:
        self.consents.append(question)
        if self.error is not None:
            return {"error": self.error}
        scopes = question.scopes if self.scopes is None else self.scopes
        page = URL(question.url).update_query(redirect_uri=BACK, scope=" ".join(scopes), state="1")
        devices = [("device", each.id) for each in self.service.devices if self.shared(each.id)]
        async with self.browser.post(page, data=[("choice", "allow"), *devices], allow_redirects=False) as sent:
            code = URL(sent.headers["Location"]).query["code"]
        return {"code": self.code or code, "redirect_uri": self.redirect}


class Stop(Exception):
    """The user was shown an error."""


@pytest.fixture
async def user(service: NestSimulator, authority: Authority, names: dict[str, Address]) -> AsyncIterator[User]:
    connector = aiohttp.TCPConnector(resolver=Names(names), ssl=authority.client())
    async with aiohttp.ClientSession(connector=connector) as browser:
        project = {
            "project_id": PROJECT,
            "cloud_project_id": service.client.cloud_project,
            "client_id": service.client.id,
            "client_secret": SECRET,
        }
        yield User(
            service=service,
            browser=browser,
            answers={"project": project, "topic": {"topic": "create_new"}, "console": {}, "subscription": {}},
        )


@pytest.fixture
async def account(user: User, make_context: MakeContext, service: NestSimulator) -> Account:
    account = await sign_in(make_context(), user)
    # The line that was only tried must not be taken for one that is listened to.
    await service.wait_until(lambda: service.push.listeners == 0)
    return account


type Open = Callable[..., NestProvider]


@pytest.fixture
def tokens() -> SavedTokens:
    return SavedTokens()


@pytest.fixture
def open_provider(
    account: Account, make_context: MakeContext, grabber: Grabber, tokens: SavedTokens, service: NestSimulator
) -> Open:
    """Return an opener of providers of the account; what it has asked for until then does not count."""
    service.requests.clear()

    def start(changes: Mapping[str, JsonValue] | None = None, **context: Any) -> NestProvider:
        stored = json.loads(json.dumps({**account.credentials, **(changes or {})}))
        made: Context = make_context(stored, **{"grabber": grabber, "tokens": tokens, **context})
        return open_it(made)

    return start


@pytest.fixture
def provider(open_provider: Open) -> NestProvider:
    return open_provider()


type Cameras = Mapping[str, Camera]


@pytest.fixture
async def cameras(provider: NestProvider) -> Cameras:
    """Return the cameras by the middle of their ids: wired, battery, doorbell."""
    return {camera.id.split("-")[1]: camera for camera in await provider.cameras()}


type PassTime = Callable[..., Awaitable[None]]


@pytest.fixture
def pass_time(clock: LimitClock, service: NestSimulator) -> PassTime:
    """Return what lets time pass in steps, each until nobody waits for an answer."""

    async def go(seconds: float, *, step: float = 15) -> None:
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            await clock.advance(min(step, left))
            service.streams.expire()
            while clock.limits:
                # An answer may lead to the next question.
                await still(lambda: clock.limits == 0)
                await settle()

    return go


async def still(condition: Callable[[], bool]) -> None:
    """Return when a condition holds that something on this machine brings about."""
    while not condition():  # noqa: ASYNC110  # it is nobody's event
        await asyncio.sleep(0)

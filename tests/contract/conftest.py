"""Every test here is asked of each provider in PROVIDERS, in a world of its own.

Whatever a test does, afterwards no task is left and nothing that was logged holds a password.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import functools
import json
import logging
import traceback

import pytest

from custom_components.camhub.capture.aiortc_engine import AiortcEngine
from custom_components.camhub.capture.frames import Frames
from custom_components.camhub.capture.rtsp_engine import RtspGrabber
from custom_components.camhub.kernel.errors import HubError
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Context, Provider
from custom_components.camhub.kernel.signin import Answers, Consent, FieldKind, Form, Question
from custom_components.camhub.kernel.spec import ProviderSpec
from custom_components.camhub.providers import PROVIDERS, load
from simulators.authority import Authority
from simulators.names import Address
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, settle

from .worlds import WORLDS, Surroundings, World, nothing_left, tasks

FORMS_AT_MOST = 10


@pytest.fixture(params=list(PROVIDERS))
def key(request: pytest.FixtureRequest) -> str:
    key: str = request.param
    if key not in WORLDS:
        pytest.fail(
            f"{key} is in PROVIDERS but has no world: write one in tests/contract/worlds.py, so that the contract "
            "tests can ask it too",
            pytrace=False,
        )
    return key


@pytest.fixture
def spec(key: str) -> ProviderSpec:
    return load(key)


@pytest.fixture
async def world(
    key: str, clock: FakeClock, authority: Authority, names: dict[str, Address], caplog: pytest.LogCaptureFixture
) -> AsyncIterator[World]:
    caplog.set_level(logging.DEBUG)
    async with WORLDS[key](Surroundings(clock=clock, authority=authority, names=names)) as world:
        before = tasks()
        yield world
        await settle()
        await nothing_left(before)
        shows_no(logged(caplog), world.secrets)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged until now, with the tracebacks; `caplog.text` begins anew when a test ends."""
    formatter = logging.Formatter()
    records = (*caplog.get_records("setup"), *caplog.get_records("call"))
    return "\n".join(f"{formatter.format(each)} {each.args!r}" for each in records)


def shows_no(text: str, hidden: set[str]) -> None:
    """Fail where a text holds one of the strings."""
    seen = sorted(each for each in hidden if each in text)
    assert not seen, f"{seen} in {text}"


@dataclass(kw_only=True)
class Applicant:
    """Answers what a sign-in asks as a user would; `forms` are the pages it was shown.

    With `wrong_first` the first page that takes a password gets a wrong one; with `kept` passwords stay empty, as those
    of someone who signs in again.
    """

    key: str
    world: World
    wrong_first: bool = False
    kept: bool = False
    forms: list[Form] = field(default_factory=list)

    async def __call__(self, question: Question) -> Answers:
        if isinstance(question, Consent):
            return await self.world.consent(question)
        assert question.page in PROVIDERS[self.key], "a page that is shown is in PROVIDERS"
        self.forms.append(question)
        assert len(self.forms) <= FORMS_AT_MOST, f"asks without end: {[form.errors for form in self.forms]}"
        answers = self.world.right[question.page]
        if self.wrong_first and question.page in self.world.wrong:
            self.wrong_first = False
            answers = self.world.wrong[question.page]
        assert answers.keys() <= {each.key for each in question.fields}
        secret = {each.key for each in question.fields if each.kind is FieldKind.PASSWORD}
        return {name: "" if self.kept and name in secret else value for name, value in answers.items()}


@pytest.fixture
def applicant(key: str, world: World) -> Applicant:
    return Applicant(key=key, world=world)


@pytest.fixture
async def account(spec: ProviderSpec, applicant: Applicant, make_context: MakeContext, world: World) -> Account:
    account = await spec.sign_in(make_context(), applicant)
    # A line that was only tried must not be taken for one that is listened to.
    await world.left_alone()
    return account


@pytest.fixture
def make_context(make_context: MakeContext) -> MakeContext:
    """Return a maker of contexts that can also photograph streams and live sessions."""
    return functools.partial(make_context, grabber=Frames(RtspGrabber(), AiortcEngine()))


type Open = Callable[[], Provider]


@pytest.fixture
def stored(account: Account) -> Mapping[str, JsonValue]:
    """Return the credentials as they come back from where they are stored."""
    credentials: Mapping[str, JsonValue] = json.loads(json.dumps(account.credentials))
    return credentials


@pytest.fixture
def context(stored: Mapping[str, JsonValue], make_context: MakeContext) -> Context:
    return make_context(stored)


@pytest.fixture
async def open_provider(
    spec: ProviderSpec, stored: Mapping[str, JsonValue], make_context: MakeContext
) -> AsyncIterator[Open]:
    """Return an opener of providers, each with a context of its own; all are closed in the end, and closed again."""
    opened: list[Provider] = []

    def start() -> Provider:
        opened.append(spec.open(make_context(stored)))
        return opened[-1]

    yield start
    for provider in opened:
        await provider.close()
        await provider.close()


@pytest.fixture
def provider(open_provider: Open) -> Provider:
    return open_provider()


async def failure(call: Awaitable[object], world: World) -> HubError | None:
    """Return the HubError that a call raises, which shows no password; every other exception is the test's."""
    try:
        await call
    except HubError as error:
        told = "".join(traceback.format_exception(error))
        shows_no(f"{told} {error!r} {error.reason} {error.placeholders}", world.secrets)
        return error
    return None

"""Every recorded answer through the whole provider: as the answer to each request that may get it.

What is expected of a file is read out of the file itself, by plainer means than the parsers': never out of a list of
known files.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
import json
import re
from typing import Any, Final

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventPhase
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.nest_legacy.client import Client
from custom_components.camhub.providers.nest_legacy.events import History, Memory
from custom_components.camhub.providers.nest_legacy.login import Login
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from simulators.authority import Authority
from simulators.names import Address
from simulators.nest_legacy import HOSTS, NestLegacySimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import Recording

PROVIDER = "nest_legacy"

HALL: Final = "a1" * 16
RPC: Final = "accounts.google.com/o/oauth2/iframerpc"
JWT: Final = "nestauthproxyservice-pa.googleapis.com/v1/issue_jwt"
SESSION: Final = "home.nest.com/session"
LAUNCH: Final = "home.nest.com/api/0.1/user/4004001/app_launch"
LISTING: Final = "webapi.camera.home.nest.com/api/cameras.get_owned_and_member_of_with_properties"
LOGIN: Final = "webapi.camera.home.nest.com/api/v1/login.login_nest"
IMAGE: Final = "nexusapi-us1.camera.home.nest.com/get_image"
POINTS: Final = f"nexusapi-us1.camera.home.nest.com/cuepoint/{HALL}/2"
# What a page that asks who you are has in it.
SIGN_IN: Final = "ServiceLogin|identifierId|/signin/"
# What Google says where nothing comes of asking again without a person (OpenID Connect Core 1.0, 3.1.2.6).
ENDED: Final = frozenset(
    {
        "user_logged_out",
        "invalid_grant",
        "immediate_failed",
        "no_session",
        "interaction_required",
        "login_required",
        "consent_required",
        "account_selection_required",
    }
)
TRANSIENT: Final = frozenset({408, 429, *range(500, 600)})


@pytest.fixture
async def services(
    authority: Authority, names: dict[str, Address], clock: FakeClock
) -> AsyncIterator[NestLegacySimulator]:
    async with NestLegacySimulator(now=clock.now) as running:
        port = await running.start(authority.server(*HOSTS))
        names.update(dict.fromkeys(HOSTS, ("127.0.0.1", port)))
        yield running


class Account:
    """One account at services that answer with a recording where they are told to."""

    def __init__(self, services: NestLegacySimulator, make_context: MakeContext) -> None:
        self.services = services
        self._make_context = make_context

    def answer(self, *places: str, body: str, status: int = 200, content_type: str = "application/json") -> None:
        self.services.faults.answers.update(dict.fromkeys(places, (status, content_type, body)))

    def client(self, **stored: Any) -> Client:
        google = self.services.google
        login = {"credential": "google", "issue_token": google.issue_token, "cookies": google.cookies}
        context = self._make_context(stored or login)
        return Client(context, Login.load(Credentials(context.credentials)))

    def by_token(self, *, kind: str = "user_token", token: str = "") -> dict[str, Any]:
        value = token or self.services.user_token()
        login = Login.load(Credentials({"credential": "token", "user_token": value}))
        manner = "user_token" if kind == "user_token" else "website"
        return {**login.stored(), "kind": kind, "manner": manner}

    def provider(self, **stored: Any) -> NestLegacyProvider:
        google = self.services.google
        login = {"credential": "google", "issue_token": google.issue_token, "cookies": google.cookies}
        return NestLegacyProvider(self._make_context(stored or login))


@pytest.fixture
def account(services: NestLegacySimulator, make_context: MakeContext) -> Account:
    return Account(services, make_context)


async def test_recorded(recorded: Recording | None, account: Account) -> None:
    if recorded is not None:
        await judged(account, recorded.read().decode(errors="replace"))


async def judged(account: Account, body: str) -> None:
    said = document(body)
    if isinstance(said, dict) and {"content_type", "body"} & said.keys() and isinstance(said.get("status"), int):
        await an_answer(account, said)
    elif isinstance(said, dict) and ("updated_buckets" in said or "objects" in said):
        await buckets(account, body, said)
    elif isinstance(said, dict) and isinstance(said.get("items"), list) and "status" in said:
        await items(account, body, said)
    elif isinstance(said, list):
        await a_history(account, body, said)
    else:
        await a_step(account, body, said)


def document(body: str) -> Any:
    """Return the JSON of a file, whatever stands before it."""
    for start in (0, body.find("{"), body.find("[")):
        with suppress(ValueError, RecursionError):
            return json.loads(body[max(0, start) :])
    return None


async def raised(call: Any) -> HubError:
    with pytest.raises(HubError) as caught:
        await call
    assert not re.search(r"https?://|g\.0\.", str(caught.value)), "neither an address nor a token goes on"
    return caught.value


async def an_answer(account: Account, said: Mapping[str, Any]) -> None:
    """A whole answer is given to everything but the sign-in; a failure is never a picture, a list or a history."""
    status, body = int(said["status"]), said.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    kind = str(said.get("content_type", "application/json")).partition(";")[0]
    if status == 200 and document(text) is not None:
        await judged(account, text)
        return
    provider = account.provider()
    (hall, *_) = await provider.cameras()
    assert hall.stills is not None
    account.answer(LAUNCH, LISTING, IMAGE, POINTS, status=status, body=text, content_type=kind)
    error = await raised(hall.stills.take())
    if status in {401, 403}:
        # The account itself is let in, so it is this camera only.
        assert isinstance(error, Unsupported)
    elif status in TRANSIENT:
        assert isinstance(error, Throttled if status == 429 else Unreachable)
    elif status == 404 or (status == 200 and not text):
        assert isinstance(error, Unreachable)
    else:
        assert not isinstance(error, AuthError)
    listing = await raised(provider.cameras())
    assert isinstance(listing, Unreachable if status in TRANSIENT | {401, 403} else Malformed)
    await provider.close()
    if status in {401, 403}:
        # A token cannot be renewed: it is refused, and that is the end of it.
        assert isinstance(await raised(account.client(**account.by_token()).home()), AuthError)
    await as_a_sign_in(account, text, status=status, content_type=kind)


async def as_a_sign_in(account: Account, body: str, *, status: int, content_type: str) -> None:
    """No answer of a camera host makes Google's part of a login end."""
    account.services.google.sign_in()
    account.answer(RPC, body=body, status=status, content_type=content_type)
    error = await raised(account.client().keeper.session())
    said = document(body)
    ended = isinstance(said, dict) and str(said.get("error")).lower() in ENDED
    assert isinstance(error, AuthError) is (ended or bool(re.search(SIGN_IN, body)))


async def buckets(account: Account, body: str, said: Mapping[str, Any]) -> None:
    listed = said.get("updated_buckets", said.get("objects"))
    account.answer(LAUNCH, body=body)
    provider = account.provider()
    if not isinstance(listed, list):
        assert isinstance(await raised(provider.cameras()), Malformed)
        return
    wanted = {
        str(each["object_key"]).removeprefix("quartz."): each["value"]
        for each in listed
        if str(each.get("object_key", "")).startswith("quartz.") and isinstance(each.get("value"), dict)
    }
    cameras = {each.id: each for each in await provider.cameras()}
    assert cameras.keys() == wanted.keys()
    assert provider.problems() == (() if wanted else ("account_without_cameras",))
    for identifier, value in wanted.items():
        as_it_was_said(cameras[identifier], value)
    client = account.client(**dict(provider._client.book.login.stored()))
    for unit in (await client.home()).units:
        told = str(wanted[unit.id].get("nexus_api_http_server_url") or "")
        assert str(unit.region.host) in told or not told
    await provider.close()


def as_it_was_said(camera: Camera, value: Mapping[str, Any]) -> None:
    """Compare a camera with the words it was made of."""
    assert camera.identity.name
    if str(value.get("description") or "").strip():
        assert camera.identity.name == value["description"].strip()
    for ours, theirs in (("serial", "serial_number"), ("firmware", "software_version"), ("model", "model")):
        if value.get(theirs):
            assert getattr(camera.identity, ours) == value[theirs]
    state = str(value.get("streaming_state", ""))
    moved = str(value.get("properties", {}).get("cc2migration.overview_state", "NORMAL"))
    if moved in {"NORMAL", "REVERSE_MIGRATION_IN_PROGRESS"} and state:
        assert camera.online is ("enabled" in state and "offline" not in state)
    assert (camera.offline_reason is not None) == (camera.online is False)
    switchable = "streaming.start-stop" in value.get("capabilities", ()) and "offline" not in state
    assert bool(camera.controls) <= switchable


async def items(account: Account, body: str, said: Mapping[str, Any]) -> None:
    """A list of cameras, a session of an older account, or a failure that HTTP calls a success."""
    account.answer(LISTING, LOGIN, body=body)
    stored = account.by_token()
    if said["status"] not in {0, 200}:
        assert isinstance(await raised(account.provider(**stored).cameras()), Malformed)
        older = account.by_token(kind="access_token", token=account.services.access_token)
        error = await raised(account.client(**older).keeper.session())
        assert isinstance(error, AuthError) is (400 <= said["status"] < 404)
        return
    tokens = [each["session_token"] for each in said["items"] if "session_token" in each]
    if tokens:
        older = account.by_token(kind="access_token", token=account.services.access_token)
        assert (await account.client(**older).keeper.session()).token.reveal() == tokens[0]
        return
    wanted = {str(each["uuid"]): each for each in said["items"] if "uuid" in each}
    cameras = {each.id: each for each in await account.provider(**stored).cameras()}
    assert cameras.keys() == wanted.keys()
    for identifier, value in wanted.items():
        if str(value.get("name") or "").strip():
            assert cameras[identifier].identity.name in {value["name"].strip(), value.get("description")}
        if value.get("is_online") is False:
            assert cameras[identifier].online is False


async def a_history(account: Account, body: str, said: Sequence[Any]) -> None:
    """What a camera saw is told once, from start to end; a list of cameras it is not."""
    points = [each for each in said if isinstance(each, dict) and each.get("id") and each.get("start_time")]
    starts = [each["start_time"] for each in points]
    moment = datetime.fromtimestamp(int(max(map(float, starts), default=0.0)) + 1, UTC)
    account.services.faults.date = format_datetime(moment, usegmt=True)
    client = account.client()
    (hall, *_) = (await client.home()).units
    account.answer(POINTS, body=body)
    history = History(client, lambda: [hall], Memory())
    events: list[CameraEvent] = [*await history.fetch(), *await history.fetch()]
    marks = [(each.id, each.phase) for each in events]
    assert len(set(marks)) == len(marks)
    recent = [each for each in points if moment.timestamp() - float(each["start_time"]) <= 30]
    for each in recent:
        ours = [event for event in events if f":{each['id']}:" in event.id]
        assert {event.camera for event in ours} == {HALL}
        assert ours[0].phase is EventPhase.START
        assert ours[0].at.timestamp() == pytest.approx(float(each["start_time"]))
        ended = bool(each.get("end_time")) and not each.get("in_progress")
        assert any(event.phase is EventPhase.END for event in ours) is ended
    account.answer(LAUNCH, body=body)
    assert isinstance(await raised(account.provider().cameras()), Malformed)


async def a_step(account: Account, body: str, said: Any) -> None:
    """An answer of the sign-in: each of its steps takes what it is and refuses what it is not."""
    error = said.get("error") if isinstance(said, dict) else None
    token = str(said.get("access_token") or "") if isinstance(said, dict) else ""
    if isinstance(said, dict) and said.get("userid") and token:
        account.answer(SESSION, body=body)
        session = await account.client().keeper.session()
        assert (session.token.reveal(), session.user_id) == (token, str(said["userid"]))
    elif isinstance(said, dict) and said.get("jwt"):
        account.answer(JWT, body=body)
        account.answer(SESSION, body='{"access_token": "b.x", "userid": "4004001"}')
        assert (await account.client().keeper.session()).jwt.reveal() == said["jwt"]
    else:
        account.answer(RPC, body=body)
        if token and not error:
            # Google's token goes on to Nest, which does not know one that was issued elsewhere.
            assert (await raised(account.client().keeper.session())).reason == "nest_refused"
        else:
            ended = str(error).lower() in ENDED or "no active session" in body.lower()
            ended = ended or bool(re.search(SIGN_IN, body))
            failure = await raised(account.client().keeper.session())
            assert isinstance(failure, AuthError if ended else Unreachable)
    account.services.faults.answers.clear()
    account.services.google.sign_in()
    account.answer(LAUNCH, LISTING, body=body)
    assert isinstance(await raised(account.provider().cameras()), Malformed)
    assert isinstance(await raised(account.provider(**account.by_token()).cameras()), Malformed)

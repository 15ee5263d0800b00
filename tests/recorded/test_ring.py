"""Every recorded answer through the client, the parsers, push, signalling, and the whole provider.

What is expected of a file is read out of the file itself, by plainer means than the parsers': never out of a list of
known files.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
import json
from typing import Any, Final

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import EventKind, JsonValue
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.kernel.signin import Form, Question
from custom_components.camhub.providers.ring import parse
from custom_components.camhub.providers.ring.provider import RingProvider, open_provider
from custom_components.camhub.providers.ring.sign_in import sign_in
from simulators.authority import Authority
from simulators.names import Address
from simulators.ring import Canned, RingSimulator
from simulators.ring.home import DRIVE
from simulators.ring.hosts import TOKENS
from tests.conftest import MakeContext
from tests.fake_clock import LimitClock, in_time
from tests.providers.ring.conftest import LIMITS, grant

from .conftest import Recording

PROVIDER = "ring"
USER, PASSWORD = "robin@example.com", "p@ss:w/rd#1"
API: Final = "api.ring.com"
DEVICES: Final = f"{API}/clients_api/ring_devices"
FAMILIES: Final = ("doorbots", "authorized_doorbots", "stickup_cams")
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> LimitClock:
    return LimitClock(*LIMITS)


@pytest.fixture
async def service(
    authority: Authority, names: dict[str, Address], clock: LimitClock, named_sockets: None
) -> AsyncIterator[RingSimulator]:
    simulator = RingSimulator(authority, user=USER, password=PASSWORD, now=clock.now, sleep=clock.sleep)
    async with simulator as running:
        names.update(running.names)
        yield running


@pytest.fixture
async def provider(service: RingSimulator, make_context: MakeContext, clock: LimitClock) -> AsyncIterator[RingProvider]:
    made = open_provider(make_context({"username": USER, "hardware_id": "h", "grant": grant(service, clock)}))
    yield made
    await made.close()


class World:
    """What an answer is given to."""

    def __init__(
        self, service: RingSimulator, provider: RingProvider, make_context: MakeContext, clock: LimitClock
    ) -> None:
        self.service, self.provider, self.make_context, self.clock = service, provider, make_context, clock

    async def camera(self, identifier: int = DRIVE) -> Camera:
        """Return a camera that is listed by that number."""
        if self.service.home.find(identifier) is None:
            drive = self.service.device(DRIVE)
            self.service.home.lists["stickup_cams"].append({**drive, "id": identifier})
        return next(each for each in await self.provider.cameras() if each.id == str(identifier))

    def answer(self, place: str, said: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = said if isinstance(said, str) else json.dumps(said)
        self.service.faults.answers[place] = Canned(status=status, body=body, headers=headers or {})


@pytest.fixture
def world(service: RingSimulator, provider: RingProvider, make_context: MakeContext, clock: LimitClock) -> World:
    return World(service, provider, make_context, clock)


async def test_recorded(recorded: Recording | None, world: World) -> None:
    if recorded is None:
        return
    said = document(recorded.read())
    if isinstance(said, dict) and isinstance(said.get("status"), int):
        await an_answer(said, world)
        return
    await a_list_of_devices(said, world)
    if isinstance(said, dict):
        await an_object(said, recorded, world)
    elif isinstance(said, list):
        await a_list(said, world)


def document(body: bytes) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


async def an_answer(said: dict[str, Any], world: World) -> None:
    """An answer of a status is the error that its status means, at the token endpoint as in the API."""
    status, body = said["status"], said.get("body", "")
    told = body if isinstance(body, dict) else {}
    headers = {str(name): str(value) for name, value in (said.get("headers") or {}).items()}
    if status == 200:
        await new_tokens(told, world)
        return
    world.answer(TOKENS, body, status, headers)
    assert await refused_at_sign_in(world) == expected_page(status, told)
    world.service.faults.answers.clear()
    world.answer(DEVICES, body, status, headers)
    expected = {401: AuthError, 404: Unsupported, 406: Throttled, 429: Throttled}.get(status, HubError)
    with pytest.raises(Unreachable if status >= 500 else expected) as caught:
        await in_time(world.clock, world.provider.cameras())
    if status == 429 and "retry-after" in headers:
        assert isinstance(caught.value, Throttled)
        assert caught.value.retry_after == float(headers["retry-after"])
    world.service.faults.answers.clear()
    await refused_at_refresh(said, headers, world)


async def refused_at_refresh(said: dict[str, Any], headers: dict[str, str], world: World) -> None:
    """An outage of the token endpoint is never a refused login; a dead token is."""
    status, body = said["status"], said.get("body", "")
    told = body if isinstance(body, dict) else {}
    await world.clock.advance(3600)
    world.answer(TOKENS, body, status, headers)
    with pytest.raises(HubError) as caught:
        await in_time(world.clock, world.provider.cameras())
    dead = status == 401 or told.get("error") in {"invalid_grant", "access_denied"}
    if dead:
        assert isinstance(caught.value, AuthError)
    elif status >= 500 or status in {406, 429}:
        assert isinstance(caught.value, Unreachable)
        assert world.provider.token_status() is None


async def new_tokens(told: dict[str, Any], world: World) -> None:
    if not {"access_token", "refresh_token"} <= set(told):
        return
    await world.clock.advance(3600)
    world.answer(TOKENS, told)
    # The token is none of the simulator's, which then refuses it.
    with pytest.raises(AuthError):
        await in_time(world.clock, world.provider.cameras())
    assert world.provider.token_status() is None


async def refused_at_sign_in(world: World) -> tuple[str, str | None]:
    """Return the page that follows the login, and what it says."""
    shown: list[Form] = []

    async def ask(question: Question) -> dict[str, JsonValue]:
        assert isinstance(question, Form)
        shown.append(question)
        if len(shown) > 1:
            raise EOFError
        return {"username": USER, "password": PASSWORD}

    with pytest.raises(EOFError):
        await sign_in(world.make_context(), ask)
    return shown[-1].page, shown[-1].errors.get("base")


def expected_page(status: int, told: dict[str, Any]) -> tuple[str, str | None]:
    """Return what the reference says of an answer (protocols.md 4.2)."""
    if status == 412 and (way := told.get("tsv_state") or ("sms" if told.get("phone") else None)):
        return {"sms": "code_sms", "email": "code_email"}.get(way, "code_app"), None
    if "Verification Code" in str(told.get("error")):
        return "account", "code_wrong"
    if "too many requests" in str(told.get("error_description")):
        return "account", "too_many_codes"
    if told.get("error") == "access_denied":
        return "account", "invalid_auth"
    if told.get("error") == "invalid_grant" or status == 401:
        return "account", "login_ended"
    reasons = {406: "account_blocked", 429: "throttled", 400: "malformed"}
    return "account", reasons.get(status, "service_unavailable")


async def a_list_of_devices(said: Any, world: World) -> None:
    """A document with lists of devices gives just the cameras in them; every other is malformed."""
    world.answer(DEVICES, said)
    if not (isinstance(said, dict) and any(isinstance(said.get(family), list) for family in FAMILIES)):
        with pytest.raises(Malformed):
            await world.provider.cameras()
        world.service.faults.answers.clear()
        return
    listed = [each for family in FAMILIES for each in said.get(family) or []]
    cameras = list(await world.provider.cameras())
    assert {each.id for each in cameras} == {str(each["id"]) for each in listed}
    assert {each.identity.name for each in cameras} <= {str(each["description"]).strip() for each in listed}
    assert list(await world.provider.cameras()) == cameras
    for camera in cameras:
        entry = next(each for each in listed if str(each["id"]) == camera.id)
        assert camera.online == (entry.get("alerts", {}).get("connection") != "offline")
        assert (EventKind.DOORBELL in camera.event_kinds) == any(
            str(each["id"]) == camera.id for family in FAMILIES[:2] for each in said.get(family) or []
        )
        assert camera.health is not None
        assert camera.health.battery is None or 0 <= camera.health.battery <= 100
    json.dumps(world.provider.diagnostics())
    world.service.faults.answers.clear()


async def an_object(said: dict[str, Any], recorded: Recording, world: World) -> None:
    health, profile = said.get("device_health"), said.get("profile")
    if isinstance(health, dict):
        world.answer(f"{API}/clients_api/doorbots/{DRIVE}/health", said)
        found = (await world.camera()).health
        assert found is not None
        assert found.wifi_dbm == health.get("latest_signal_strength")
    if isinstance(profile, dict) and "id" in profile:
        await a_session(said, world)
    if "access_token" in said:
        await new_tokens(said, world)
    if isinstance(said.get("timestamps"), list):
        await timestamps(said, world)
    if "url" in said:
        await an_address_of_a_film(said, world)
    if said.get("method") == "close":
        await an_end(said, world)
    told = pushes(said, recorded)
    for message in told:
        await a_push(message, world)
    if not told:
        assert parse.pushed(said) is None


async def a_session(said: dict[str, Any], world: World) -> None:
    world.service.tokens.factor = None
    world.answer(f"{API}/clients_api/session", said)

    async def ask(question: Question) -> dict[str, JsonValue]:
        return {"username": USER, "password": PASSWORD}

    account = await sign_in(world.make_context(), ask)
    assert account.unique_id == str(said["profile"]["id"])


async def timestamps(said: dict[str, Any], world: World) -> None:
    """A picture that is kept has the age that was told."""
    for each in said["timestamps"]:
        camera = await world.camera(each["doorbot_id"])
        assert camera.stills is not None
        world.service.faults.no_snapshot = True
        world.answer(f"{API}/clients_api/snapshots/timestamps", said)
        taken = datetime.fromtimestamp(each["timestamp"] / 1000, UTC)
        assert abs((await camera.stills.take()).taken_at - taken) <= timedelta(seconds=1)


async def an_address_of_a_film(said: dict[str, Any], world: World) -> None:
    camera = await world.camera()
    assert camera.clips is not None
    entry = world.service.happenings.record(world.service.device(DRIVE), "motion")
    (clip,) = await camera.clips.between(LONG_AGO, world.clock.now() + timedelta(hours=1))
    assert clip.id == str(entry["id"])
    world.answer(f"{API}/clients_api/dings/{clip.id}/share/play", said)
    with pytest.raises(Unreachable) as caught:
        await in_time(world.clock, anext(camera.clips.read(clip)))
    # Its host is none of ours; it was dialled, unless there is none.
    assert caught.value.reason == ("clip_broken_off" if said["url"] else "clip_not_ready")


async def an_end(said: dict[str, Any], world: World) -> None:
    world.service.signalling.greetings = [json.dumps(said)]
    camera = await world.camera()
    assert camera.webrtc is not None
    refused = "Authentication" in str(said) or "Unauthorized" in str(said) or "not found" in str(said)
    with pytest.raises(HubError) as caught:
        await camera.webrtc.open("v=0\r\n", lambda _: None)
    assert isinstance(caught.value, Unreachable)
    assert caught.value.reason == ("live_view_refused" if refused else "session_over")


def pushes(said: dict[str, Any], recorded: Recording) -> list[dict[str, Any]]:
    """Return a document as the push messages that it is part of; the other parts lie beside it."""
    if {"ding", "action"} <= set(said):
        return [{"data": {"gcmData": json.dumps(said)}}]
    device, ding = said.get("device"), (said.get("event") or {}).get("ding")
    if not (isinstance(device, dict) and isinstance(ding, dict)):
        return []
    beside = {path.stem: document(path.read_bytes()) for path in recorded.path.parent.glob("*.json")}
    parts = {stem: each for stem, each in beside.items() if isinstance(each, dict) and "category" in each}
    # Its own part is named like it; where names tell nothing any may be.
    own = recorded.path.stem.removesuffix("data")
    about = [each for stem, each in parts.items() if own and stem.startswith(own)] or list(parts.values())
    about = about or [{"category": "com.ring.pn.live-event.motion"}]
    return [{"data": {"android_config": json.dumps(each), "data": json.dumps(said)}} for each in about]


async def a_push(message: dict[str, Any], world: World) -> None:
    """A message that tells of an event is told, of the camera it names and at its time, once."""
    data = {name: json.loads(part) for name, part in message["data"].items()}
    ding = data["gcmData"]["ding"] if "gcmData" in data else data["data"]["event"]["ding"]
    camera = ding["doorbot_id"] if "gcmData" in data else data["data"]["device"]["id"]
    await world.camera(camera)
    async with aclosing(world.provider.events()) as events:
        waiting = asyncio.ensure_future(anext(events))
        await world.service.wait_until(lambda: world.service.push.listeners > 0)
        for _ in range(2):
            world.service.push.send(world.service.push_token, message)
        event = await waiting
        await world.service.wait_until(lambda: len(world.service.push.acknowledged) == 2)
    assert (event.id, event.camera) == (str(ding["id"]), str(camera))
    assert event.at == datetime.fromisoformat(ding["created_at"])
    about = json.dumps([data.get("android_config"), data.get("gcmData", {}).get("action")]).lower()
    rang = "ding" in about or "live-event.intercom" in about
    assert (event.kind is EventKind.DOORBELL) == rang
    json.dumps(dict(event.metadata))


async def a_list(said: list[Any], world: World) -> None:
    entries = [each for each in said if isinstance(each, dict)]
    messages = [each["to_client"] for each in entries if isinstance(each.get("to_client"), dict)]
    if messages:
        await a_conversation(messages, world)
        return
    camera = await world.camera()
    assert camera.clips is not None
    world.answer(f"{API}/clients_api/doorbots/{DRIVE}/history", said)
    clips = await camera.clips.between(LONG_AGO, datetime(2100, 1, 1, tzinfo=UTC))
    told = [each for each in entries if each.get("kind") in {"ding", "motion"} and "created_at" in each]
    ready = [each for each in told if (each.get("recording") or {}).get("status") == "ready"]
    assert {each.id for each in clips} == {str(each["id"]) for each in ready}
    assert {each.id for each in parse.history(said, "1")} == {str(each["id"]) for each in told}


async def a_conversation(messages: list[dict[str, Any]], world: World) -> None:
    """What the service says of a live view is understood, and its answer taken."""
    camera = await world.camera()
    assert camera.webrtc is not None
    world.service.signalling.greetings = [json.dumps(each) for each in messages]
    world.service.faults.live_mute = True
    lease = await camera.webrtc.open("v=0\r\n", lambda _: None)
    answers = [each["body"]["sdp"] for each in messages if each["method"] == "sdp"]
    assert lease.value.answer.strip() == answers[0].strip()
    await lease.release()

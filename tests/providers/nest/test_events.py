import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from functools import partial
import json
from typing import Any

import pytest

from custom_components.camhub.kernel.errors import AuthError, Malformed, Unreachable
from custom_components.camhub.kernel.model import Account, CameraEvent, Clip, EventKind, EventPhase
from custom_components.camhub.providers.nest.client import Client
from custom_components.camhub.providers.nest.event_media import WAITING, EventFilms, Wanted
from custom_components.camhub.providers.nest.line import PushLine
from custom_components.camhub.providers.nest.messages import Message, ThreadState, message
from custom_components.camhub.providers.nest.provider import NestProvider
from custom_components.camhub.providers.nest.settings import Settings
from custom_components.camhub.providers.nest.tracker import LOST_S
from simulators.nest_sdm import NestSimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, settle, until

from .conftest import Cameras, Grabber, Open, still

CLIP = "sdm.devices.events.CameraClipPreview.ClipPreview"
MOTION = "sdm.devices.events.CameraMotion.Motion"


class Listener:
    """Reads a provider's events one by one."""

    def __init__(self, provider: NestProvider) -> None:
        self.events: AsyncGenerator[CameraEvent] = provider.events()
        self.reading: asyncio.Future[CameraEvent] | None = None

    async def next(self) -> CameraEvent:
        async with asyncio.timeout(100):
            self.reading = self.reading or asyncio.ensure_future(anext(self.events))
            event, self.reading = await self.reading, None
        return event

    def wait(self) -> asyncio.Future[CameraEvent]:
        self.reading = asyncio.ensure_future(anext(self.events))
        return self.reading

    async def close(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        await self.events.aclose()


@pytest.fixture
async def listener(provider: NestProvider, service: NestSimulator, cameras: Cameras) -> AsyncIterator[Listener]:
    listener = Listener(provider)
    listener.wait()
    await service.wait_until(lambda: service.push.listeners > 0)
    yield listener
    await listener.close()


def brief(event: CameraEvent) -> tuple[str, str]:
    return event.kind, event.phase


async def test_a_thread_is_one_event(listener: Listener, service: NestSimulator, cameras: Cameras) -> None:
    doorbell = service.device("doorbell")
    seen = service.happenings.begin(doorbell, "chime", zones=("Path",))
    first = await listener.next()
    assert brief(first) == (EventKind.DOORBELL, EventPhase.START)
    assert (first.camera, first.zones, first.clip) == (doorbell.id, ("Path",), None)
    service.happenings.add(seen, "person")
    assert brief(await listener.next()) == (EventKind.PERSON, EventPhase.START)
    service.happenings.clip(seen)
    later = {event.kind: event for event in [await listener.next(), await listener.next()]}
    assert {event.phase for event in later.values()} == {EventPhase.UPDATE}
    assert later[EventKind.DOORBELL].id == first.id
    clip = later[EventKind.DOORBELL].clip
    assert clip is not None
    assert clip.start == first.at
    service.happenings.end(seen)
    ended = [await listener.next(), await listener.next()]
    assert {brief(event) for event in ended} == {
        (EventKind.DOORBELL, EventPhase.END),
        (EventKind.PERSON, EventPhase.END),
    }
    # Nothing came twice: what comes next is something else.
    service.happenings.begin(doorbell, "motion")
    assert (await listener.next()).kind is EventKind.MOTION


async def test_messages_that_come_twice_are_told_once(listener: Listener, service: NestSimulator) -> None:
    service.faults.duplicates = True
    wired = service.device("wired")
    for _ in range(2):
        service.happenings.begin(wired, "sound", threaded=False)
    events = [await listener.next(), await listener.next()]
    assert [brief(event) for event in events] == [(EventKind.SOUND, EventPhase.PULSE)] * 2
    assert events[0].id != events[1].id


async def test_every_message_is_acknowledged(listener: Listener, service: NestSimulator) -> None:
    (subscription,) = service.pubsub.subscriptions.values()
    service.pubsub.publish_raw(b"no JSON")
    service.pubsub.publish_raw(b'{"resourceUpdate": {"name": "x"}}')
    service.happenings.relation(service.device("wired"))
    service.happenings.trait(service.device("wired"), "Connectivity", {"status": "ONLINE"})
    service.happenings.begin(service.device("wired"), "motion")
    await listener.next()
    listener.wait()
    await service.wait_until(lambda: not subscription.messages)
    assert len(subscription.acknowledged) == 5


async def test_pictures_are_fetched_at_once(
    listener: Listener, service: NestSimulator, cameras: Cameras, grabber: Grabber, clock: FakeClock
) -> None:
    service.happenings.begin(service.device("wired"), "person")
    event = await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    image = await stills.take()
    assert (image.source, image.taken_at) == ("event", event.at)
    assert grabber.addresses == []
    assert [name for _, name in service.commands] == ["GenerateImage"]
    await clock.advance(10)
    assert (await stills.take()).source == "live"


async def test_a_picture_that_cannot_be_had_is_taken_live(
    listener: Listener, service: NestSimulator, cameras: Cameras
) -> None:
    service.faults.commands["GenerateImage"] = (504, "")
    service.happenings.begin(service.device("wired"), "person")
    await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    assert (await stills.take()).source == "live"


async def test_a_picture_that_takes_too_long_is_not_waited_for(
    listener: Listener, service: NestSimulator, cameras: Cameras, clock: FakeClock
) -> None:
    service.faults.slow_s = 86400
    service.happenings.begin(service.device("wired"), "person")
    await listener.next()
    await service.wait_until(lambda: any("executeCommand" in path for path in service.requests))
    stills = cameras["wired"].stills
    assert stills is not None
    service.faults.slow_s = 0
    taking = asyncio.ensure_future(stills.take())
    await settle()
    await clock.advance(8)
    assert (await taking).source == "live"


async def test_a_spoilt_picture_is_none(
    listener: Listener, service: NestSimulator, cameras: Cameras, provider: NestProvider
) -> None:
    results = {"url": "https://media.nestservices.google.com/spoilt", "token": "g.0.x"}
    service.faults.commands["GenerateImage"] = (200, json.dumps({"results": results}))
    service.faults.answers["/spoilt"] = (200, "half a picture")
    service.happenings.begin(service.device("wired"), "person")
    await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    assert (await stills.take()).source == "live"


async def test_a_picture_whose_own_token_is_refused_refuses_nobody(
    listener: Listener, service: NestSimulator, cameras: Cameras, provider: NestProvider
) -> None:
    service.faults.answers["/sdm_event/x"] = (401, "")
    results = {"url": "https://media.nestservices.google.com/sdm_event/x", "token": "g.0.x"}
    service.faults.commands["GenerateImage"] = (200, json.dumps({"results": results}))
    service.happenings.begin(service.device("wired"), "person")
    await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    assert (await stills.take()).source == "live"
    assert await provider.cameras()


async def test_who_waits_for_a_picture_is_let_go_when_the_line_closes(
    listener: Listener, service: NestSimulator, cameras: Cameras
) -> None:
    service.faults.slow_s = 86400
    wired = service.device("wired")
    seen = service.happenings.begin(wired, "person")
    service.happenings.add(seen, "motion")
    await listener.next()
    await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    await service.wait_until(lambda: any("executeCommand" in path for path in service.requests))
    taking = asyncio.ensure_future(stills.take())
    await settle()
    service.faults.slow_s = 0
    await listener.close()
    assert (await taking).source == "live"


async def test_a_worker_ends_with_its_work(provider: NestProvider) -> None:
    async with provider._pictures.working():
        # Others come and go: those of the service.
        (worker,) = [each for each in asyncio.all_tasks() if "EventPictures" in repr(each)]
    assert worker.done()


async def test_the_trait_may_be_gone_when_the_picture_is_due(
    provider: NestProvider, service: NestSimulator, cameras: Cameras, listener: Listener
) -> None:
    unit = next(each for each in provider._units.values() if "wired" in each.id)
    unit.device.camera_event_image = None
    service.happenings.begin(service.device("wired"), "person")
    await listener.next()
    stills = cameras["wired"].stills
    assert stills is not None
    assert (await stills.take()).source == "live"
    assert "GenerateImage" not in [name for _, name in service.commands]


async def test_a_film_is_there_once_it_was_fetched(
    listener: Listener, service: NestSimulator, cameras: Cameras
) -> None:
    assert cameras["wired"].previews is None
    previews = cameras["doorbell"].previews
    assert previews is not None
    seen = service.happenings.begin(service.device("doorbell"), "motion")
    service.happenings.clip(seen)
    await listener.next()
    event = await listener.next()
    assert event.clip is not None
    listener.wait()
    async with asyncio.timeout(100):
        film = await previews.fetch(event.clip)
    assert film[4:8] == b"ftyp"
    assert await previews.fetch(event.clip) == film
    with pytest.raises(Unreachable) as caught:
        await previews.fetch(replace(event.clip, id="another"))
    assert caught.value.reason == "event_picture_gone"
    await listener.close()
    assert await previews.fetch(event.clip) == film, "what has come stays"


async def test_films_that_never_come(provider: NestProvider, cameras: Cameras, clock: FakeClock) -> None:
    pictures, unit = provider._pictures, provider._units[next(iter(provider._units))]
    films = EventFilms(pictures, unit.id)
    clips = [Clip(id=str(number), camera=unit.id, start=clock.now()) for number in range(WAITING + 1)]
    pictures.want(Wanted(unit=unit, at=clock.now(), event="picture"))
    for clip in clips:
        pictures.want(Wanted(unit=unit, at=clock.now(), clip=clip, address="https://192.0.2.1/film"))
    # There is room for so many: the oldest was given up, and what is left when the line ends.
    fetching = [asyncio.ensure_future(films.fetch(clip)) for clip in clips]
    await settle()
    assert [each.done() for each in fetching] == [True, *[False] * WAITING]
    async with pictures.working():
        pass
    for each in await asyncio.gather(*fetching, return_exceptions=True):
        assert isinstance(each, Unreachable)
        assert each.reason == "event_picture_gone"


async def test_a_picture_is_waited_for_until_the_last_of_its_camera_has_come(
    provider: NestProvider, service: NestSimulator, cameras: Cameras, clock: FakeClock
) -> None:
    pictures = provider._pictures
    (unit,) = (unit for unit in provider._units.values() if "wired" in unit.id)
    seen = service.happenings.begin(service.device("wired"), "motion")
    service.happenings.add(seen, "person")
    first, last = (str(event["eventId"]) for event in seen.events.values())
    times = clock.now() - timedelta(seconds=1), clock.now()
    for event, at in zip((first, last), times, strict=True):
        pictures.want(Wanted(unit=unit, at=at, event=event))
    async with pictures.working():
        image = await pictures.latest(unit.id)
    assert image is not None
    assert image.taken_at == times[1]


async def test_a_clip_of_somebody_elses_is_not_fetched_with_our_token(
    listener: Listener, service: NestSimulator, cameras: Cameras, provider: NestProvider
) -> None:
    previews = cameras["doorbell"].previews
    assert previews is not None
    events = {
        MOTION: {"eventSessionId": "s", "eventId": "e"},
        "sdm.devices.events.CameraClipPreview.ClipPreview": {
            "eventSessionId": "s",
            "previewUrl": "https://google.com.example/clip",
        },
    }
    doorbell = service.device("doorbell").id
    tell(service, {"resourceUpdate": {"name": f"{service.enterprise}/devices/{doorbell}", "events": events}})
    event = await listener.next()
    assert event.clip is not None
    counters = provider._context.counters
    await still(lambda: counters.get("event_media.malformed") == 1)
    with pytest.raises(Malformed):
        await previews.fetch(event.clip)


def tell(service: NestSimulator, changes: dict[str, Any], at: str = "2026-01-02T03:04:05Z") -> None:
    service.pubsub.publish({"eventId": "m", "timestamp": at, "userId": "u", **changes})


async def test_old_messages_are_no_news(
    listener: Listener, service: NestSimulator, clock: FakeClock, provider: NestProvider
) -> None:
    wired = f"{service.enterprise}/devices/{service.device('wired').id}"
    events = {MOTION: {"eventSessionId": "old", "eventId": "e"}}
    tell(service, {"resourceUpdate": {"name": wired, "events": events}}, "2026-01-02T02:50:00Z")
    service.happenings.begin(service.device("wired"), "person")
    assert (await listener.next()).kind is EventKind.PERSON
    assert provider._context.counters.get("events.too_old") == 1


async def test_devices_that_are_not_listed_tell_nothing(listener: Listener, service: NestSimulator) -> None:
    events = {MOTION: {"eventSessionId": "s", "eventId": "e"}}
    tell(service, {"resourceUpdate": {"name": f"{service.enterprise}/devices/other", "events": events}})
    service.happenings.begin(service.device("battery"), "person")
    assert (await listener.next()).kind is EventKind.PERSON


async def test_without_a_subscription_there_are_none(open_provider: Open, service: NestSimulator) -> None:
    provider = open_provider({"subscription": ""})
    assert [event async for event in provider.events()] == []
    assert [camera.event_kinds for camera in await provider.cameras()] == [frozenset()] * 3


@pytest.mark.parametrize("gently", [False, True])
async def test_a_dropped_line_is_said(
    listener: Listener, service: NestSimulator, provider: NestProvider, gently: bool
) -> None:
    assert listener.reading is not None
    service.push.drop(gently=gently)
    with pytest.raises(Unreachable) as caught:
        await listener.reading
    assert caught.value.reason == "event_line_closed"
    assert provider.problems() == []
    listener.reading = None


async def test_a_subscription_that_is_gone_is_a_problem(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    (name, subscription), *_ = service.pubsub.subscriptions.items()
    service.pubsub.subscriptions.clear()
    provider = open_provider()
    with pytest.raises(Unreachable) as caught:
        await anext(provider.events())
    assert caught.value.reason == "push_subscription_missing"
    assert provider.problems() == ["push_subscription_missing"]
    service.pubsub.subscriptions[name] = subscription
    listener = Listener(provider)
    listener.wait()
    await service.wait_until(lambda: service.push.listeners > 0)
    await clock.advance(59)
    assert provider.problems() == ["push_subscription_missing"], "a line that was just dialled says nothing yet"
    await clock.advance(1)
    assert provider.problems() == []
    await listener.close()


async def test_a_right_that_is_missing_is_a_problem(open_provider: Open, service: NestSimulator) -> None:
    provider = open_provider()
    await provider.connect()
    for grant, _ in service.tokens._access.values():
        object.__setattr__(grant, "scopes", grant.scopes - {"https://www.googleapis.com/auth/pubsub"})
    with pytest.raises(Unreachable) as caught:
        await anext(provider.events())
    assert caught.value.reason == "push_forbidden"
    assert provider.problems() == ["push_forbidden"]


async def test_a_token_that_is_refused_is_renewed(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    provider = open_provider()
    await provider.connect()
    service.tokens.forget_access()
    await clock.advance(1)
    listener = Listener(provider)
    listener.wait()
    await service.wait_until(lambda: service.push.listeners > 0)
    assert service.tokens.refreshes == 1
    await listener.close()


async def test_a_login_that_has_ended_ends_the_line(open_provider: Open, service: NestSimulator) -> None:
    provider = open_provider()
    service.tokens.revoke()
    with pytest.raises(AuthError):
        await anext(provider.events())


async def test_a_line_that_does_not_come_about_in_time(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    """As where IPv6 leads nowhere (peers.md N7)."""
    provider = open_provider()
    await provider.connect()
    service.faults.deaf_push = True
    listener = Listener(provider)
    waiting = listener.wait()
    await still(lambda: clock.sleepers == 1)
    await clock.advance(30)
    with pytest.raises(Unreachable) as caught:
        await waiting
    assert caught.value.reason == "push_timeout"
    listener.reading = None


type MakeLine = Callable[..., PushLine]


@pytest.fixture
def make_line(account: Account, make_context: MakeContext) -> MakeLine:
    context = make_context(account.credentials)
    settings = Settings.load(context.credentials)
    return partial(PushLine, Client(context, settings), settings.subscription)


async def test_a_line_is_dialled_anew_now_and_then(make_line: MakeLine, service: NestSimulator) -> None:
    # gRPC has a clock of its own; long enough to connect on a busy machine, which it tries again and again.
    line = make_line(line_s=0.5)
    async with aclosing(line.messages()) as messages:
        reading = asyncio.ensure_future(anext(messages))
        # What gRPC tries again by itself does not count.
        await until(lambda: line.dials >= 2)
        while not reading.done():
            # What is handed to a line that ends just then would come again only after a minute.
            known = {service.push.opened}
            service.pubsub.publish_raw(b"{}")
            await service.wait_until(partial(lambda known: reading.done() or service.push.opened not in known, known))
        assert await reading == b"{}"
    assert line.dials >= 2


async def test_a_line_that_is_checked(make_line: MakeLine, service: NestSimulator) -> None:
    line = make_line()
    await line.check()
    await service.push.stop()
    with pytest.raises(Unreachable):
        await line.check()


type Told = list[tuple[str, str]]


@pytest.fixture
def take(provider: NestProvider, cameras: Cameras) -> Callable[..., Told]:
    """Return what takes a message of the doorbell and returns what is told of it, in short."""

    def take(state: str, *kinds: str, session: str = "s", clip: bool = False, thread: str = "") -> Told:
        events: dict[str, Any] = {
            f"sdm.devices.events.Camera{kind}.{kind}": {"eventSessionId": session, "eventId": kind} for kind in kinds
        }
        if clip:
            address = "https://media.nestservices.google.com/sdm_event/clip"
            events[CLIP] = {"eventSessionId": session, "previewUrl": address}
        (name,) = (unit.name for unit in provider._units.values() if "doorbell" in unit.id)
        data = told(resourceUpdate={"name": name, "events": events}, eventThreadState=state, eventThreadId=thread)
        return [brief(event) for event in provider._told(data)]

    return take


def test_messages_out_of_order(take: Callable[..., Told]) -> None:
    assert take("ENDED", "Motion") == [("motion", "pulse")]
    assert take("STARTED", "Motion") == []
    assert take("ENDED", "Motion") == []
    assert take("UPDATED", "Person") == [("person", "pulse")], "what has ended has no end to come"
    assert take("ENDED", "Person", "Motion") == []


def test_a_clip_before_what_it_shows(take: Callable[..., Told]) -> None:
    assert take("STARTED", clip=True) == []
    assert take("UPDATED", "Person", clip=True) == [("person", "start")]
    assert take("UPDATED", "Person", clip=True) == []
    assert take("ENDED") == [], "a message that names no session ends none"
    assert take("ENDED", clip=True) == [("person", "end")]


def test_a_clip_with_what_it_shows(take: Callable[..., Told]) -> None:
    assert take("STARTED", "Motion") == [("motion", "start")]
    assert take("UPDATED", "Motion", "Person", clip=True) == [("motion", "update"), ("person", "start")]
    assert take("ENDED", "Motion") == [("motion", "end"), ("person", "end")]


def test_a_clip_in_a_message_of_its_own(take: Callable[..., Told]) -> None:
    assert take("STARTED", "Motion") == [("motion", "start")]
    assert take("UPDATED", clip=True) == [("motion", "update")]


def test_a_thread_ends_without_naming_what_it_told(take: Callable[..., Told]) -> None:
    assert take("STARTED", "Motion", thread="first") == [("motion", "start")]
    assert take("STARTED", "Person", session="other", thread="second") == [("person", "start")]
    assert take("ENDED", thread="third") == []
    assert take("ENDED", thread="first") == [("motion", "end")]
    assert take("ENDED", thread="first") == []
    assert take("ENDED", thread="second") == [("person", "end")]


def test_the_end_of_a_thread_is_that_of_its_camera_only(provider: NestProvider, cameras: Cameras) -> None:
    names = sorted(provider._units)
    begun = [
        event
        for name in names
        for event in provider._told(
            told(
                resourceUpdate={"name": name, "events": {MOTION: {"eventSessionId": "s", "eventId": "e"}}},
                eventThreadState="STARTED",
                eventThreadId="t",
            )
        )
    ]
    over = told(resourceUpdate={"name": names[0], "events": {}}, eventThreadState="ENDED", eventThreadId="t")
    assert [event.id for event in provider._told(over)] == [begun[0].id]


async def test_an_end_that_bears_the_time_of_the_beginning(
    take: Callable[..., Told], provider: NestProvider, cameras: Cameras, clock: FakeClock
) -> None:
    """All messages of a thread may bear the time that it began at."""
    take("STARTED", "Motion", thread="t")
    await clock.advance(20)
    (name,) = (unit.name for unit in provider._units.values() if "doorbell" in unit.id)
    over = told(resourceUpdate={"name": name, "events": {}}, eventThreadState="ENDED", eventThreadId="t")
    (end,) = provider._told(over)
    assert (end.phase, end.at) == (EventPhase.END, clock.now())


async def test_what_is_never_heard_of_again_has_ended(
    listener: Listener, service: NestSimulator, clock: FakeClock, provider: NestProvider
) -> None:
    seen = service.happenings.begin(service.device("doorbell"), "motion")
    assert brief(await listener.next()) == (EventKind.MOTION, EventPhase.START)
    listener.wait()
    await clock.advance(200)
    service.happenings.add(seen, "person")
    assert brief(await listener.next()) == (EventKind.PERSON, EventPhase.START)
    listener.wait()
    await clock.advance(LOST_S - 1)
    assert listener.reading is not None
    assert not listener.reading.done(), "it was heard of meanwhile"
    await clock.advance(1)
    ended = [await listener.next(), await listener.next()]
    assert {brief(event) for event in ended} == {
        (EventKind.MOTION, EventPhase.END),
        (EventKind.PERSON, EventPhase.END),
    }
    assert {event.at for event in ended} == {clock.now()}
    assert provider._tracker.next_lost() is None
    # A late end is none any more, and the line goes on.
    service.happenings.end(seen)
    service.happenings.begin(service.device("doorbell"), "chime")
    assert brief(await listener.next()) == (EventKind.DOORBELL, EventPhase.START)


def test_sessions_are_forgotten_in_the_end(take: Callable[..., Told]) -> None:
    assert take("STARTED", "Motion", session="first") == [("motion", "start")]
    for number in range(200):
        take("STARTED", "Motion", session=str(number))
    assert take("UPDATED", "Motion", session="first") == [("motion", "start")]


def told(**changes: Any) -> bytes:
    events = {MOTION: {"eventSessionId": "s", "eventId": "e", "zones": ["a", 1]}}
    update = {"name": "enterprises/p/devices/d", "events": events}
    whole = {"eventId": "m", "timestamp": "2026-01-02T03:04:05Z", "resourceUpdate": update}
    return json.dumps({**whole, **changes}).encode()


def read(data: bytes) -> Message:
    found = message(data)
    assert found is not None
    return found


def test_a_message_is_read() -> None:
    found = read(told(eventThreadState="STARTED"))
    assert (found.device, found.state) == ("enterprises/p/devices/d", ThreadState.STARTED)
    assert found.at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert found.events[EventKind.MOTION].zones == ("a",)
    assert found.thread == ""
    assert read(told(eventThreadId="t")).thread == "t"
    assert read(told(eventThreadState="SOMETHING")).state is ThreadState.UPDATED
    assert read(told()).state is ThreadState.NONE
    assert read(told(timestamp="2026-01-02T03:04:05")).at.tzinfo is not None


def test_a_zone_without_a_name_is_none() -> None:
    events = {MOTION: {"eventSessionId": "s", "eventId": "e", "zones": ["", " Path "]}}
    found = read(told(resourceUpdate={"name": "d", "events": events}))
    assert found.events[EventKind.MOTION].zones == ("Path",)


def test_what_is_unknown_is_passed_over() -> None:
    events = {
        "sdm.devices.events.Something.New": {"eventSessionId": "s"},
        "sdm.devices.events.CameraClipPreview.ClipPreview": {"eventSessionId": "s"},
        MOTION: "no object",
    }
    found = read(told(resourceUpdate={"name": "d", "events": events}, eventThreadId="thread"))
    assert found.clips == {}
    assert found.events[EventKind.MOTION].session == "thread"
    assert message(b'{"relationUpdate": {"type": "CREATED"}}') is None


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", told(timestamp="now"), told(timestamp=5), told(resourceUpdate={"events": {}})]
)
def test_what_cannot_be_read_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        message(data)

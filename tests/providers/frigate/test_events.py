import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.providers.frigate.line import LATE, PAGE, PICTURE_S, POLL_S, SILENCE_S, SOON_S
from custom_components.camhub.providers.frigate.provider import FrigateProvider
from custom_components.camhub.providers.frigate.topics import message
from simulators.frigate import FrigateSimulator
from simulators.frigate.login import User
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, until

from .conftest import USER, MakeProvider, MakeServer, Serve, login

UNREADABLE = "events.malformed"
START, UPDATE, END, PRESENT = EventPhase.START, EventPhase.UPDATE, EventPhase.END, EventPhase.PRESENT


class Listener:
    """Reads the events of one dial in a task."""

    def __init__(self, provider: FrigateProvider) -> None:
        self.found: list[CameraEvent] = []
        self.error: HubError | None = None
        self._changed = asyncio.Event()
        self._counters = provider._context.counters
        self.task = asyncio.create_task(self._read(provider))

    async def _read(self, provider: FrigateProvider) -> None:
        try:
            async for event in provider.events():
                self.found.append(event)
                self._changed.set()
        except HubError as error:
            self.error = error

    async def until(self, count: int) -> list[CameraEvent]:
        """Return when that many have come."""
        while len(self.found) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.found

    async def caught_up(self, server: FrigateSimulator) -> None:
        """Return when all that the server has said until now was read, and what came of it told."""
        read = self._counters.get(UNREADABLE)
        server.line.say("no message")
        await until(lambda: self._counters.get(UNREADABLE) > read or self.task.done())

    async def looked(self, server: FrigateSimulator, clock: FakeClock) -> None:
        """Let the lists be read once more, and return when what they hold was told."""
        asked = server.requests["/api/review"]
        await clock.advance(POLL_S)
        await server.wait_until(lambda: server.requests["/api/review"] > asked)
        await self.caught_up(server)

    @property
    def told(self) -> list[tuple[str, EventPhase]]:
        return [(each.id, each.phase) for each in self.found]


@asynccontextmanager
async def listening(provider: FrigateProvider, server: FrigateSimulator) -> AsyncIterator[Listener]:
    """Listen until the end of the block; the lists have been read by its beginning."""
    asked = server.requests["/api/review"]
    listener = Listener(provider)
    await server.wait_until(lambda: server.requests["/api/review"] > asked)
    await listener.caught_up(server)
    yield listener
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


@pytest.fixture
def provider(server: FrigateSimulator, make_provider: MakeProvider) -> FrigateProvider:
    return make_provider(server.url)


async def test_an_object_from_start_to_end(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        begun = clock.now()
        seen = server.happenings.begin("driveway", "person", zones=("gate",))
        await listener.until(1)
        await clock.advance(3)
        server.happenings.change(seen, zones=("gate", "street"), sub_label="Robin")
        await clock.advance(3)
        server.happenings.end(seen)
        start, *_, end = await listener.until(4)
    assert listener.told == [(seen, START), (seen, UPDATE), (seen, UPDATE), (seen, END)]
    assert (start.camera, start.kind, start.at, start.zones) == ("driveway", EventKind.PERSON, begun, ("gate",))
    assert start.score == pytest.approx(0.83)
    assert start.image is not None
    assert start.image.content.startswith(b"\xff\xd8")
    assert (start.image.source, start.image.taken_at) == ("event", begun)
    assert start.clip is None
    assert end.zones == ("gate", "street")
    assert end.at == clock.now()
    assert dict(end.metadata) == {
        "label": "person",
        "sub_label": "Robin",
        "who": "Robin",
        "event_id": seen,
        "severity": "alert",
    }
    assert end.image is None
    assert end.clip is not None
    assert (end.clip.camera, end.clip.kind, end.clip.start) == ("driveway", EventKind.PERSON, begun)


async def test_kinds_and_what_was_recognised(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        car = server.happenings.begin("driveway", "car")
        cat = server.happenings.begin("back_door", "cat")
        bag = server.happenings.begin("back_door", "suitcase")
        await listener.until(4)
        server.happenings.recognise(car, "lpr", "Robin's car", "EX 4MPLE")
        server.happenings.recognise(car, "lpr", "Robin's car", "EX 4MPLE")
        server.happenings.end(cat)
        server.line.tell("tracked_object_update", {"type": "face", "camera": "driveway", "name": "nobody"})
        server.happenings.end(bag)
        await listener.caught_up(server)
    kinds = {each.id: each.kind for each in listener.found}
    assert kinds == {car: EventKind.VEHICLE, cat: EventKind.ANIMAL, bag: EventKind.MOTION}
    updates = [each for each in listener.found if each.phase is UPDATE and "plate" in each.metadata]
    assert [(each.id, each.metadata["plate"], each.metadata["sub_label"]) for each in updates] == [
        (car, "EX 4MPLE", "Robin's car")
    ]
    assert "who" not in updates[0].metadata


async def test_what_went_on_before_is_not_told_until_it_moves(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    gone = server.happenings.begin("driveway", "dog")
    server.happenings.end(gone)
    parked = server.happenings.begin("driveway", "car", stationary=True)
    walking = server.happenings.begin("driveway", "person")
    async with listening(provider, server) as listener:
        await listener.until(2)
        assert listener.told == [(f"{parked}~rest1", PRESENT), (f"{walking}~rest1", PRESENT)]
        assert {each.image for each in listener.found} == {None}
        server.happenings.change(parked, score=0.84)
        server.happenings.change(walking, score=0.9)
        await listener.until(4)
        server.happenings.end(parked)
        server.happenings.end(walking)
        await listener.until(6)
        await listener.looked(server, clock)
    assert listener.told[2:] == [
        (walking, START),
        (f"{walking}~rest1", END),
        (f"{parked}~rest1", END),
        (walking, END),
    ]


async def test_what_comes_to_rest_has_ended_and_may_begin_anew(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        car = server.happenings.begin("driveway", "car")
        await listener.until(2)
        server.happenings.change(car, stationary=True)
        await listener.until(4)
        server.happenings.change(car, sub_label="Robin's")
        await listener.until(5)
        await clock.advance(POLL_S)
        server.happenings.change(car, stationary=False)
        await listener.until(7)
        server.happenings.change(car, stationary=True)
        await listener.until(9)
        server.happenings.end(car)
        await listener.until(10)
        await listener.looked(server, clock)
    assert listener.told == [
        (car, START),
        (car, UPDATE),
        (f"{car}~rest1", PRESENT),
        (car, END),
        (f"{car}~rest1", UPDATE),
        (f"{car}~1", START),
        (f"{car}~rest1", END),
        (f"{car}~rest2", PRESENT),
        (f"{car}~1", END),
        (f"{car}~rest2", END),
    ]
    assert {each.metadata["event_id"] for each in listener.found} == {car}


async def test_nothing_is_lost_or_told_twice_over_a_drop(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        stays = server.happenings.begin("driveway", "person")
        leaves = server.happenings.begin("back_door", "person")
        vanishes = server.happenings.begin("back_door", "cat")
        await listener.until(6)
        server.line.drop()
        await listener.task
    assert listener.error is not None
    assert listener.error.reason == "event_line_closed"
    server.happenings.muted = True
    await clock.advance(30)
    server.happenings.end(leaves)
    del server.happenings.events[vanishes]
    short = server.happenings.begin("driveway", "dog")
    await clock.advance(2)
    server.happenings.end(short)
    still = server.happenings.begin("driveway", "car")
    server.happenings.muted = False
    async with listening(provider, server) as again:
        await again.until(5)
        server.happenings.end(stays)
        server.happenings.end(still)
        await again.until(8)
        await again.looked(server, clock)
    told = [each for each in again.told if each[1] is not UPDATE]
    assert sorted(told) == sorted(
        [(leaves, END), (vanishes, END), (short, START), (short, END), (still, START), (stays, END), (still, END)]
    )
    assert told.index((short, START)) < told.index((short, END)) < told.index((still, START))


async def test_the_end_of_what_began_long_ago_is_asked_for(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        long = server.happenings.begin("driveway", "person")
        await listener.until(2)
    await clock.advance(2 * LATE.total_seconds())
    server.happenings.muted = True
    other = server.happenings.begin("driveway", "dog")
    async with listening(provider, server) as again:
        await again.until(1)
    server.happenings.end(long)
    async with listening(provider, server) as last:
        await last.until(1)
    assert (again.told[0], last.told) == ((other, START), [(long, END)])
    assert last.found[0].at == clock.now()


async def test_more_than_a_page_is_caught_up(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    first = server.happenings.begin("driveway", "person")
    server.happenings.end(first)
    async with listening(provider, server) as listener:
        assert listener.found == []
    server.happenings.muted = True
    missed = []
    for _ in range(2 * PAGE + 5):
        await clock.advance(LATE.total_seconds() / PAGE)
        missed.append(server.happenings.begin("driveway", "person"))
        server.happenings.end(missed[-1])
    async with listening(provider, server) as again:
        await again.until(2 * len(missed))
    assert [each for each in again.told if each[1] is START] == [(each, START) for each in missed]


async def test_what_is_better_known_is_told(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        seen = server.happenings.begin("driveway", "person", score=0.71)
        await listener.until(2)
        for score in (0.72, 0.74, 0.76, 0.6, 0.9):
            server.happenings.change(seen, score=score)
        server.happenings.change(seen, zones=("gate",))
        server.happenings.change(seen, zones=("gate",))
        server.happenings.end(seen)
        await listener.until(6)
    assert [(each.phase, each.score, each.zones) for each in listener.found[2:]] == [
        (UPDATE, 0.76, ()),
        (UPDATE, 0.9, ()),
        (UPDATE, 0.9, ("gate",)),
        (END, 0.9, ("gate",)),
    ]


async def test_a_face_the_server_is_not_sure_of_is_nobody(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        seen = server.happenings.begin("driveway", "person")
        await listener.until(2)
        server.happenings.recognise(seen, "face", "Alex", score=0.61)
        server.happenings.recognise(seen, "face", "Robin", score=0.9)
        found = await listener.until(3)
        await listener.caught_up(server)
    assert listener.told == [(seen, START), (seen, UPDATE), (seen, UPDATE)]
    assert found[-1].metadata["who"] == "Robin"


async def test_how_severe_it_is_is_told_at_the_beginning(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        live = server.happenings.begin("driveway", "person", max_severity="alert")
        await listener.until(1)
        server.happenings.muted = True
        server.happenings.reviews.clear()
        listed = server.happenings.begin("driveway", "car", max_severity="detection")
        server.happenings.reviews.clear()
        await listener.looked(server, clock)
        server.happenings.muted = False
        mixed = server.happenings.begin("driveway", "car", max_severity="detection")
        await listener.until(4)
        server.happenings.change(mixed, zones=("gate",))
        found = await listener.until(5)
    assert [(each.id, each.phase, each.metadata["severity"]) for each in found] == [
        (live, START, "alert"),
        (listed, START, "detection"),
        (mixed, START, "detection"),
        (mixed, UPDATE, "alert"),
        (mixed, UPDATE, "alert"),
    ]


async def test_how_severe_it_is_stays_known_when_somebody_has_looked(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        server.happenings.muted = True
        seen = server.happenings.begin("driveway", "person")
        for review in server.happenings.reviews.values():
            review["has_been_reviewed"] = True
        await listener.looked(server, clock)
    assert listener.told == [(seen, START), (seen, UPDATE)]
    assert listener.found[-1].metadata["severity"] == "alert"


@pytest.mark.parametrize("live", [True, False])
async def test_who_it_was_may_be_known_after_the_end(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock, live: bool
) -> None:
    before = server.happenings.begin("driveway", "person")
    server.happenings.end(before)
    async with listening(provider, server) as listener:
        seen = server.happenings.begin("driveway", "person")
        server.happenings.end(seen)
        await listener.until(3)
        server.happenings.muted = not live
        server.happenings.recognise(before, "face", "Alex")
        server.happenings.recognise(seen, "face", "Robin")
        await clock.advance(POLL_S)
        found = await listener.until(4)
        await listener.looked(server, clock)
    assert listener.told == [(seen, START), (seen, UPDATE), (seen, END), (seen, UPDATE)]
    assert found[-1].metadata["who"] == "Robin"


async def test_what_is_there_is_known_after_a_drop(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        stops = server.happenings.begin("driveway", "car")
        moves = server.happenings.begin("driveway", "truck")
        leaves = server.happenings.begin("driveway", "bus", stationary=True)
        server.happenings.change(moves, stationary=True)
        await listener.until(8)
        server.line.drop()
        await listener.task
    server.happenings.muted = True
    server.happenings.change(stops, stationary=True)
    server.happenings.change(moves, stationary=False)
    server.happenings.end(leaves)
    server.happenings.muted = False
    async with listening(provider, server) as again:
        await again.until(5)
    assert again.told == [
        (f"{leaves}~rest1", END),
        (f"{stops}~rest1", PRESENT),
        (stops, END),
        (f"{moves}~1", START),
        (f"{moves}~rest1", END),
    ]


async def test_what_nobody_writes_down_goes_on_until_the_line_says_so(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    """Without recordings and snapshots the server's lists are empty."""
    there = server.happenings.begin("driveway", "person", stationary=True)
    server.faults.answers["/api/events"] = (200, "application/json", "[]")
    server.faults.answers["/api/review"] = (200, "application/json", "[]")
    server.faults.answers[f"/api/events/{there}"] = (404, "application/json", '"Event not found"')
    listener = Listener(provider)
    await listener.until(1)
    await listener.looked(server, clock)
    assert listener.told == [(f"{there}~rest1", PRESENT)]
    assert server.requests[f"/api/events/{there}"] == 1
    server.happenings.end(there)
    await listener.until(2)
    assert listener.told[1] == (f"{there}~rest1", END)
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_who_is_there_already_is_named(server: FrigateSimulator, provider: FrigateProvider) -> None:
    there = server.happenings.begin("driveway", "person", zones=("gate",))
    server.happenings.muted = True
    server.happenings.recognise(there, "face", "Robin")
    server.faults.answers["/api/events"] = (200, "application/json", "[]")
    listener = Listener(provider)
    (found,) = await listener.until(1)
    assert (found.kind, found.zones, found.metadata["who"]) == (EventKind.PERSON, ("gate",), "Robin")
    assert found.metadata["label"] == "person"
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_motion_that_goes_on_when_the_line_is_dialled(
    server: FrigateSimulator, provider: FrigateProvider
) -> None:
    server.happenings.moving.add("driveway")
    async with listening(provider, server) as listener:
        await listener.until(1)
        server.line.tell("camera_activity", server.activity())
        server.happenings.motion("driveway", on=False)
        await listener.until(2)
    assert [(each.kind, each.phase) for each in listener.found] == [(EventKind.MOTION, START), (EventKind.MOTION, END)]


async def test_a_sound_is_looked_up_soon(server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock) -> None:
    """Not every sound is reviewed, and it is written down a moment after it was announced."""
    async with listening(provider, server) as listener:
        asked = server.requests["/api/events"]
        server.happenings.muted = True
        bark = server.happenings.begin("nursery", "bark", audio=True)
        server.happenings.muted = False
        for topic, payload in (("dBFS", -20.5), ("rms", 3.0), ("state", "ON"), ("all", "ON")):
            server.line.tell(f"nursery/audio/{topic}", payload, "nursery")
        await listener.caught_up(server)
        await clock.advance(SOON_S)
        await listener.caught_up(server)
        assert server.requests["/api/events"] == asked
        server.line.tell("nursery/audio/bark", "ON", "nursery")
        server.line.tell("elsewhere/audio/bark", "ON", "elsewhere")
        await listener.caught_up(server)
        await clock.advance(SOON_S)
        await listener.until(1)
    assert listener.told[0] == (bark, START)
    assert listener.found[0].kind is EventKind.SOUND


async def test_sounds_are_told_by_reviews(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        bark = server.happenings.begin("nursery", "bark", audio=True)
        await listener.until(1)
        server.happenings.end(bark)
        found = await listener.until(3)
    assert [(each.id, each.phase, each.kind) for each in found if each.phase is not UPDATE] == [
        (bark, START, EventKind.SOUND),
        (bark, END, EventKind.SOUND),
    ]
    assert found[-1].metadata["severity"] == "detection"


async def test_motion_begins_once_and_ends_with_the_line(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        for on in (True, True, False, False, True):
            server.happenings.motion("driveway", on=on)
            await listener.caught_up(server)
            await clock.advance(1)
        server.happenings.motion("elsewhere", on=True)
        await listener.until(3)
        server.line.drop()
        await listener.task
    assert [each.phase for each in listener.found] == [START, END, START, END]
    assert {each.kind for each in listener.found} == {EventKind.MOTION}
    assert len({each.id for each in listener.found}) == 2


async def test_nonsense_is_counted_and_stops_nothing(server: FrigateSimulator, make_context: MakeContext) -> None:
    context = make_context(login(server.url))
    provider = FrigateProvider(context)
    server.faults.answers["/api/events"] = (200, "application/json", '[{"id": "half"}, 7]')
    async with listening(provider, server) as listener:
        del server.faults.answers["/api/events"]
        counted = context.counters.get(UNREADABLE)
        for text in (
            "",
            "[]",
            '{"topic": 3}',
            '{"topic": "events", "payload": "{"}',
            '{"topic": "stats", "payload": "{}"}',
        ):
            server.line.say(text)
        server.line.tell("events", {"type": "new", "after": {}})
        server.line.tell("reviews", {"type": "new", "after": {}})
        server.line.tell("something/else/entirely", "ON")
        seen = server.happenings.begin("driveway")
        await listener.until(1)
    assert listener.told[0] == (seen, START)
    assert context.counters.get(UNREADABLE) - counted == 6


async def test_a_mistake_is_no_event(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        wrong = {"id": "1-a", "camera": "driveway", "label": "person", "start_time": 1, "false_positive": True}
        server.line.tell("events", {"type": "new", "before": wrong, "after": wrong})
        right = server.happenings.begin("driveway")
        await listener.until(1)
    assert listener.told[0] == (right, START)


async def test_an_end_without_its_time_is_an_end(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        known = {"id": "1-a", "camera": "driveway", "label": "person", "start_time": 1, "end_time": None}
        server.line.tell("events", {"type": "end", "before": known, "after": known})
        await listener.until(2)
    assert listener.told == [("1-a", START), ("1-a", END)]
    assert listener.found[0].image is None, "there is none of an event that the server does not know"


async def test_figures_come_along(server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock) -> None:
    async with listening(provider, server) as listener:
        server.faults.offline.add("driveway")
        server.line.tell("stats", server.stats())
        await listener.caught_up(server)
        told = provider.diagnostics()["cameras"]
        assert isinstance(told, dict)
        assert told["driveway"]["offline_reason"] == "camera_offline"
        assert server.requests["/api/stats"] == 1


async def looked(server: FrigateSimulator, times: int) -> None:
    await server.wait_until(lambda: server.requests["/api/review"] >= times)


@pytest.mark.parametrize(("interval", "silence"), [(60, SILENCE_S), (3 * POLL_S, 6 * POLL_S)])
async def test_a_silent_line_is_broken(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock, interval: float, silence: float
) -> None:
    server.stats_interval = interval
    async with listening(provider, server) as listener:
        for number in range(round(silence / POLL_S) - 1):
            await clock.advance(POLL_S)
            await looked(server, number + 2)
            # It has all the answers: it waits for the next look, not for one of them.
            await until(lambda: clock.slept[-1] == POLL_S)
        assert not listener.task.done()
        await clock.advance(POLL_S)
        await listener.task
    assert isinstance(listener.error, Unreachable)
    assert listener.error.reason == "timeout"


async def test_cameras_outside_the_role_are_not_told(make_server: MakeServer, make_provider: MakeProvider) -> None:
    server = await make_server("0.17")
    server.login.roles = {"family": ("nursery",)}
    server.login.users[USER].role = "family"
    provider = make_provider(server.url)
    async with listening(provider, server) as listener:
        server.happenings.begin("driveway", "person")
        seen = server.happenings.begin("nursery", "person")
        await listener.until(2)
    assert listener.told == [(seen, START), (seen, UPDATE)]


async def test_what_leaves_the_role_has_ended(
    make_server: MakeServer, make_provider: MakeProvider, clock: FakeClock
) -> None:
    server = await make_server("0.17")
    server.login.roles = {"family": ("nursery", "driveway")}
    server.login.users[USER].role = "family"
    provider = make_provider(server.url)
    async with listening(provider, server) as listener:
        seen = server.happenings.begin("driveway", "person")
        await listener.until(2)
    server.login.roles = {"family": ("nursery",)}
    async with listening(provider, server) as again:
        await again.looked(server, clock)
        assert again.error is None
    assert again.told == [(seen, END)]


async def test_a_refused_login_ends_the_events(server: FrigateSimulator, provider: FrigateProvider) -> None:
    await provider.cameras()
    server.change_password(USER, "another")
    with pytest.raises(AuthError):
        await anext(provider.events())
    assert server.login.failed == 1


async def test_a_login_refused_at_an_event_s_picture(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        server.login.users[USER] = User(password="another")
        server.login.forget_tokens()
        server.happenings.begin("driveway")
        await listener.task
    assert isinstance(listener.error, AuthError)


async def test_an_event_without_a_snapshot_has_its_thumbnail(
    server: FrigateSimulator, provider: FrigateProvider
) -> None:
    async with listening(provider, server) as listener:
        server.happenings.events["1700000000.5-small"] = {
            **server.happenings.events[server.happenings.begin("back_door")],
            "id": "1700000000.5-small",
            "has_snapshot": False,
        }
        server.happenings.change("1700000000.5-small", zones=("gate",))
        await listener.until(3)
    small = next(each for each in listener.found if each.id == "1700000000.5-small")
    assert small.image is not None
    assert server.requests["/api/events/1700000000.5-small/thumbnail.jpg"] == 1


async def test_a_slow_picture_holds_no_event_up(
    server: FrigateSimulator, provider: FrigateProvider, clock: FakeClock
) -> None:
    async with listening(provider, server) as listener:
        server.faults.slow_s = 86400
        seen = server.happenings.begin("driveway", "person")
        await server.wait_until(lambda: server.requests[f"/api/events/{seen}/snapshot.jpg"] == 1)
        await clock.advance(PICTURE_S)
        start, *_ = await listener.until(1)
    assert (start.id, start.phase, start.image) == (seen, START, None)


@pytest.mark.parametrize("status", [404, 502])
async def test_no_websocket_is_said(server: FrigateSimulator, provider: FrigateProvider, status: int) -> None:
    await provider.cameras()
    server.faults.answers["/ws"] = (status, "text/html", "")
    with pytest.raises(HubError) as caught:
        await anext(provider.events())
    assert caught.value.reason == {404: "not_on_server", 502: "server_starting"}[status]
    server.faults.answers["/ws"] = (200, "text/html", "hello")
    with pytest.raises(Malformed):
        await anext(provider.events())


def test_a_message_is_read() -> None:
    told = message(json.dumps({"topic": "driveway/motion", "payload": "ON"}))
    assert (told.topic, told.payload) == ("driveway/motion", "ON")
    assert message('{"topic": "a", "payload": "[1]"}').payload == [1]
    assert message('{"topic": "a"}').payload is None


async def test_what_is_no_picture_is_not_kept(server: FrigateSimulator, provider: FrigateProvider) -> None:
    async with listening(provider, server) as listener:
        for name in ("snapshot.jpg", "thumbnail.jpg"):
            server.faults.answers[f"/api/events/1-a/{name}"] = (200, "text/html", "<html>")
        seen = {"id": "1-a", "camera": "driveway", "label": "person", "start_time": 1}
        server.line.tell("events", {"type": "new", "before": seen, "after": seen})
        await listener.until(1)
    assert listener.found[0].image is None


async def test_bytes_on_the_line_mean_nothing(serve: Serve, make_provider: MakeProvider) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_bytes(b"{}")
            await socket.send_str('{"topic": "reviews", "payload": "{}"}')
            await socket.close()
            return socket
        if request.path == "/api/version":
            return web.Response(text="0.17.0")
        told: dict[str, object] = {"cameras": {"a": {}}, "username": "x"}
        return web.json_response([] if request.path in {"/api/events", "/api/review"} else told)

    provider = make_provider(await serve(answer), username="")
    with pytest.raises(Unreachable):
        await anext(provider.events())

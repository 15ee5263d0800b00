"""What the cameras saw, looked up again and again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import override

import pytest

from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.providers.nest_legacy.client import Client
from custom_components.camhub.providers.nest_legacy.events import LONGEST, REMEMBERED, History, Memory
from custom_components.camhub.providers.nest_legacy.parse import Unit
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from custom_components.camhub.providers.nest_legacy.wire import PATIENT_S
from simulators.nest_legacy import NestLegacySimulator
from tests.fake_clock import FakeClock, settle

from .conftest import ATTIC, EU1, HALL, RPC, STEP, US1, MakeClient, MakeProvider, google

START, UPDATE, END, PRESENT = EventPhase.START, EventPhase.UPDATE, EventPhase.END, EventPhase.PRESENT


@pytest.fixture
async def units(client: Client) -> list[Unit]:
    return list((await client.home()).units)


@pytest.fixture
def history(client: Client, units: list[Unit]) -> History:
    return History(client, lambda: units, Memory())


class WrongClock(FakeClock):
    """Another clock, but off."""

    def __init__(self, right: FakeClock, off: timedelta) -> None:
        super().__init__()
        self._right = right
        self.off = off

    @override
    def now(self) -> datetime:
        return self._right.now() + self.off

    @override
    def monotonic(self) -> float:
        return self._right.monotonic()

    @override
    async def sleep(self, seconds: float) -> None:
        await self._right.sleep(seconds)


def marks(events: list[CameraEvent]) -> list[tuple[EventKind, EventPhase]]:
    return [(each.kind, each.phase) for each in events]


async def test_from_start_to_end(history: History, services: NestLegacySimulator, clock: FakeClock) -> None:
    assert await history.fetch() == []
    begun = clock.now()
    seen = services.house.see(HALL, "motion", zones=(1, 7))
    (event,) = await history.fetch()
    assert (event.id, event.camera, event.phase, event.at) == (f"{HALL}:{seen}:motion", HALL, START, begun)
    assert (event.zones, event.metadata) == (("Path", "7"), {"event_id": f"{HALL}:{seen}", "types": "motion"})
    await clock.advance(12)
    assert await history.fetch() == []
    services.house.end(HALL, seen)
    (over,) = await history.fetch()
    assert (over.id, over.phase, over.at) == (event.id, END, begun + timedelta(seconds=12))
    assert await history.fetch() == []


@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=-1)])
async def test_a_clock_of_ours_that_is_wrong_hides_nothing(
    make_client: MakeClient, services: NestLegacySimulator, clock: FakeClock, off: timedelta
) -> None:
    wrong = WrongClock(clock, off)
    client = make_client(clock=wrong)
    units = list((await client.home()).units)
    history = History(client, lambda: units, Memory())
    assert await history.fetch() == []
    begun = clock.now()
    seen = services.house.see(HALL, "motion")
    (event,) = await history.fetch()
    assert (event.phase, event.at) == (START, begun)
    wrong.off = timedelta(0)
    await clock.advance(20)
    assert await history.fetch() == [], "it was put right between two looks"
    second = services.house.see(HALL, "person")
    assert [each.id for each in await history.fetch()] == [f"{HALL}:{second}:person"]
    services.house.end(HALL, seen)
    (over,) = await history.fetch()
    assert over.phase is END
    assert abs(over.at - clock.now()) <= timedelta(seconds=1)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Feb 2026 99:99:99 GMT"])
async def test_a_time_that_cannot_be_read_is_left_out(
    client: Client, services: NestLegacySimulator, clock: FakeClock, date: str
) -> None:
    services.faults.date = date
    await client.home()
    assert client.now() == clock.now()


async def test_a_time_without_a_zone_is_in_utc(client: Client, services: NestLegacySimulator, clock: FakeClock) -> None:
    services.faults.date = "Sat Jan  3 03:04:05 2026"
    await client.home()
    assert client.now() == clock.now() + timedelta(days=1)


async def test_a_stretch_of_two_kinds_is_two_events(
    history: History, services: NestLegacySimulator, clock: FakeClock
) -> None:
    seen = services.house.see(HALL, "motion")
    assert marks(await history.fetch()) == [(EventKind.MOTION, START)]
    point = services.house.history(HALL, 0)[0]
    point["types"].append("person")
    point["face_name"] = "Robin"
    (person,) = await history.fetch()
    told = {"event_id": f"{HALL}:{seen}", "types": "motion,person", "who": "Robin"}
    assert (person.kind, person.metadata) == (EventKind.PERSON, told)
    services.house.end(HALL, seen)
    assert marks(await history.fetch()) == [(EventKind.MOTION, END), (EventKind.PERSON, END)]


async def test_who_it_is_may_be_known_later(history: History, services: NestLegacySimulator, clock: FakeClock) -> None:
    seen = services.house.see(HALL, "motion", "face")
    begun = clock.now()
    assert marks(await history.fetch()) == [(EventKind.MOTION, START), (EventKind.FACE, START)]
    point = services.house.history(HALL, 0)[0]
    point["face_name"] = "Robin"
    await clock.advance(12)
    (known,) = await history.fetch()
    assert (known.id, known.phase, known.at) == (f"{HALL}:{seen}:face", UPDATE, begun + timedelta(seconds=12))
    assert known.metadata["who"] == "Robin"
    assert await history.fetch() == [], "once"
    services.house.end(HALL, seen)
    over = await history.fetch()
    assert [(each.kind, each.phase, each.metadata.get("who")) for each in over] == [
        (EventKind.MOTION, END, None),
        (EventKind.FACE, END, "Robin"),
    ]


async def test_who_it_was_may_be_known_when_all_is_over(history: History, services: NestLegacySimulator) -> None:
    seen = services.house.see(HALL, "motion")
    services.house.end(HALL, seen)
    assert marks(await history.fetch()) == [(EventKind.MOTION, START), (EventKind.MOTION, END)]
    services.house.history(HALL, 0)[0]["face_name"] = "Robin"
    (known,) = await history.fetch()
    assert (known.id, known.phase, known.metadata["who"]) == (f"{HALL}:{seen}:motion", UPDATE, "Robin")
    assert await history.fetch() == []


async def test_what_is_over_already_is_told_whole(history: History, services: NestLegacySimulator) -> None:
    services.house.end(STEP, services.house.see(STEP, "doorbell"))
    assert marks(await history.fetch()) == [(EventKind.DOORBELL, START), (EventKind.DOORBELL, END)]


async def test_a_kind_that_a_camera_does_not_offer_is_motion(history: History, services: NestLegacySimulator) -> None:
    services.house.see(HALL, "package-delivered", "motion")
    assert marks(await history.fetch()) == [(EventKind.MOTION, START)]


async def test_what_was_long_before_is_no_news(
    history: History, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.house.see(HALL, "sound")
    await clock.advance(LONGEST.total_seconds() - 40)
    services.house.end(HALL, services.house.see(HALL, "motion"))
    there = services.house.see(HALL, "person")
    await clock.advance(31)
    recent = services.house.see(HALL, "person")
    await clock.advance(29)
    told = [(each.id, each.phase) for each in await history.fetch()]
    assert told == [(f"{HALL}:{there}:person", PRESENT), (f"{HALL}:{recent}:person", START)]
    services.house.history(HALL, 0)[2]["types"].append("face")
    assert marks(await history.fetch()) == [(EventKind.FACE, START)], "this is new"
    services.house.end(HALL, there)
    assert marks(await history.fetch()) == [(EventKind.PERSON, END), (EventKind.FACE, END)]


async def test_what_goes_on_for_long_is_still_told_its_end(
    history: History, services: NestLegacySimulator, clock: FakeClock
) -> None:
    seen = services.house.see(HALL, "motion")
    await history.fetch()
    for _ in range(10):
        await clock.advance(30)
        assert await history.fetch() == []
    services.house.end(HALL, seen)
    assert marks(await history.fetch()) == [(EventKind.MOTION, END)]


async def test_what_never_ends_is_ended(history: History, services: NestLegacySimulator, clock: FakeClock) -> None:
    services.house.see(HALL, "motion")
    await history.fetch()
    await clock.advance(LONGEST.total_seconds() + 1)
    (over,) = await history.fetch()
    assert (over.phase, over.at) == (END, clock.now())
    assert await history.fetch() == []


async def test_what_left_the_history_has_ended(history: History, services: NestLegacySimulator) -> None:
    services.house.see(HALL, "motion")
    await history.fetch()
    services.house.units[0].cuepoints.clear()
    assert marks(await history.fetch()) == [(EventKind.MOTION, END)]


async def test_not_everything_is_remembered(history: History, services: NestLegacySimulator) -> None:
    for _ in range(REMEMBERED + 1):
        services.house.end(HALL, services.house.see(HALL, "motion"))
    assert len(await history.fetch()) == 2 * (REMEMBERED + 1)
    assert len(await history.fetch()) == 2, "the oldest is forgotten; whoever listens knows it still"


async def test_names_of_zones_are_asked_for_once_an_hour(
    history: History, services: NestLegacySimulator, clock: FakeClock
) -> None:
    place = f"{US1}/cuepoint_category/{HALL}"
    services.faults.answers[place] = (503, "text/plain", "")
    services.house.see(HALL, "motion", zones=(1,))
    (event,) = await history.fetch()
    assert event.zones == ("1",)
    services.faults.answers.clear()
    await clock.advance(3601)
    for _ in range(2):
        services.house.see(HALL, "sound", zones=(1,))
        events = [each for each in await history.fetch() if each.phase is START]
        assert [each.zones for each in events] == [("Path",)]
    assert services.requests[place] == 2
    await clock.advance(3601)
    services.faults.answers[place] = (503, "text/plain", "")
    services.house.see(HALL, "sound", zones=(1,))
    assert [each.zones for each in await history.fetch() if each.phase is START] == [("Path",)]


async def test_a_login_that_ends_while_zones_are_asked_for(history: History, services: NestLegacySimulator) -> None:
    await history.fetch()
    services.house.see(HALL, "motion", zones=(1,))
    services.google.log_out()
    services.faults.answers[f"{US1}/cuepoint_category/{HALL}"] = (403, "text/plain", "")
    with pytest.raises(AuthError):
        await history.fetch()


async def test_cameras_that_are_off_are_not_asked(history: History, services: NestLegacySimulator) -> None:
    await history.fetch()
    asked = {place for place in services.requests if "cuepoint" in place}
    assert asked == {f"{US1}/cuepoint/{HALL}/2", f"{EU1}/cuepoint/{STEP}/2"}
    assert ATTIC not in str(asked)


async def test_what_goes_on_ends_with_the_camera(
    client: Client, services: NestLegacySimulator, clock: FakeClock
) -> None:
    units = list((await client.home()).units)
    history = History(client, lambda: units, Memory())
    services.house.see(HALL, "person")
    await history.fetch()
    services.house.units[0].state = "offline"
    units = list((await client.home()).units)
    await clock.advance(5)
    (over,) = await history.fetch()
    assert (over.kind, over.phase, over.at) == (EventKind.PERSON, END, clock.now())
    assert await history.fetch() == []


async def test_one_camera_that_fails_does_not_silence_the_others(
    history: History, services: NestLegacySimulator
) -> None:
    services.faults.answers[f"{EU1}/cuepoint/{STEP}/2"] = (500, "text/plain", "")
    services.house.see(HALL, "motion")
    assert marks(await history.fetch()) == [(EventKind.MOTION, START)]


async def test_a_camera_that_is_not_there_has_no_news(history: History, services: NestLegacySimulator) -> None:
    services.house.units[0].region = "eu1"
    assert await history.fetch() == []


async def test_all_that_fail_end_the_line(history: History, services: NestLegacySimulator) -> None:
    services.faults.camera_status = 500
    with pytest.raises(Unreachable) as caught:
        await history.fetch()
    assert caught.value.reason == "service_unavailable"
    services.faults.camera_status = 400
    with pytest.raises(Unreachable) as caught:
        await history.fetch()
    assert caught.value.reason == "malformed"


async def test_one_camera_that_is_closed_costs_no_sessions(
    history: History, services: NestLegacySimulator, clock: FakeClock
) -> None:
    services.faults.forbidden.add(HALL)
    for _ in range(60):
        await history.fetch()
        await clock.advance(30)
    assert services.google.tokens == 2


async def events_of(provider: NestLegacyProvider) -> list[CameraEvent]:
    return [event async for event in provider.events()]


async def test_it_can_be_switched_off(make_provider: MakeProvider, services: NestLegacySimulator) -> None:
    provider = make_provider(google(services), options={"history_every": 0})
    assert await events_of(provider) == []
    assert services.requests[RPC] == 0
    cameras = await provider.cameras()
    assert [each.event_kinds | each.recognised | each.lasting for each in cameras] == [frozenset()] * 4


@pytest.mark.parametrize("every", [45, 120.0])
async def test_as_often_as_it_is_set(
    make_provider: MakeProvider, services: NestLegacySimulator, clock: FakeClock, every: float
) -> None:
    provider = make_provider(google(services), options={"history_every": every})
    place = f"{US1}/cuepoint/{HALL}/2"
    async with aclosing(provider.events()) as events:
        waiting = asyncio.ensure_future(anext(events))
        for looks in range(1, 5):
            pause = await rest_after(services, clock, looks)
            assert services.requests[place] == looks
            assert abs(pause - every) <= every / 10
            await clock.advance(pause - 0.1)
            assert services.requests[place] == looks
            clock.slept.append(0)
            await clock.advance(0.2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def rest_after(services: NestLegacySimulator, clock: FakeClock, looks: int) -> float:
    """Return how long is slept after so many looks; shorter sleeps are time limits of requests."""
    await services.wait_until(lambda: services.requests[f"{US1}/cuepoint/{HALL}/2"] >= looks)
    while clock.slept[-1] <= PATIENT_S:
        await settle()
    return clock.slept[-1]


async def test_an_event_comes_through_the_provider(provider: NestLegacyProvider, services: NestLegacySimulator) -> None:
    await provider.connect()
    services.house.see(STEP, "person")
    events: AsyncGenerator[CameraEvent] = provider.events()
    async with aclosing(events):
        assert (await anext(events)).kind is EventKind.PERSON

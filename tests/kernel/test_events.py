import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
import logging

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.events import Dedup, EventPump, LineState, LineStatus, poll
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase, JsonValue
from custom_components.camhub.kernel.policy import Backoff
from tests.fake_clock import FakeClock, settle

BACKOFF = Backoff(first=1, factor=2, maximum=8, jitter=0)


def event(id_: str, clock: FakeClock, phase: EventPhase = EventPhase.PULSE) -> CameraEvent:
    return CameraEvent(id=id_, camera="porch", kind=EventKind.MOTION, at=clock.now(), phase=phase)


class Source:
    """Lines that a test speaks on: `say` an event or an error; each dial opens the next line."""

    def __init__(self) -> None:
        self.dials = 0
        self.open_lines = 0
        self.failing: list[Exception] = []
        self._said: asyncio.Queue[CameraEvent | Exception | None] = asyncio.Queue()

    async def say(self, what: CameraEvent | Exception | None) -> None:
        await self._said.put(what)
        await settle()

    async def __call__(self) -> AsyncGenerator[CameraEvent]:
        self.dials += 1
        if self.failing:
            raise self.failing.pop(0)
        self.open_lines += 1
        try:
            while (said := await self._said.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            self.open_lines -= 1


class Pumped:
    """A pump, what it delivered and the states it went through."""

    def __init__(self, clock: FakeClock, deliver: Callable[[CameraEvent], None] | None = None) -> None:
        self.source = Source()
        self.delivered: list[str] = []
        self.states: list[LineState] = []
        self.pump = EventPump(
            self.source,
            deliver or (lambda event: self.delivered.append(event.id)),
            clock=clock,
            backoff=BACKOFF,
            on_state=lambda: self.states.append(self.pump.state),
            grace=15,
            good_spell=60,
            random=lambda: 0.0,
        )

    def statuses(self) -> Sequence[str]:
        return [state.status for state in self.states]


@pytest.fixture
async def pumped(clock: FakeClock) -> AsyncGenerator[Pumped]:
    made = Pumped(clock)
    yield made
    await made.pump.close()
    assert made.source.open_lines == 0
    assert clock.sleepers == 0


async def test_polling_yields_what_is_fetched_in_its_rhythm(clock: FakeClock) -> None:
    fetches: list[float] = []

    async def fetch() -> Sequence[CameraEvent]:
        fetches.append(clock.monotonic())
        return [event(f"{len(fetches)}{letter}", clock) for letter in "ab"]

    chances = iter([0.0, 1.0, 0.5])
    seen: list[str] = []
    take = seen.append

    async def read() -> None:
        async for each in poll(fetch, every=10, clock=clock, random=lambda: next(chances)):
            take(each.id)

    task = asyncio.create_task(read())
    await clock.advance(30)
    assert seen == ["1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b"]
    assert fetches == [0, 9, 20, 30]
    task.cancel()
    await settle()
    assert clock.sleepers == 0


async def test_polling_stops_with_its_consumer_and_raises_what_fetching_raises(clock: FakeClock) -> None:
    answers: list[HubError | CameraEvent] = [event("1", clock), Unreachable()]

    async def fetch() -> Sequence[CameraEvent]:
        if isinstance(answer := answers.pop(0), HubError):
            raise answer
        return [answer]

    events = poll(fetch, every=0, clock=clock)
    assert (await anext(events)).id == "1"
    with pytest.raises(Unreachable):
        await anext(events)
    answers.append(event("2", clock))
    again = poll(fetch, every=0, clock=clock)
    assert (await anext(again)).id == "2"
    await again.aclose()
    assert answers == []


def test_what_comes_again_is_known_by_id_and_phase(clock: FakeClock) -> None:
    dedup = Dedup()
    assert dedup.is_new(event("1", clock, EventPhase.START))
    assert not dedup.is_new(event("1", clock, EventPhase.START))
    assert dedup.is_new(event("1", clock, EventPhase.END))
    assert dedup.is_new(event("2", clock, EventPhase.START))
    assert not dedup.is_new(event("1", clock, EventPhase.END))


def test_a_change_is_new_when_it_says_something_new(clock: FakeClock) -> None:
    dedup = Dedup()

    def change(phase: EventPhase = EventPhase.UPDATE, **told: JsonValue) -> CameraEvent:
        return replace(event("1", clock, phase), metadata={"label": "person", **told})

    assert dedup.is_new(change(EventPhase.START))
    assert not dedup.is_new(change()), "it says what the start said"
    assert dedup.is_new(change(who="Robin"))
    assert not dedup.is_new(change(who="Robin"))
    assert dedup.is_new(replace(change(who="Robin"), zones=("gate",)))
    assert dedup.is_new(replace(change(who="Robin"), zones=("gate",), score=0.9))
    assert not dedup.is_new(change(who="Robin")), "an older one that is delivered again"
    assert not dedup.is_new(replace(change(who="Robin"), at=clock.now() + timedelta(seconds=1)))
    assert dedup.is_new(replace(change(who="Robin"), id="2")), "another event may say the same"
    assert dedup.is_new(change(EventPhase.END, who="Robin"))
    assert dedup.is_new(change(who="Robin", plate="EX 1")), "also after the end"


def test_of_what_was_said_the_oldest_is_forgotten(clock: FakeClock) -> None:
    dedup = Dedup(contents=2)
    changes = [replace(event("1", clock, EventPhase.UPDATE), score=score) for score in (1, 2, 1, 3, 2)]
    assert [dedup.is_new(each) for each in changes] == [True, True, False, True, True]


def test_of_what_was_seen_the_oldest_is_forgotten(clock: FakeClock) -> None:
    dedup = Dedup(limit=2)
    assert [dedup.is_new(event(id_, clock)) for id_ in "aabacb"] == [True, False, True, False, True, True]
    assert len(dedup._seen) == 2


async def test_events_are_delivered(pumped: Pumped, clock: FakeClock) -> None:
    pumped.pump.start()
    await settle()
    assert pumped.pump.connected
    assert pumped.pump.state == LineState(status=LineStatus.CONNECTED, since=clock.now())
    await pumped.source.say(event("1", clock))
    await pumped.source.say(event("2", clock))
    assert pumped.delivered == ["1", "2"]
    assert pumped.statuses() == ["connected"]


async def test_a_source_without_events_ends_the_pump(pumped: Pumped) -> None:
    await pumped.source.say(None)
    await pumped.pump.run()
    assert pumped.statuses() == ["connected", "none"]
    assert pumped.pump.error is None
    assert not pumped.pump.connected


async def test_one_that_cannot_is_asked_again_after_an_hour(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [Unsupported(), Unsupported()]
    pumped.pump.start()
    await clock.advance(3599)
    assert pumped.source.dials == 1
    assert pumped.pump.state.status is LineStatus.NONE
    assert pumped.pump.state.reason == "unsupported"
    await clock.advance(1)
    assert pumped.source.dials == 2
    assert pumped.statuses() == ["connected", "none"], "still none, so nothing has changed"
    await clock.advance(3600)
    await pumped.source.say(event("1", clock))
    assert pumped.delivered == ["1"]
    assert pumped.statuses() == ["connected", "none", "connected"]


async def test_refused_credentials_end_the_pump_and_are_told(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [AuthError()]
    await pumped.pump.run()
    await clock.advance(1000)
    assert pumped.source.dials == 1
    assert pumped.statuses() == ["connected", "refused"]
    assert pumped.pump.state.reason == "invalid_auth"
    assert isinstance(pumped.pump.error, AuthError)


async def test_a_dropped_line_is_dialled_again_with_growing_waits(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [Unreachable(), Malformed(), Unreachable(reason="timed_out")]
    start = clock.now()
    pumped.pump.start()
    await settle()
    assert pumped.pump.state == LineState(status=LineStatus.DISCONNECTED, since=start, reason="cannot_connect")
    await clock.advance(1)
    assert pumped.pump.state == LineState(status=LineStatus.DISCONNECTED, since=start, reason="malformed")
    await clock.advance(2)
    assert pumped.pump.state == LineState(status=LineStatus.DISCONNECTED, since=start, reason="timed_out")
    await clock.advance(4)
    assert pumped.source.dials == 4
    assert not pumped.pump.connected
    await pumped.source.say(event("1", clock))
    assert pumped.pump.state == LineState(status=LineStatus.CONNECTED, since=clock.now(), reconnects=1)
    assert pumped.pump.error is None
    await pumped.source.say(event("2", clock))
    assert pumped.delivered == ["1", "2"]
    assert pumped.statuses() == ["connected", "disconnected", "disconnected", "disconnected", "connected"]


async def test_a_quiet_line_counts_as_back_after_a_while(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [Unreachable()]
    pumped.pump.start()
    await clock.advance(15)
    assert not pumped.pump.connected
    await clock.advance(1)
    assert pumped.pump.connected
    assert pumped.pump.state.since == clock.now()
    assert pumped.pump.state.reconnects == 1


async def test_waits_start_over_after_a_good_spell_only(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [Unreachable(), Unreachable(), Unreachable()]
    pumped.pump.start()
    await clock.advance(7)
    await pumped.source.say(event("1", clock))
    await clock.advance(59)
    await pumped.source.say(Unreachable())
    assert clock.slept[-1] == 8
    await clock.advance(8)
    await pumped.source.say(event("2", clock))
    await clock.advance(60)
    await pumped.source.say(Unreachable())
    assert clock.slept[-1] == 1
    assert pumped.pump.state.reconnects == 2


async def test_throttled_waits_at_least_what_was_asked(pumped: Pumped, clock: FakeClock) -> None:
    pumped.source.failing = [Throttled(retry_after=100), Throttled(retry_after=0.5), Throttled()]
    pumped.pump.start()
    await clock.advance(99)
    assert pumped.source.dials == 1
    await clock.advance(1)
    assert pumped.source.dials == 2
    await clock.advance(6)
    assert [seconds for seconds in clock.slept if seconds != 15] == [100, 2, 4]
    assert pumped.source.dials == 4
    assert pumped.pump.state.reason == "throttled"


async def test_a_raising_subscriber_stops_nothing_and_is_logged_once(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def deliver(_event: CameraEvent) -> None:
        raise KeyError(secret)

    secret = "token=s3cret"
    pumped = Pumped(clock, deliver)
    pumped.pump.start()
    await pumped.source.say(event("1", clock))
    await pumped.source.say(event("2", clock))
    assert pumped.pump.connected
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "KeyError" in caplog.text
    assert "s3cret" not in caplog.text
    await pumped.pump.close()


async def test_a_fault_of_the_reader_is_logged_and_dialled_again(
    pumped: Pumped, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    pumped.source.failing = [ZeroDivisionError("token=s3cret")]
    pumped.pump.start()
    await settle()
    assert pumped.pump.state.reason == "unknown"
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text
    await clock.advance(1)
    await pumped.source.say(event("1", clock))
    assert pumped.delivered == ["1"]


async def test_closing_hangs_up(clock: FakeClock) -> None:
    before = asyncio.all_tasks()
    pumped = Pumped(clock)
    await pumped.pump.close()
    pumped.source.failing = [Unreachable()]
    pumped.pump.start()
    await clock.advance(2)
    assert pumped.source.open_lines == 1
    await pumped.pump.close()
    await pumped.pump.close()
    assert pumped.source.open_lines == 0
    assert asyncio.all_tasks() == before


async def test_it_runs_in_a_task_of_the_caller_as_well(clock: FakeClock) -> None:
    pumped = Pumped(clock)
    task = asyncio.create_task(pumped.pump.run())
    await settle()
    assert pumped.source.open_lines == 1
    await pumped.pump.close()
    assert task.cancelled()


async def test_nobody_need_listen_to_its_state_and_a_subscriber_may_close_it(clock: FakeClock) -> None:
    source, closed = Source(), list[asyncio.Task[None]]()

    def close(_event: CameraEvent) -> None:
        closed.append(asyncio.create_task(pump.close()))

    pump = EventPump(source, close, clock=clock, backoff=BACKOFF)
    pump.start()
    await source.say(event("1", clock))
    assert closed[0].done()
    assert source.open_lines == 0

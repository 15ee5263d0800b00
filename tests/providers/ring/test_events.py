"""Push and history as one line, over real sockets to the simulated services; the time between is the test's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
import json
from types import SimpleNamespace
from typing import Any

from firebase_messaging import fcmregister
import pytest

from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.kernel.events import EventPump
from custom_components.camhub.kernel.jpeg import is_whole_jpeg
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.happenings import message
from simulators.ring.home import BACK_DOOR, DRIVE, FRONT_DOOR, GARDEN, SHED
from tests.fake_clock import LimitClock, settle, until

from .conftest import MakeProvider, saved

HISTORY = f"api.ring.com/clients_api/doorbots/{DRIVE}/history"


class Listener:
    """Reads a provider's events in a task of its own, as the hub does where it is `pumped`.

    `told` are those that began, `all` every one.
    """

    def __init__(
        self, provider: RingProvider, service: RingSimulator, clock: LimitClock, *, pumped: bool = False
    ) -> None:
        self.provider, self.service, self.clock = provider, service, clock
        self.all: list[CameraEvent] = []
        self.changed = asyncio.Event()
        pump = EventPump(provider.events, self._take, clock=clock, backoff=Backoff(first=5, maximum=60), grace=10)
        self.task = asyncio.create_task(pump.run() if pumped else self._listen())

    async def _listen(self) -> None:
        async with aclosing(self.provider.events()) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: CameraEvent) -> None:
        self.all.append(event)
        self.changed.set()

    @property
    def told(self) -> list[CameraEvent]:
        return [each for each in self.all if each.phase is EventPhase.PULSE]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.told]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds that what is told decides."""
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    @property
    def is_up(self) -> bool:
        line = self.provider._line
        return self.service.push.listeners == 1 and line is not None and line.push.up_since is not None

    async def up(self) -> None:
        await until(lambda: self.is_up)

    async def look(self, seconds: float = 60) -> None:
        """Let time pass, and then as much as it takes until the history has been looked at once more."""
        looked = self.count("polls")
        await self.pass_time(seconds)
        while self.count("polls") == looked:
            await self.pass_time(seconds / 4)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass from one thing that is due to the next, real answers arriving between."""
        clock, end = self.clock, self.clock.monotonic() + seconds
        while True:
            await self._quiet()
            due = min([when for when, _, waiter in clock._sleepers if not waiter.done()], default=end)
            if due > end:
                await clock.advance(end - clock.monotonic())
                return
            await clock.advance(max(0, due - clock.monotonic()))

    async def _quiet(self) -> None:
        """Return when nobody waits for an answer."""
        await settle(20)
        while self.clock.limits:
            await asyncio.wait({self.task}, timeout=0.005)
            await settle(20)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def error(self) -> BaseException:
        await asyncio.wait({self.task})
        found = self.task.exception()
        assert found is not None
        return found

    def count(self, name: str) -> int:
        return self.provider._context.counters.get(name)


type Listen = Callable[..., Listener]


@pytest.fixture
async def listen(service: RingSimulator, provider: RingProvider, clock: LimitClock) -> AsyncIterator[Listen]:
    open_ones: list[Listener] = []

    def make(of: RingProvider | None = None, *, pumped: bool = False) -> Listener:
        open_ones.append(Listener(of or provider, service, clock, pumped=pumped))
        return open_ones[-1]

    yield make
    for each in open_ones:
        await each.close()
    await settle()
    left = {each for each in asyncio.all_tasks() if "providers.ring" in repr(each) or "firebase" in repr(each)}
    assert left == set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the push library not wait between its tries: that is its clock."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(fcmregister, "asyncio", SimpleNamespace(sleep=at_once))


async def test_what_was_before_is_past_and_what_comes_is_pushed(
    service: RingSimulator, listen: Listen, clock: LimitClock, provider: RingProvider
) -> None:
    service.see(DRIVE)
    listener = listen()
    await listener.up()
    service.happenings.record(service.device(DRIVE), "on_demand")
    number = service.see(FRONT_DOOR, "ding")
    await listener.until(lambda: bool(listener.all))
    (event,) = listener.all
    assert (event.id, event.camera, event.kind) == (str(number), str(FRONT_DOOR), EventKind.DOORBELL)
    assert event.at == clock.now().replace(microsecond=0)
    assert event.clip is not None
    assert event.clip.id == event.id
    assert event.metadata["heard"] == "push"
    json.dumps(dict(event.metadata))
    await listener.look()
    assert len(listener.all) == 1
    assert (listener.count("events.pushed"), listener.count("events.missed")) == (1, 0)
    assert provider.problems() == ()


async def test_a_person_is_one(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    service.see(DRIVE, person=True)
    await listener.until(lambda: bool(listener.all))
    assert listener.all[0].kind is EventKind.PERSON


async def test_the_picture_of_an_event_follows_it(service: RingSimulator, listen: Listen, clock: LimitClock) -> None:
    listener = listen()
    await listener.up()
    number = service.see(GARDEN, pictured=True)
    await listener.until(lambda: len(listener.all) == 2)
    first, second = listener.all
    assert (first.phase, first.image) == (EventPhase.PULSE, None)
    assert (second.id, second.phase) == (str(number), EventPhase.UPDATE)
    assert second.image is not None
    assert is_whole_jpeg(second.image.content)
    assert (second.image.source, second.image.taken_at) == ("event", first.at)


async def test_a_message_that_comes_twice_is_told_once(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    device = service.device(BACK_DOOR)
    entry = service.happenings.record(device, "motion")
    for snapshot in ("", "picture-of-nobody"):
        service.push.send(service.push_token, message(device, entry, snapshot=snapshot))
    while not listener.count("event_picture.no_picture_yet"):
        await listener.pass_time(1)
    assert len(listener.all) == 1
    assert service.requests["api.ring.com/clients_api/snapshots/uuid"] == 4


async def test_a_picture_that_comes_after_its_push_is_waited_for(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    device = service.device(GARDEN)
    entry = service.happenings.record(device, "motion")
    service.push.send(service.push_token, message(device, entry, snapshot="late"))
    await service.wait_until(lambda: service.requests["api.ring.com/clients_api/snapshots/uuid"] == 1)
    service.event_pictures["late"] = service.picture(device, 0.0)
    while len(listener.all) < 2:
        await listener.pass_time(1)
    assert listener.all[1].image is not None
    assert listener.all[1].image.content == service.event_pictures["late"]


async def test_a_camera_that_lets_nobody_subscribe_leaves_push_to_the_others(
    service: RingSimulator, listen: Listen
) -> None:
    shared = service.device(BACK_DOOR)
    shared |= {"subscribed": False, "subscribed_motions": False}
    path = f"api.ring.com/clients_api/doorbots/{BACK_DOOR}"
    refusal = Canned(status=404, body='{"status": 404, "error": "Not Found"}')
    service.faults.answers |= {f"{path}/subscribe": refusal, f"{path}/motions_subscribe": refusal}
    listener = listen()
    await listener.up()
    service.see(DRIVE)
    await listener.until(lambda: bool(listener.all))
    assert listener.all[0].metadata["heard"] == "push"
    service.push.drop()
    await service.wait_until(lambda: service.push.listeners == 0)
    await again(listener)
    assert service.requests[f"{path}/motions_subscribe"] == 1, "it was answered"


async def test_a_login_that_ends_while_a_camera_is_subscribed_ends_the_line(
    service: RingSimulator, listen: Listen
) -> None:
    service.device(BACK_DOOR)["subscribed"] = False
    path = f"api.ring.com/clients_api/doorbots/{BACK_DOOR}/subscribe"
    service.faults.answers[path] = Canned(status=401, body="{}")
    assert isinstance(await listen().error(), AuthError)


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_a_camera_without_a_history_leaves_the_others_theirs(
    status: int, service: RingSimulator, listen: Listen
) -> None:
    missing = f"api.ring.com/clients_api/doorbots/{FRONT_DOOR}/history"
    service.faults.answers[missing] = Canned(status=status, body='{"error": "Not Found"}')
    listener = listen()
    await listener.up()
    service.faults.push_silent = True
    number = service.see(DRIVE)
    await listener.look()
    await listener.until(lambda: bool(listener.all))
    assert listener.ids == [str(number)]
    assert not listener.task.done()
    service.faults.answers.clear()
    service.happenings.record(service.device(FRONT_DOOR), "ding")
    await listener.look()
    later = service.happenings.record(service.device(FRONT_DOOR), "ding")["id"]
    await listener.look()
    await listener.until(lambda: len(listener.all) == 2)
    assert listener.ids == [str(number), str(later)], "what was there at the first look is past"


async def test_a_page_of_live_views_is_read_once(service: RingSimulator, listen: Listen) -> None:
    for _ in range(25):
        service.happenings.record(service.device(DRIVE), "on_demand")
    listener = listen()
    await listener.up()
    asked = service.requests[HISTORY]
    await listener.look()
    assert service.requests[HISTORY] == asked + 1


async def test_events_behind_live_views_survive_a_look_that_breaks_off(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    service.faults.push_silent = True
    numbers = [str(service.see(DRIVE)) for _ in range(15)]
    for _ in range(10):
        service.happenings.record(service.device(DRIVE), "on_demand")
    last = f"api.ring.com/clients_api/doorbots/{SHED}/history"
    service.faults.answers[last] = OUTAGE
    await listener.pass_time(61)
    while not listener.count("poll.Unreachable"):
        await listener.pass_time(1)
    service.faults.answers.clear()
    await listener.look()
    await listener.until(lambda: len(listener.all) == 15)
    assert sorted(listener.ids) == numbers


async def test_nobodys_history_is_no_line(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    for each in service.home.cameras():
        path = f"api.ring.com/clients_api/doorbots/{each['id']}/history"
        service.faults.answers[path] = Canned(status=404, body='{"errors": [7050]}')
    service.faults.push_refused = True
    service.push.drop()
    error = await listener.error()
    assert isinstance(error, Unreachable)
    assert error.reason == "camera_not_connected"


async def test_a_camera_that_is_new_is_subscribed_at_the_next_dial(
    service: RingSimulator, listen: Listen, provider: RingProvider
) -> None:
    listener = listen()
    await listener.up()
    (front,) = service.home.lists["doorbots"]
    service.home.lists["doorbots"].append(
        front | {"id": 77, "description": "Side door", "subscribed": False, "subscribed_motions": False}
    )
    await provider.cameras()
    service.push.drop()
    await service.wait_until(lambda: service.push.listeners == 0)
    await again(listener)
    path = "api.ring.com/clients_api/doorbots/77"
    assert (service.requests[f"{path}/subscribe"], service.requests[f"{path}/motions_subscribe"]) == (1, 1)
    assert service.requests["api.ring.com/clients_api/device"] == 1
    await listener.close()


async def test_what_push_missed_comes_from_the_history_once_and_restarts_the_line(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    await listener.look()
    await clock.advance(5)
    service.faults.push_silent = True
    number = service.see(DRIVE)
    await listener.look()
    await listener.look()
    await listener.until(lambda: bool(listener.all))
    assert listener.ids == [str(number)]
    assert listener.all[0].metadata["heard"] == "history"
    assert listener.count("events.missed") == 1
    service.faults.push_silent = False
    await again(listener)
    assert service.push.logins == 2
    pushed = service.see(DRIVE)
    await listener.until(lambda: len(listener.all) == 2)
    assert listener.ids == [str(number), str(pushed)]
    assert listener.count("events.pushed") == 1


async def again(listener: Listener, seconds: float = 3) -> None:
    """Let the wait before the next dial pass, however late it begins, and the dial succeed."""
    await listener.pass_time(seconds)
    while not listener.is_up:
        await asyncio.wait({listener.task}, timeout=0.005)
        await listener.pass_time(0.25)


async def test_a_push_that_is_only_slow_is_not_missed(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    await listener.look()
    await clock.advance(57)
    device = service.device(DRIVE)
    entry = service.happenings.record(device, "motion")
    await listener.look(4)
    await listener.until(lambda: bool(listener.all))
    service.push.send(service.push_token, message(device, entry))
    await service.wait_until(lambda: len(service.push.acknowledged) == 1)
    await listener.look()
    assert len(listener.all) == 1
    assert listener.count("events.missed") == 0


async def test_a_push_during_a_look_is_told_once(service: RingSimulator, listen: Listen, clock: LimitClock) -> None:
    listener = listen()
    await listener.up()
    await clock.advance(50)
    device = service.device(DRIVE)
    entry = service.happenings.record(device, "motion")
    last = f"api.ring.com/clients_api/doorbots/{SHED}/history"
    asked = service.requests[last]
    await settle()
    await clock.advance(11)
    await service.wait_until(lambda: service.requests[HISTORY] > asked)
    service.faults.hold = asyncio.Event()
    await service.wait_until(lambda: service.requests[last] > asked)
    service.push.send(service.push_token, message(device, entry))
    await listener.until(lambda: bool(listener.all))
    service.faults.hold.set()
    while listener.count("polls") < 2:
        await settle(1)
    assert listener.ids == [str(entry["id"])]
    assert listener.count("events.polled") == 0


async def test_a_push_that_was_waited_for_in_vain_was_missed(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    await listener.look()
    await clock.advance(57)
    service.happenings.record(service.device(DRIVE), "motion")
    await listener.look(4)
    assert listener.count("events.missed") == 0
    await listener.look()
    assert listener.count("events.missed") == 1


async def test_a_gap_longer_than_a_page_is_filled(service: RingSimulator, listen: Listen, clock: LimitClock) -> None:
    service.happenings.record(service.device(DRIVE), "motion")
    listener = listen()
    await listener.up()
    service.faults.push_silent = True
    await clock.advance(10)
    numbers = [str(service.see(DRIVE)) for _ in range(45)]
    await listener.look(60)
    await listener.until(lambda: len(listener.all) == 45)
    assert sorted(listener.ids) == numbers


async def test_a_gap_is_filled_only_so_far(
    service: RingSimulator, listen: Listen, clock: LimitClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.providers.ring.line.PAGES_BACK", 1)
    listener = listen()
    await listener.up()
    service.faults.push_silent = True
    numbers = [str(service.see(DRIVE)) for _ in range(30)]
    await listener.look()
    await listener.until(lambda: len(listener.all) == 20)
    assert sorted(listener.ids) == numbers[10:]


async def test_a_dead_listener_is_a_problem_until_it_hears_again(
    service: RingSimulator, listen: Listen, clock: LimitClock, provider: RingProvider
) -> None:
    listener = listen()
    await listener.up()
    service.faults.push_silent = True
    for _ in range(3):
        assert provider.problems() == ()
        await clock.advance(5)
        service.see(DRIVE)
        # The first may be too soon to say that push has missed it.
        await listener.look()
        await listener.look()
        await again(listener, 20)
    assert provider.problems() == ("push_dead",)
    assert provider.diagnostics()["push_restarts"] == 3
    assert service.push.registered == 2, "another registration was tried"
    service.faults.push_silent = False
    before = len(listener.told)
    service.see(DRIVE)
    await listener.until(lambda: len(listener.told) == before + 1)
    assert provider.problems() == ()


async def test_a_line_that_cannot_be_dialled_for_long_is_a_problem(
    service: RingSimulator, listen: Listen, clock: LimitClock, provider: RingProvider
) -> None:
    listener = listen(pumped=True)
    await listener.up()
    service.faults.push_refused = True
    service.push.drop()
    for _ in range(20):
        await listener.look()
        assert provider.problems() == ()
    for _ in range(11):
        await listener.look()
    assert provider.problems() == ("push_dead",)
    service.see(DRIVE)
    await listener.look()
    await listener.look()
    assert len(listener.told) == 1, "events still come, a little later"


async def test_when_push_drops_the_history_is_looked_at_at_once(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    await listener.look()
    await clock.advance(1)
    asked = service.polls
    service.faults.push_refused = True
    number = service.happenings.record(service.device(DRIVE), "motion")["id"]
    service.push.drop()
    await listener.until(lambda: bool(listener.all))
    assert listener.ids == [str(number)]
    assert service.polls == asked + 5
    assert listener.count("events.missed") == 0, "it was down, not deaf"


async def test_without_push_and_history_the_line_is_down_and_then_fills_its_gap(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    service.faults.answers["api.ring.com"] = OUTAGE
    service.faults.push_refused = True
    service.push.drop()
    error = await listener.error()
    assert isinstance(error, Unreachable)
    number = service.see(DRIVE)
    service.faults.answers, service.faults.push_refused = {}, False
    later = listen()
    await later.until(lambda: bool(later.all))
    assert later.ids == [str(number)]
    await later.up()


async def test_a_history_that_fails_for_a_while_is_borne_while_push_holds(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    service.faults.answers[HISTORY] = Canned(status=429, headers={"Retry-After": "200"})
    asked = service.requests[HISTORY]
    await settle()
    await clock.advance(61)
    await service.wait_until(lambda: service.requests[HISTORY] == asked + 1)
    while not listener.count("poll.Throttled"):
        await settle(1)
    await settle()
    await clock.advance(190)
    assert service.requests[HISTORY] == asked + 1, "it is left alone for as long as it wants"
    service.faults.answers = {}
    await listener.look(11)
    assert not listener.task.done()
    service.faults.answers[HISTORY] = OUTAGE
    await settle()
    await clock.advance(61)
    while not listener.count("poll.Unreachable"):
        await settle(1)
    assert not listener.task.done()


async def test_a_login_that_ends_ends_the_line(service: RingSimulator, listen: Listen, clock: LimitClock) -> None:
    listener = listen()
    await listener.up()
    service.change_password("another")
    await settle()
    await clock.advance(61)
    assert isinstance(await listener.error(), AuthError)


async def test_a_login_that_ends_before_the_dial_ends_the_line(service: RingSimulator, listen: Listen) -> None:
    service.faults.answers["api.ring.com/clients_api/device"] = Canned(status=401, body="{}")
    assert isinstance(await listen().error(), AuthError)


async def test_a_fault_of_ours_is_not_swallowed(
    service: RingSimulator, listen: Listen, provider: RingProvider, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    assert provider._line is not None
    del provider._line._followed
    await settle()
    await clock.advance(61)
    assert isinstance(await listener.error(), AttributeError)


async def test_messages_that_tell_of_something_else_harm_nothing(service: RingSimulator, listen: Listen) -> None:
    listener = listen()
    await listener.up()
    device = service.device(DRIVE)
    entry = service.happenings.record(device, "motion")
    whole = message(device, entry)
    said = json.loads(whole["data"]["data"])
    del said["event"]["ding"]["id"]
    service.push.send(service.push_token, {**whole, "data": {**whole["data"], "data": json.dumps(said)}})
    service.push.send(service.push_token, message({**device, "id": 1}, entry))
    service.faults.push_garbled = True
    service.push.send(service.push_token, whole)
    service.faults.push_garbled = False
    await service.wait_until(lambda: len(service.push.acknowledged) == 3)
    assert listener.all == []
    assert listener.count("push.unreadable") == 1
    service.push.send(service.push_token, whole)
    await listener.until(lambda: bool(listener.all))
    assert service.push.logins == 1


async def test_the_registration_is_kept(
    service: RingSimulator, listen: Listen, provider: RingProvider, make_provider: MakeProvider, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    await listener.close()
    stored = saved(provider._context)[-1]
    assert stored["push"]
    assert json.loads(json.dumps(stored)) == stored
    token = service.push_token
    later = listen(make_provider(credentials=stored))
    await later.up()
    assert (service.push.registered, service.push_token) == (1, token)


async def test_a_registration_that_is_refused_is_replaced(
    service: RingSimulator, listen: Listen, provider: RingProvider, clock: LimitClock
) -> None:
    service.faults.push_login_refused = True
    listener = listen()
    await until(lambda: saved(provider._context)[-1:] != [] and not saved(provider._context)[-1].get("push"))
    service.faults.push_login_refused = False
    await again(listener, 4)
    assert service.push.registered == 2


async def test_a_service_that_refuses_the_registration_is_said(
    service: RingSimulator, listen: Listen, provider: RingProvider, clock: LimitClock
) -> None:
    service.faults.subscription_refused = True
    listener = listen()
    await service.wait_until(lambda: service.requests["api.ring.com/clients_api/device"] == 1)
    while not listener.count("push.push_refused"):
        await settle(1)
    assert provider.diagnostics()["push_reason"] == "push_refused"
    service.faults.subscription_refused = False
    await again(listener, 4)


async def test_no_registration_is_said(service: RingSimulator, listen: Listen, impatient: None) -> None:
    service.faults.registration_refused = True
    listener = listen()
    while not listener.count("push.push_unavailable"):
        await asyncio.wait({listener.task}, timeout=0.02)
    service.faults.registration_refused = False
    await again(listener, 4)


async def test_a_registration_without_a_token_is_none(
    service: RingSimulator, listen: Listen, clock: LimitClock
) -> None:
    service.faults.answers["fcmregistrations.googleapis.com"] = Canned(status=200, body="{}")
    listener = listen()
    while not listener.count("push.push_unavailable"):
        await asyncio.wait({listener.task}, timeout=0.02)
    service.faults.answers = {}
    await again(listener, 4)


async def test_a_check_in_once_a_day(
    service: RingSimulator,
    listen: Listen,
    clock: LimitClock,
    provider: RingProvider,
    make_provider: MakeProvider,
    impatient: None,
) -> None:
    listener = listen()
    await listener.up()
    await listener.close()
    stored = saved(provider._context)[-1]
    service.faults.registration_refused = True
    later = listen(make_provider(credentials=stored))
    while not later.count("push.push_unavailable"):
        await asyncio.wait({later.task}, timeout=0.02)
    assert service.push.registered == 1, "a failed check-in is no reason for a new registration"
    service.faults.registration_refused = False
    await again(later, 4)
    assert service.push.registered == 1


async def test_the_subscription_is_renewed_twice_a_day(
    service: RingSimulator, listen: Listen, make_provider: MakeProvider, clock: LimitClock
) -> None:
    service.device(DRIVE)["subscribed_motions"] = None
    listener = listen(make_provider(poll=86400))
    await listener.up()
    device = "api.ring.com/clients_api/device"
    motions = f"api.ring.com/clients_api/doorbots/{DRIVE}/motions_subscribe"
    assert (service.requests[device], service.requests[motions], service.sessions) == (1, 1, 1)
    service.faults.answers[motions] = OUTAGE
    for _ in range(3):
        await settle(50)
        await clock.advance(4 * 3600)
    await service.wait_until(lambda: service.push.listeners == 0)
    await again(listener, 3)
    assert (service.requests[device], service.requests[motions]) == (2, 2)
    assert service.sessions >= 2


async def test_a_camera_that_is_new_begins_with_what_it_sees_now(
    service: RingSimulator, listen: Listen, provider: RingProvider, clock: LimitClock
) -> None:
    listener = listen()
    await listener.up()
    (front,) = service.home.lists["doorbots"]
    service.home.lists["doorbots"].append(front | {"id": 77, "description": "Side door"})
    service.see(77)
    await service.wait_until(lambda: len(service.push.acknowledged) == 1)
    await provider.cameras()
    await listener.look()
    assert listener.all == []
    service.see(77)
    await listener.until(lambda: bool(listener.all))


async def test_an_event_of_a_camera_that_has_gone_is_told_to_nobody(
    service: RingSimulator, listen: Listen, provider: RingProvider
) -> None:
    listener = listen()
    await listener.up()
    service.home.lists["stickup_cams"].clear()
    await provider.cameras()
    service.push.send(service.push_token, message({"id": DRIVE, "description": "x", "kind": "y"}, an_entry()))
    await service.wait_until(lambda: len(service.push.acknowledged) == 1)
    assert listener.all == []


def an_entry() -> dict[str, Any]:
    seen = {"person_detected": False}
    return {"id": 5, "kind": "motion", "created_at": "2026-01-02T03:04:05.000Z", "cv_properties": seen}


async def test_old_events_are_forgotten(
    service: RingSimulator, listen: Listen, provider: RingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.providers.ring.line.REMEMBERED", 3)
    listener = listen()
    await listener.up()
    for _ in range(5):
        service.see(DRIVE)
    await listener.until(lambda: len(listener.all) == 5)
    assert provider._line is not None
    assert len(provider._line._seen) == 3


async def test_a_day_on_which_push_dies_three_times(
    service: RingSimulator, make_provider: MakeProvider, listen: Listen, clock: LimitClock
) -> None:
    """Every event of the day is told exactly once, whatever becomes of push."""
    listener = listen(make_provider(poll=600), pumped=True)
    await listener.up()
    begun, numbers, hour = clock.now(), list[str](), 0.0
    while (passed := clock.now() - begun) < timedelta(days=1):
        hour = passed / timedelta(hours=1)
        service.faults.push_refused = 3 <= hour < 5
        service.faults.push_silent = 9 <= hour < 12
        service.faults.push_login_refused = 18 <= hour < 19
        if service.faults.push_refused or service.faults.push_login_refused:
            # Somebody may just be logging in.
            while service.push.listeners:
                service.push.drop()
                await settle(30)
        numbers += [str(service.see(each)) for each in (DRIVE, FRONT_DOOR)]
        await listener.look(600)
    await listener.look(600)
    await listener.until(lambda: len(listener.told) >= len(numbers))
    assert len(listener.ids) == len(set(listener.ids)) == len(numbers)
    assert set(listener.ids) == set(numbers)
    assert listener.count("events.polled") > 30
    assert listener.count("events.pushed") > 100
    assert listener.count("events.missed") > 5
    assert service.push.logins > 3
    assert not listener.task.done()

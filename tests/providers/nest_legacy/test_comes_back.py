"""After what passes: events come again soon, and what happened meanwhile is told once."""

from collections.abc import AsyncIterator, Mapping

import pytest

from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.events import EventPump
from custom_components.camhub.kernel.model import CameraEvent, EventPhase, JsonValue
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.providers.nest_legacy.events import OLDEST
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from custom_components.camhub.providers.nest_legacy.wire import ANSWER_S, PATIENT_S
from simulators.nest_legacy import NestLegacySimulator
from tests.conftest import MakeContext
from tests.contexts import SavedTokens
from tests.fake_clock import LimitClock, in_time

from .conftest import EU1, HALL, STEP, US1, google

START, END, PRESENT = EventPhase.START, EventPhase.END, EventPhase.PRESENT
# As the hub dials a line again.
WAITS = Backoff(first=5, factor=2, maximum=60, jitter=0.2)
# Two looks of half a minute, and the pause after a failure.
SOON_S = 150


@pytest.fixture
def clock() -> LimitClock:
    return LimitClock(ANSWER_S, PATIENT_S)


class Account:
    """One account as the hub keeps it: what it stores and what it keeps in memory outlives what is opened."""

    def __init__(self, make_context: MakeContext, services: NestLegacySimulator, clock: LimitClock) -> None:
        self._make = make_context
        self.services = services
        self.clock = clock
        self.tokens = SavedTokens()
        self.kept: dict[str, object] = {}
        self.told: list[CameraEvent] = []
        self.options: dict[str, JsonValue] = {}
        self.provider, self.pump = self._open(google(services))
        self.pump.start()

    def _open(self, stored: Mapping[str, JsonValue]) -> tuple[NestLegacyProvider, EventPump]:
        provider = NestLegacyProvider(self._make(stored, tokens=self.tokens, kept=self.kept, options=self.options))
        return provider, EventPump(provider.events, self.told.append, clock=self.clock, backoff=WAITS)

    async def close(self) -> None:
        await self.pump.close()
        await self.provider.close()

    async def reopen(self, stored: Mapping[str, JsonValue] | None = None) -> None:
        await self.close()
        self.provider, self.pump = self._open(stored or self.tokens.saved[-1])
        self.pump.start()

    async def spend(self, seconds: float, step: float = 5) -> None:
        # A little more, so that it is not taken for a time limit.
        await in_time(self.clock, self.clock.sleep(seconds + 0.1), step=step)

    def see(self, *types: str) -> str:
        """Let something happen and be over."""
        seen = self.services.house.see(HALL, *types or ("motion",))
        self.services.house.end(HALL, seen)
        return f"{HALL}:{seen}"

    @property
    def begun(self) -> list[str]:
        return [event.id.rpartition(":")[0] for event in self.told if event.phase is START]


@pytest.fixture
async def account(
    make_context: MakeContext, services: NestLegacySimulator, clock: LimitClock
) -> AsyncIterator[Account]:
    account = Account(make_context, services, clock)
    await account.spend(60)
    yield account
    await account.close()


async def test_tokens_that_end_again_and_again(account: Account) -> None:
    seen = []
    for _ in range(6):
        account.services.tokens.revoke()
        seen.append(account.see())
        await account.spend(SOON_S)
        assert account.begun == seen
    assert account.services.google.tokens == 7


async def test_a_token_that_ends_while_nest_is_away(account: Account) -> None:
    services = account.services
    seen = []
    for _ in range(2):
        services.tokens.revoke()
        services.faults.answers["nestauthproxyservice-pa.googleapis.com/v1/issue_jwt"] = (200, "text/plain", '{"jw')
        seen.append(account.see())
        await account.spend(40)
        services.faults.answers.clear()
        services.faults.down = True
        seen.append(account.see("person"))
        await account.spend(100)
        services.faults.down = False
        services.tokens.revoke()
        await account.spend(SOON_S)
        assert account.begun == seen


async def test_an_hour_of_nothing_is_over_soon(account: Account) -> None:
    account.services.faults.down = True
    seen = []
    for _ in range(6):
        seen.append(account.see())
        await account.spend(600, step=20)
    account.services.tokens.revoke()
    account.services.faults.down = False
    await account.spend(SOON_S + 60)
    assert account.begun == seen


async def test_a_service_that_asks_to_wait_is_asked_when_that_is_over(account: Account) -> None:
    account.services.tokens.revoke()
    account.services.faults.google = "429"
    await account.spend(100)
    seen = account.see()
    account.services.faults.google = ""
    await account.spend(250)
    assert account.begun == [seen]


async def test_a_reload_forgets_nothing(account: Account) -> None:
    before = account.see()
    await account.spend(60)
    going = f"{HALL}:{account.services.house.see(HALL, 'person')}"
    await account.spend(60)
    assert account.begun == [before, going]
    account.services.faults.down = True
    seen = account.see()
    await account.spend(300)
    account.told.clear()
    await account.reopen()
    account.services.faults.down = False
    await account.spend(SOON_S)
    assert [(each.id.rpartition(":")[0], each.phase) for each in account.told] == [
        (going, PRESENT),
        (seen, START),
        (seen, END),
    ]
    account.services.house.end(HALL, going.partition(":")[2])
    await account.spend(60)
    assert account.told[-1].phase is END
    assert len(account.told) == 4


async def test_what_has_ended_while_it_was_reloaded(account: Account) -> None:
    going = account.services.house.see(HALL, "person")
    await account.spend(60)
    account.told.clear()
    await account.close()
    account.services.house.end(HALL, going)
    await account.reopen()
    await account.spend(60)
    assert [(each.id, each.phase) for each in account.told] == [(f"{HALL}:{going}:person", END)]


async def test_signing_in_again_tells_what_happened_meanwhile(account: Account, clock: LimitClock) -> None:
    account.services.revoke()
    await account.spend(60)
    assert isinstance(account.pump.error, AuthError)
    seen = account.see()
    await clock.advance(7200)
    account.services.google.sign_in()
    await account.reopen(google(account.services))
    await account.spend(60)
    assert account.begun == [seen]


async def test_a_login_that_ends_in_the_middle_of_a_look(account: Account) -> None:
    """One camera's history is read, the next one's asking finds that the login has ended."""
    account.services.faults.answers[f"{EU1}/cuepoint/{STEP}/2"] = (403, "text/plain", "")
    account.services.google.log_out()
    seen = account.see()
    await account.spend(60)
    assert isinstance(account.pump.error, AuthError)
    account.services.faults.answers.clear()
    account.services.google.sign_in()
    await account.reopen(google(account.services))
    await account.spend(60)
    assert account.begun == [seen]


async def test_what_is_a_day_old_is_no_news(account: Account, clock: LimitClock) -> None:
    account.services.revoke()
    await account.spend(60)
    account.see()
    await clock.advance(OLDEST.total_seconds() + 600)
    seen = account.see()
    account.services.google.sign_in()
    await account.reopen(google(account.services))
    await account.spend(60)
    assert account.begun == [seen]


async def test_a_camera_that_is_not_found_for_a_while(account: Account) -> None:
    place = f"{US1}/cuepoint/{HALL}/2"
    account.services.faults.answers[place] = (404, "text/plain", "")
    seen = account.see()
    await account.spend(300)
    account.services.faults.answers.clear()
    await account.spend(60)
    assert account.begun == [seen]


async def test_somebody_elses_memory_is_not_taken(account: Account) -> None:
    account.kept["history"] = "something"
    await account.reopen()
    seen = account.see()
    await account.spend(60)
    assert account.begun == [seen]


async def test_what_was_seen_while_nobody_wanted_to_know_is_no_news(account: Account) -> None:
    account.options = {"history_every": 0}
    await account.reopen()
    await account.spend(10)
    account.see()
    await account.spend(60)
    account.options = {}
    await account.reopen()
    seen = account.see()
    await account.spend(60)
    assert account.begun == [seen]

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import override

import pytest

from custom_components.camhub.kernel.errors import AuthError, Throttled, Unreachable
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.providers.ring.client import Client
from custom_components.camhub.providers.ring.token_endpoint import loaded
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.hosts import TOKENS
from tests.conftest import MakeContext
from tests.fake_clock import LimitClock, in_time, settle

from .conftest import PASSWORD, saved

DEVICES = "/clients_api/ring_devices"


async def expire(clock: LimitClock) -> None:
    await clock.advance(3600)


async def test_fifty_calls_on_an_ended_token_make_one_refresh(
    service: RingSimulator, client: Client, context: Context, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    await asyncio.gather(*(client.get(DEVICES) for _ in range(50)))
    assert service.tokens.refreshes == client.token_endpoint.refreshes == 1
    assert service.tokens.refused == 0
    assert len(saved(context)) == 1


async def test_fifty_calls_whose_token_is_refused_make_one_refresh(service: RingSimulator, client: Client) -> None:
    await client.meet()
    service.tokens.forget_access()
    await asyncio.gather(*(client.get(DEVICES) for _ in range(50)))
    assert service.tokens.refreshes == 1
    assert service.requests[f"api.ring.com{DEVICES}"] == 100, "each was repeated, once"


async def test_a_token_is_renewed_a_minute_before_its_end(
    service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await clock.advance(3600 - 61)
    await client.get(DEVICES)
    assert service.tokens.refreshes == 0
    await clock.advance(2)
    await client.get(DEVICES)
    assert service.tokens.refreshes == 1


class SlowTokens:
    """A store that takes its time, and may fail."""

    def __init__(self) -> None:
        self.saving = asyncio.Event()
        self.go_on = asyncio.Event()
        self.saved: list[Mapping[str, JsonValue]] = []

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        self.saving.set()
        await self.go_on.wait()
        self.saved.append(credentials)


async def test_a_new_token_is_stored_before_it_is_used(
    service: RingSimulator, make_context: MakeContext, stored: dict[str, JsonValue], clock: LimitClock
) -> None:
    tokens = SlowTokens()
    client = Client(make_context(stored, tokens=tokens))
    await client.meet()
    await expire(clock)
    before = service.requests.copy()
    calls = [asyncio.ensure_future(client.get(DEVICES)) for _ in range(2)]
    await tokens.saving.wait()
    calls.append(asyncio.ensure_future(client.get(DEVICES)))
    await settle(50)
    assert service.requests - before == {f"{TOKENS}/oauth/token": 1}, "nothing but the refresh was asked"
    tokens.go_on.set()
    await asyncio.gather(*calls)
    assert service.tokens.refreshes == 1
    again = Client(make_context(tokens.saved[-1]))
    await again.get(DEVICES)
    assert service.tokens.refreshes == 1, "what was stored is enough"
    assert tokens.saved[-1]["username"] == stored["username"], "the whole set is stored"


class BrokenTokens(SlowTokens):
    @override
    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        raise Unreachable(reason="wrong_key")


async def test_a_token_that_cannot_be_stored_is_not_lost(
    service: RingSimulator, make_context: MakeContext, stored: dict[str, JsonValue], clock: LimitClock
) -> None:
    client = Client(make_context(stored, tokens=BrokenTokens()))
    await client.meet()
    await expire(clock)
    with pytest.raises(Unreachable, match="wrong_key"):
        await in_time(clock, client.get(DEVICES))
    await clock.advance(600)
    await client.get(DEVICES)
    assert service.tokens.refused == 0


OUTAGES = {
    "html 502": OUTAGE,
    "empty 500": Canned(status=500, body=""),
    "503": Canned(status=503, body="{}"),
    "success that is a page": Canned(status=200, body="<html></html>", content_type="text/html"),
    "success without a token": Canned(status=200, body="{}"),
    "429": Canned(status=429, headers={"Retry-After": "2"}),
    "a refusal of nothing known": Canned(status=418),
}


@pytest.mark.parametrize("name", list(OUTAGES))
async def test_an_outage_is_waited_out_and_no_refused_login(
    name: str, service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = OUTAGES[name]
    call = asyncio.ensure_future(client.get(DEVICES))
    await service.wait_until(lambda: service.requests[f"{TOKENS}/oauth/token"] == 1)
    while clock.sleepers == 0 or clock.slept[-1] == 15:
        await settle(1)
    service.faults.answers = {}
    await clock.advance(3)
    await call
    assert service.tokens.refreshes == 1
    assert client.keeper.dead is None


async def test_a_long_outage_never_asks_for_a_new_login(
    service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = OUTAGE
    asked = 0
    for _ in range(20):
        with pytest.raises(Unreachable) as caught:
            await in_time(clock, client.get(DEVICES))
        assert caught.value.reason == "service_unavailable"
        await clock.advance(120)
        asked += 3
    assert client.keeper.dead is None
    assert service.requests[f"{TOKENS}/oauth/token"] < asked, "it is asked less and less often"
    service.faults.answers = {}
    await clock.advance(700)
    await client.get(DEVICES)
    assert client.keeper.dead is None


async def test_those_who_come_during_an_outage_do_not_ask(
    service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = Canned(status=429, headers={"Retry-After": "300"})
    calls = [asyncio.ensure_future(client.get(DEVICES)) for _ in range(5)]
    for told in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(told, Throttled)
        assert told.retry_after == 300
    await clock.advance(299)
    with pytest.raises(Throttled):
        await client.get(DEVICES)
    assert service.requests[f"{TOKENS}/oauth/token"] == 1
    service.faults.answers = {}
    await clock.advance(20)
    await client.get(DEVICES)


async def test_a_blocked_address_is_left_in_peace(service: RingSimulator, client: Client, clock: LimitClock) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = Canned(status=406)
    with pytest.raises(Throttled) as caught:
        await client.get(DEVICES)
    assert (caught.value.reason, caught.value.retry_after) == ("account_blocked", 3600)


@pytest.mark.parametrize(
    "answer",
    [
        Canned(status=401, body='{"error": "invalid_grant"}'),
        Canned(status=400, body='{"error": "invalid_grant"}'),
        Canned(status=401, body="{}"),
    ],
)
async def test_a_refused_token_ends_the_login_and_nothing_is_asked_any_more(
    answer: Canned, service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = answer
    for _ in range(3):
        with pytest.raises(AuthError, match="not accepted"):
            await client.get(DEVICES)
    assert service.requests[f"{TOKENS}/oauth/token"] == 1
    assert client.keeper.dead is not None


async def test_a_password_that_was_kept_signs_in_again(
    service: RingSimulator, make_context: MakeContext, stored: dict[str, JsonValue], clock: LimitClock
) -> None:
    service.tokens.factor = None
    client = Client(make_context({**stored, "password": PASSWORD}))
    await client.meet()
    service.tokens.end()
    await client.get(DEVICES)
    assert (service.tokens.logins, client.token_endpoint.logins) == (2, 1)
    assert client.context.counters.get("refresh.by_password") == 1
    service.tokens.factor = "sms"
    service.tokens.end()
    with pytest.raises(AuthError) as caught:
        await client.get(DEVICES)
    assert caught.value.reason == "code_needed"
    assert client.keeper.dead is not None


async def test_credentials_without_a_token_want_a_new_login(service: RingSimulator, make_context: MakeContext) -> None:
    client = Client(make_context({"username": "x", "grant": {"access": "a", "refresh": "b"}}))
    with pytest.raises(AuthError) as caught:
        await client.meet()
    assert caught.value.reason == "login_ended"
    assert service.requests.total() == 0


async def test_whoever_gives_up_breaks_no_refresh_off(
    service: RingSimulator, client: Client, context: Context, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    calls = [asyncio.ensure_future(client.get(DEVICES)) for _ in range(2)]
    await service.wait_until(lambda: service.requests[f"{TOKENS}/oauth/token"] == 1)
    calls[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    await calls[1]
    assert service.tokens.refreshes == len(saved(context)) == 1


async def test_closing_waits_for_a_refresh_that_was_sent(
    service: RingSimulator, client: Client, context: Context, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    call = asyncio.ensure_future(client.get(DEVICES))
    await service.wait_until(lambda: service.requests[f"{TOKENS}/oauth/token"] == 1)
    await client.close()
    assert len(saved(context)) == 1, "its answer cannot be had twice"
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def test_closing_does_not_wait_for_the_next_try(
    service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.answers[TOKENS] = OUTAGE
    call = asyncio.ensure_future(client.get(DEVICES))
    await service.wait_until(lambda: service.requests[f"{TOKENS}/oauth/token"] == 1)
    while not any(1 <= each <= 1.5 for each in clock.slept):
        await settle(1)
    await client.close()
    with pytest.raises(Unreachable) as caught:
        await call
    assert caught.value.reason == "shutting_down"


async def test_an_answer_that_is_lost_is_a_spent_token(
    service: RingSimulator, client: Client, clock: LimitClock
) -> None:
    await client.meet()
    await expire(clock)
    service.faults.lost_answers = 1
    with pytest.raises(AuthError):
        await in_time(clock, client.get(DEVICES))
    assert service.tokens.refreshes == 2


async def test_the_second_refusal_of_a_call_is_final(service: RingSimulator, client: Client) -> None:
    await client.meet()
    service.faults.answers[f"api.ring.com{DEVICES}"] = Canned(status=401, body="{}")
    with pytest.raises(AuthError) as caught:
        await client.get(DEVICES)
    assert caught.value.reason == "login_ended"
    assert service.tokens.refreshes == 1
    assert client.keeper.dead is None, "the token itself was accepted"


def test_a_stored_grant_is_whole_or_none() -> None:
    at = datetime.fromisoformat("2026-01-02T03:04:05+00:00")
    whole: dict[str, JsonValue] = {"access": "a", "refresh": "r", "expires_at": at.isoformat()}
    found = loaded(whole)
    assert found is not None
    assert found.stored() == whole
    assert found.expires_at - at == timedelta()
    assert "'a'" not in repr(found)
    for name in whole:
        assert loaded({**whole, name: None}) is None

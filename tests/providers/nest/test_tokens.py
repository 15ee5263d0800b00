import asyncio
from collections.abc import Mapping
import json

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable
from custom_components.camhub.kernel.model import CredentialState, JsonValue
from custom_components.camhub.providers.nest.tokens import tokens
from simulators.nest_sdm import NestSimulator
from tests.contexts import SavedTokens
from tests.fake_clock import FakeClock

from .conftest import Open

WEEK = 7 * 86400.0
NO_KEY = "the disk is full"


async def test_a_token_is_refreshed_once_however_many_need_it(
    open_provider: Open, clock: FakeClock, service: NestSimulator, tokens: SavedTokens
) -> None:
    provider = open_provider()
    await clock.advance(3599 - 119)
    await asyncio.gather(provider.connect(), provider.cameras(), provider.connect())
    assert service.tokens.refreshes == 1
    (saved,) = (each for each in tokens.saved if "abilities" not in each)
    assert saved["refresh_token"]
    assert saved["client_id"] == service.client.id, "the whole set is stored"
    assert provider.diagnostics()["token_refreshes"] == 1


async def test_a_token_that_holds_is_used(open_provider: Open, clock: FakeClock, service: NestSimulator) -> None:
    provider = open_provider()
    await clock.advance(3599 - 121)
    await provider.cameras()
    assert service.tokens.refreshes == 0


async def test_a_rotated_refresh_token_is_stored_before_it_is_used(
    open_provider: Open, clock: FakeClock, service: NestSimulator, tokens: SavedTokens
) -> None:
    service.tokens.rotates = True
    provider = open_provider()
    for _ in range(3):
        await clock.advance(3600)
        await provider.cameras()
    kept = [each["refresh_token"] for each in tokens.saved]
    assert len(set(kept)) == 3
    await clock.advance(3600)
    await open_provider(tokens.saved[-1]).cameras()


async def test_what_cannot_be_stored_is_not_used(open_provider: Open, clock: FakeClock, service: NestSimulator) -> None:
    class Full:
        async def save(self, credentials: Mapping[str, JsonValue]) -> None:
            raise Unreachable(NO_KEY, reason="not_stored")

    provider = open_provider(tokens=Full())
    await clock.advance(3600)
    with pytest.raises(Unreachable, match=NO_KEY):
        await provider.cameras()
    assert service.listed == 1, "nothing was asked with the new token"


async def test_a_token_refused_early_is_replaced_once(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    provider = open_provider()
    await provider.connect()
    await clock.advance(1)
    service.tokens.forget_access()
    await asyncio.gather(provider.connect(), provider.connect())
    assert service.tokens.refreshes == 1


async def test_a_service_that_refuses_every_token_is_not_asked_for_ever(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    error = json.dumps({"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}})
    service.faults.answers[f"/v1/{service.enterprise}/devices"] = (401, error)
    provider = open_provider()
    # The clock stands still, so the new token looks like the old one unless a moment passes.
    await clock.advance(1)
    with pytest.raises(AuthError) as caught:
        await provider.connect()
    assert caught.value.reason == "fresh_token_refused"
    assert service.tokens.refreshes == 1
    asked = service.requests.total()
    with pytest.raises(AuthError):
        await provider.connect()
    assert service.requests.total() == asked, "refused here from then on"
    assert provider.token_status().state is CredentialState.REFUSED


@pytest.mark.parametrize(("days", "reason"), [(7.5, "consent_testing"), (8.5, "login_revoked")])
async def test_a_login_that_ends_within_a_week_was_a_testers(
    open_provider: Open, service: NestSimulator, clock: FakeClock, days: float, reason: str
) -> None:
    provider = open_provider()
    await clock.advance(days * 86400)
    service.tokens.revoke()
    with pytest.raises(AuthError) as caught:
        await provider.cameras()
    assert caught.value.reason == reason
    assert provider.problems() == (["consent_testing"] if reason == "consent_testing" else [])
    assert provider.token_status().state is CredentialState.REFUSED
    asked = service.requests.total()
    for camera in (provider.cameras, provider.connect):
        with pytest.raises(AuthError) as again:
            await camera()
        assert again.value.reason == reason
    assert service.requests.total() == asked


async def test_a_login_that_tells_its_end(
    open_provider: Open, service: NestSimulator, clock: FakeClock, tokens: SavedTokens
) -> None:
    service.tokens.testing = True
    provider = open_provider()
    assert provider.token_status().expires_at is None
    assert provider.problems() == []
    begun = clock.now()
    await clock.advance(3600)
    await provider.cameras()
    status = provider.token_status()
    assert status.state is CredentialState.OK
    assert status.expires_at is not None
    assert (status.expires_at - begun).total_seconds() == pytest.approx(WEEK, abs=2)
    assert provider.problems() == ["consent_testing"]
    await clock.advance(WEEK)
    with pytest.raises(AuthError) as caught:
        await provider.cameras()
    assert caught.value.reason == "consent_testing"


@pytest.mark.parametrize("answer", [(500, ""), (503, "<html>"), (200, "{}")])
async def test_a_token_service_in_trouble_refuses_nobody(
    open_provider: Open, service: NestSimulator, clock: FakeClock, answer: tuple[int, str]
) -> None:
    provider = open_provider()
    await clock.advance(3600)
    service.faults.answers["/oauth2/v4/token"] = answer
    with pytest.raises(HubError) as caught:
        await provider.cameras()
    assert not isinstance(caught.value, AuthError)
    service.faults.answers.clear()
    await provider.cameras()


async def test_a_service_that_does_not_answer(open_provider: Open, service: NestSimulator, clock: FakeClock) -> None:
    provider = open_provider()
    service.faults.slow_s = 86400
    asking = asyncio.ensure_future(provider.cameras())
    await service.wait_until(lambda: service.requests.total() > 0)
    await clock.advance(20)
    with pytest.raises(Unreachable) as caught:
        await asking
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "told",
    [{}, {"access_token": ""}, {"access_token": "a", "expires_in": "soon"}, {"access_token": "a", "expires_in": True}],
)
def test_an_answer_without_a_token(told: dict[str, JsonValue], clock: FakeClock) -> None:
    with pytest.raises(Malformed):
        tokens(told, clock.now())


def test_an_end_that_is_no_number_is_none(clock: FakeClock) -> None:
    told: dict[str, JsonValue] = {"access_token": "a", "expires_in": 60, "refresh_token_expires_in": True}
    assert tokens(told, clock.now()).keys() == {"access_token", "access_ends_at"}

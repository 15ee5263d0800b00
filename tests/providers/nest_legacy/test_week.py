"""A week of virtual time, as a hub spends it: looks, pictures, restarts, crashes, bad days of Google's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import json
from pathlib import Path
import random
from typing import override

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError
from custom_components.camhub.kernel.model import CredentialState, JsonValue
from custom_components.camhub.providers.nest_legacy.provider import NestLegacyProvider
from simulators.nest_legacy import NestLegacySimulator
from simulators.nest_legacy.pictures import Pictures
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import FileTokens, google, with_token

WEEK = timedelta(days=7)
STEP_S = 1500.0
DAYS_AHEAD = timedelta(days=7)


class Crash(Exception):
    pass


class Crashing(FileTokens):
    """A store whose process dies right after the `dies`th save, before anybody uses what was saved."""

    dies = 0

    @override
    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        await super().save(credentials)
        if self.saves == self.dies:
            raise Crash


class House:
    """One entry of a hub: a provider and the file that it is started from."""

    def __init__(self, make_context: MakeContext, store: FileTokens) -> None:
        self._make = make_context
        self.store = store
        self.provider = self._open()

    def _open(self) -> NestLegacyProvider:
        return NestLegacyProvider(self._make(self.store.read(), tokens=self.store))

    async def restart(self, *, orderly: bool = True) -> None:
        """Open it anew from what is on the disk; a crash closes nothing."""
        if orderly:
            await self.provider.close()
        self.provider = self._open()

    async def look(self) -> int:
        """List the cameras and take their pictures, as a hub does; return how many came."""
        cameras = await self.provider.cameras()
        taken = 0
        for camera in cameras:
            if camera.stills is not None and camera.online:
                await camera.stills.take(160)
                taken += 1
        return taken


class Still(Pictures):
    """One picture for a whole week: drawing others is what would take the time."""

    def __init__(self) -> None:
        super().__init__()
        self._one = super().of("", 64, 0)

    @override
    def of(self, label: str, width: int, at: float, *, blank: bool = False) -> bytes:
        return self._one


@pytest.fixture
def store(tmp_path: Path, services: NestLegacySimulator) -> Crashing:
    services.pictures = Still()
    store = Crashing(tmp_path / "login")
    store.path.write_text(json.dumps(google(services)))
    return store


async def test_a_week_with_restarts(
    services: NestLegacySimulator, make_context: MakeContext, store: Crashing, clock: FakeClock
) -> None:
    house = House(make_context, store)
    chance = random.Random(4)
    end = clock.now() + WEEK
    last, looks = services.google.tokens, 0
    while clock.now() < end:
        assert await house.look() == 2
        looks += 1
        assert services.google.tokens - last <= 1, "one need, one session"
        last = services.google.tokens
        if chance.random() < 0.05:
            await house.restart(orderly=chance.random() < 0.5)
        await clock.advance(STEP_S)
    assert looks == 404
    # Every 55 minutes at the earliest.
    assert services.google.tokens <= WEEK / timedelta(minutes=55) + 1
    assert (services.google.refused, services.google.replays, services.refused) == (0, 0, 0)
    assert house.provider.token_status().state is CredentialState.OK
    await house.provider.close()


async def test_a_crash_after_any_save_loses_nothing(
    services: NestLegacySimulator, make_context: MakeContext, store: Crashing, clock: FakeClock
) -> None:
    house = House(make_context, store)
    for dies in range(1, 25):
        store.dies = dies
        if store.saves < dies:
            with pytest.raises(Crash):
                await house.look()
            assert store.saves == dies
        await house.restart(orderly=False)
        await clock.advance(3600)
    store.dies = 0
    assert await house.look() == 2
    assert (services.google.refused, services.google.replays) == (0, 0)
    await house.provider.close()


async def test_a_week_of_bad_days(
    services: NestLegacySimulator, make_context: MakeContext, store: Crashing, clock: FakeClock
) -> None:
    """Whatever Google answers but its own word that the session is over, the login outlives it."""
    house = House(make_context, store)
    chance = random.Random(7)
    faults = ["", "", "", "503", "500", "429", "page", "403", "temporarily_unavailable"]
    end = clock.now() + WEEK
    failed = 0
    while clock.now() < end:
        if chance.random() < 0.1:
            services.faults.google = chance.choice(faults)
        if chance.random() < 0.02:
            await house.restart(orderly=chance.random() < 0.5)
        try:
            await house.look()
        except AuthError:
            raise
        except HubError:
            failed += 1
        await clock.advance(STEP_S)
    assert failed
    services.faults.google = ""
    await clock.advance(700)
    assert await house.look() == 2
    assert services.google.replays == 0
    await house.provider.close()


async def test_alerts_are_due_when_they_are_due(
    services: NestLegacySimulator, make_context: MakeContext, clock: FakeClock
) -> None:
    """A token of twelve days: a week ahead for the first time on the fifth, over on the twelfth."""
    token = services.user_token(days=12)
    ends = clock.now().replace(microsecond=0) + timedelta(days=12)
    provider = NestLegacyProvider(make_context(with_token(token, expires_at=ends.isoformat())))
    told: list[tuple[datetime, CredentialState, bool]] = []
    for _ in range(14 * 24):
        status = provider.token_status()
        assert status.expires_at == ends
        told.append((clock.now(), status.state, status.expires_at - clock.now() <= DAYS_AHEAD))
        if clock.now() < ends:
            await provider.cameras()
        else:
            with pytest.raises(AuthError, match="refused"):
                await provider.cameras()
        await clock.advance(3600)
    ahead = [at for at, state, soon in told if state is CredentialState.OK and soon]
    assert (ahead[0], ahead[-1]) == (ends - DAYS_AHEAD, ends - timedelta(hours=1))
    states = list(dict.fromkeys(state for _, state, _ in told))
    assert states == [CredentialState.OK, CredentialState.EXPIRED, CredentialState.REFUSED]
    assert next(at for at, state, _ in told if state is CredentialState.EXPIRED) == ends
    # Once by the call that was refused; nothing is asked after that.
    assert services.refused == 1


async def test_the_end_of_a_google_login_is_told_at_once(
    services: NestLegacySimulator, make_context: MakeContext, store: Crashing, clock: FakeClock
) -> None:
    house = House(make_context, store)
    await house.look()
    services.google.log_out()
    refused_at: list[float] = []
    while clock.monotonic() < 7200:
        try:
            await house.look()
        except AuthError:
            refused_at.append(clock.monotonic())
        await clock.advance(STEP_S)
    assert refused_at[0] == 3 * STEP_S
    assert services.google.refused == 1
    assert house.provider.token_status().state is CredentialState.REFUSED
    # New cookies in the same file, as after signing in again, and all is well.
    services.google.sign_in()
    await store.save(google(services))
    await house.restart()
    assert await house.look() == 2
    await house.provider.close()

"""A day of sixty cameras on a loop of its own, whose time passes only while nothing happens."""

import asyncio
import os
from pathlib import Path
import secrets
from typing import Final

import pytest

from custom_components.camhub.providers.frigate import line
from simulators.authority import Authority
from tests.contract.worlds import nothing_left
from tests.faults.loop import JumpingLoop

from .day import SLACK, Day

# The day that is lived through: a number, or `random`; a run that fails says which it was.
SEED: Final = "CAMHUB_SOAK_SEED"
USUAL: Final = "20261121"


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who signs certificates that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("strangers"))


@pytest.mark.timeout(900)
def test_sixty_cameras_of_six_kinds_live_through_a_day(
    authority: Authority, strangers: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server's lists, a look at which a minute would be most of the day.
    monkeypatch.setattr(line, "POLL_S", 1800.0)
    chosen = os.environ.get(SEED, USUAL)
    seed = secrets.randbelow(2**32) if chosen == "random" else int(chosen)
    day = Day(seed, authority, strangers, tmp_path)

    async def live() -> None:
        before, after = await day.run()
        await nothing_left(set())
        assert after.tasks <= before.tasks + 2, "no task is forgotten"
        assert after.files <= before.files + 4, "no connection is forgotten"
        remembered = 4 * sum(account.told for account in day.accounts)
        assert (after.objects - before.objects).total() <= SLACK + remembered, after.objects - before.objects

    loop = JumpingLoop()
    # All that happens is in this process: what was sent is there.
    loop.be_patient(0.0003)
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(live())
            finally:
                # Threads are waited for in the end, and their time does not jump.
                loop.be_patient(3600)
    except BaseException as error:
        error.add_note(f"live through the same day again with {SEED}={seed}")
        raise
    kinds = {account.bench.key: account for account in day.accounts}
    assert len(kinds) == 6
    assert sum(account.told for account in day.accounts) == sum(len(account.heard) for account in day.accounts)
    assert all(account.looks for account in day.accounts), "each was looked at"
    assert all(kinds[key].told for key in ("frigate", "hikvision", "nest_legacy", "ring"))
    assert kinds["ring"].bench.tokens.saved, "tokens rotate"

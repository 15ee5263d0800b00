import asyncio
import json

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.camhub.kernel.errors import HubError, Throttled
from custom_components.camhub.providers.nest.answers import login_refusal, pubsub_refusal, refusal
from custom_components.camhub.providers.nest.quota import COMMANDS, PER_DEVICE, Quota, Rank
from simulators.nest_sdm import NestSimulator
from simulators.nest_sdm.quota import Quota as Service
from tests.fake_clock import FakeClock

from .conftest import Cameras, Open


def wait(quota: Quota, device: str = "d", rank: Rank = Rank.LIVE, ahead: int = 0, name: str = "c") -> float:
    """Count a command; return how long it has to wait, 0 if not."""
    try:
        quota.command(device, name, rank, ahead=ahead)
    except Throttled as error:
        return error.retry_after or 0
    return 0


async def test_ten_commands_in_any_minute(clock: FakeClock) -> None:
    quota = Quota(clock)
    for number in range(COMMANDS):
        assert wait(quota, str(number)) == 0
        await clock.advance(1)
    assert wait(quota, "next") == 50
    at = quota.free_at()
    assert at is not None
    assert (at - clock.now()).total_seconds() == 50
    await clock.advance(50)
    assert quota.free_at() is None
    assert wait(quota, "next") == 0
    assert wait(quota, "next") == 1


async def test_five_of_a_kind_for_a_device(clock: FakeClock) -> None:
    quota = Quota(clock)
    assert [wait(quota) for _ in range(PER_DEVICE + 1)] == [0] * PER_DEVICE + [60]
    assert wait(quota, name="another") == 0
    assert wait(quota, device="another") == 0


async def test_live_view_before_pictures_before_trials(clock: FakeClock) -> None:
    quota = Quota(clock)
    for number in range(6):
        assert wait(quota, str(number)) == 0
    assert wait(quota, "probe", Rank.PROBE) == 60
    assert wait(quota, "still", Rank.STILL, ahead=1) == 0
    assert wait(quota, "still", Rank.STILL, ahead=1) == 60, "one more could be opened, but not closed"
    assert [wait(quota, str(number)) for number in range(10, 14)] == [0, 0, 0, 60]


async def test_silence_after_a_refusal(clock: FakeClock) -> None:
    quota = Quota(clock)
    quota.silence()
    assert wait(quota) == 60
    quota.listing()
    await clock.advance(59)
    assert wait(quota) == 1
    await clock.advance(1)
    assert wait(quota) == 0
    quota.silence(listings=True)
    assert wait(quota, "other") == 0, "listings are counted apart"
    with pytest.raises(Throttled):
        quota.listing()
    facts = quota.facts()
    assert facts == {
        "commands_in_last_minute": 2,
        "commands_per_minute": COMMANDS,
        "refused_by_service": 2,
        "next_live_at": None,
        "next_still_at": None,
    }
    json.dumps(facts)


async def test_silence_for_as_long_as_is_asked_for(clock: FakeClock) -> None:
    """A minute at least: Google counts in minutes."""
    asked = [refusal(429, b"", pause) for pause in (None, 5.0, 120.0)]
    asked += [login_refusal(429, b"", 300.0), pubsub_refusal(429, b"", 90.0)]
    pauses = [each.retry_after for each in asked if isinstance(each, Throttled)]
    assert pauses == [60, 60, 120, 300, 90]
    quota = Quota(clock)
    quota.silence(120)
    assert wait(quota) == 120


async def test_five_listings_a_minute(clock: FakeClock) -> None:
    quota = Quota(clock)
    for _ in range(5):
        quota.listing()
    with pytest.raises(Throttled) as caught:
        quota.listing()
    assert caught.value.retry_after == 60


STEPS = st.tuples(
    st.floats(0, 30), st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(list(Rank)), st.integers(0, 1)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=80))
def test_the_service_never_refuses_what_we_let_pass(steps: list[tuple[float, str, str, Rank, int]]) -> None:
    async def run() -> None:
        clock = FakeClock()
        ours, theirs = Quota(clock), Service(clock.monotonic)
        for pause, device, name, rank, ahead in steps:
            await clock.advance(pause)
            if wait(ours, device, rank, ahead, name) == 0:
                assert theirs.admits(("user", COMMANDS), ((device, name), PER_DEVICE))

    asyncio.run(run())


async def test_a_refusal_of_the_service_is_not_repeated_within_the_minute(
    open_provider: Open, service: NestSimulator, clock: FakeClock
) -> None:
    provider = open_provider()
    cameras = await provider.cameras()
    service.faults.throttled = True
    rtsp = cameras[0].rtsp
    assert rtsp is not None
    with pytest.raises(Throttled) as caught:
        await rtsp.open()
    assert (caught.value.reason, caught.value.retry_after) == ("quota_used_up", 60)
    asked = service.requests.total()
    for _ in range(50):
        with pytest.raises(Throttled):
            await rtsp.open()
        assert await provider.cameras() == cameras, "those that are known"
    assert service.requests.total() == asked + 1, "listings are counted apart, so one was tried"
    quota = provider.diagnostics()["quota"]
    assert isinstance(quota, dict)
    assert quota["refused_by_service"] == 2
    at = provider.next_call_at()
    assert at is not None
    assert quota["next_live_at"] == at.isoformat() == "2026-01-02T03:05:05+00:00"
    with pytest.raises(Throttled):
        await open_provider().cameras()
    service.faults.throttled = False
    await clock.advance(60)
    await (await rtsp.open()).release()


async def test_a_crowd_of_viewers_stays_within_the_quota(cameras: Cameras, service: NestSimulator) -> None:
    """Three cameras opened at once are enough to be refused (peers.md N1)."""
    rtsp = cameras["wired"].rtsp
    assert rtsp is not None
    outcomes = await asyncio.gather(*(rtsp.open() for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(each, HubError) for each in outcomes) == PER_DEVICE
    assert service.quota.refused == 0

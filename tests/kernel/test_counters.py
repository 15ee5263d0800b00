import json

import pytest

from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.errors import Throttled
from tests.fake_clock import FakeClock


async def test_calls_and_their_time_are_counted(clock: FakeClock) -> None:
    counters = Counters(clock)
    for seconds in (0.25, 0.5):
        with counters.timed("stills"):
            await clock.advance(seconds)
    assert counters.as_dict() == {"counts": {"stills": 2}, "milliseconds": {"stills": 750.0}}


async def test_failures_are_counted_by_kind_and_raised(clock: FakeClock) -> None:
    counters = Counters(clock)
    await clock.advance(1)
    with pytest.raises(Throttled), counters.timed("stills"):
        raise Throttled
    with pytest.raises(ValueError, match="bug"), counters.timed("stills"):
        raise ValueError("bug")
    assert counters.as_dict() == {
        "counts": {"stills": 2, "stills.Throttled": 1},
        "milliseconds": {"stills": 0.0},
    }


def test_plain_counters_start_at_zero() -> None:
    counters = Counters()
    assert counters.get("drops") == 0
    counters.count("drops")
    counters.count("drops", 3)
    assert counters.get("drops") == 4
    assert json.loads(json.dumps(counters.as_dict())) == {"counts": {"drops": 4}, "milliseconds": {}}

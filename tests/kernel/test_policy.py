import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import gc
from itertools import islice
import weakref

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.policy import Backoff, retry, retry_after, within
from tests.fake_clock import FakeClock, settle

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BACKOFF = Backoff(first=1, factor=3, maximum=10, jitter=0.5)


def no_chance() -> float:
    return 0.0


class Call:
    """Raises what it is given, one after another, then returns how often it was called."""

    def __init__(self, *errors: HubError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def test_waits_grow_to_the_maximum() -> None:
    assert list(islice(BACKOFF.delays(no_chance), 5)) == [1, 3, 9, 10, 10]


def test_jitter_is_added_also_to_the_longest() -> None:
    chances = iter([0.0, 0.5, 1.0, 0.5])
    assert list(islice(BACKOFF.delays(lambda: next(chances)), 4)) == [1, 3.25, 9.5, 10.25]


def test_the_first_wait_is_no_longer_than_the_longest() -> None:
    assert next(Backoff(first=99, factor=1, maximum=7, jitter=0).delays(no_chance)) == 7


def test_waits_never_overflow() -> None:
    assert next(islice(Backoff(first=1, factor=1e300, maximum=60, jitter=0).delays(no_chance), 5000, None)) == 60


@pytest.fixture
def attempt(clock: FakeClock) -> Callable[[Call], Awaitable[int]]:
    """Call with three attempts, letting as much time pass as it takes."""

    async def run(call: Call) -> int:
        task = asyncio.create_task(retry(call, clock=clock, attempts=3, backoff=BACKOFF, random=no_chance))
        await settle()
        while not task.done():
            await clock.advance(1)
        return task.result()

    return run


async def test_a_call_that_succeeds_is_made_once(attempt: Callable[[Call], Awaitable[int]], clock: FakeClock) -> None:
    assert await attempt(Call()) == 1
    assert clock.slept == []


async def test_unreachable_is_tried_again_after_growing_waits(
    attempt: Callable[[Call], Awaitable[int]], clock: FakeClock
) -> None:
    assert await attempt(Call(Unreachable(), Unreachable())) == 3
    assert clock.slept == [1, 3]


async def test_the_last_error_is_raised(attempt: Callable[[Call], Awaitable[int]], clock: FakeClock) -> None:
    call = Call(Unreachable("1"), Unreachable("2"), Unreachable("3"), Unreachable("4"))
    with pytest.raises(Unreachable, match="3"):
        await attempt(call)
    assert call.calls == 3
    assert clock.slept == [1, 3]


@pytest.mark.parametrize("error", [AuthError(), Malformed(), Unsupported(), HubError()])
async def test_other_errors_are_raised_at_once(
    attempt: Callable[[Call], Awaitable[int]], clock: FakeClock, error: HubError
) -> None:
    call = Call(error)
    with pytest.raises(type(error)):
        await attempt(call)
    assert call.calls == 1
    assert clock.slept == []


@pytest.mark.parametrize(("asked", "waited"), [(0.2, 1), (7, 7), (10, 10)])
async def test_throttled_waits_at_least_what_was_asked(
    attempt: Callable[[Call], Awaitable[int]], clock: FakeClock, asked: float, waited: float
) -> None:
    assert await attempt(Call(Throttled(retry_after=asked))) == 2
    assert clock.slept == [waited]


@pytest.mark.parametrize("asked", [10.1, 3600, None])
async def test_throttled_for_longer_is_left_to_the_caller(
    attempt: Callable[[Call], Awaitable[int]], clock: FakeClock, asked: float | None
) -> None:
    call = Call(Throttled(retry_after=asked))
    with pytest.raises(Throttled):
        await attempt(call)
    assert call.calls == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("1_000", None),
        ("٣", None),
        ("9" * 400, None),
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("-5", 0),
        ("+5", 5),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60),
        ("Fri Jan  2 03:05:05 2026", 60),
        ("Fri, 02 Jan 2026 04:05:05 +0100", 60),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60),
        ("Fri, 02 Jan 2026 03:03:05 GMT", 0),
        ("Fri, 32 Jan 2026 03:03:05 GMT", None),
        ("Fri, 02 Jan 2026 03:05:05 +9999", None),
        ("Fri, 02 Jan 2026 03:05:05 +99999999999999", None),
    ],
)
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


async def test_an_error_of_work_with_a_limit_leaves_nothing_to_the_collector(
    clock: FakeClock, request: pytest.FixtureRequest
) -> None:
    gc.disable()
    request.addfinalizer(gc.enable)
    left: list[weakref.ref[HubError]] = []

    async def fail() -> None:
        error = Malformed("of no use")
        left.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    try:
        await within(clock, 5, fail())
    except Malformed:
        await settle()
    assert [each() for each in left] == [None]

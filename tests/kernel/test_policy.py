import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.policy import Backoff, TokenBucket, retry, retry_after
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


async def test_a_full_bucket_gives_its_capacity_at_once(clock: FakeClock) -> None:
    bucket = TokenBucket(3, 1, clock)
    assert [bucket.try_take() for _ in range(4)] == [True, True, True, False]


async def test_a_bucket_fills_at_its_rate_and_no_higher(clock: FakeClock) -> None:
    bucket = TokenBucket(3, 0.5, clock)
    assert bucket.try_take(3)
    await clock.advance(1.9)
    assert not bucket.try_take()
    await clock.advance(0.1)
    assert bucket.try_take()
    await clock.advance(1000)
    assert not bucket.try_take(4)
    assert bucket.try_take(3)


async def test_tokens_are_taken_in_the_order_they_were_asked_for(clock: FakeClock) -> None:
    bucket, order = TokenBucket(5, 1, clock), list[str]()

    async def take(name: str, n: int) -> None:
        await bucket.take(n)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(take("first", 5))
        group.create_task(take("large", 4))
        group.create_task(take("small", 1))
        await settle()
        assert order == ["first"]
        assert not bucket.try_take()
        await clock.advance(3)
        assert order == ["first"]
        await clock.advance(1)
        assert order == ["first", "large"]
        await clock.advance(1)
        assert order == ["first", "large", "small"]


async def test_who_gives_up_makes_room_for_those_behind(clock: FakeClock) -> None:
    bucket = TokenBucket(10, 1, clock)
    await bucket.take(10)
    large, small = asyncio.create_task(bucket.take(10)), asyncio.create_task(bucket.take(1))
    await clock.advance(1)
    assert not small.done()
    large.cancel()
    await settle()
    assert small.done()
    assert not bucket.try_take()
    await clock.advance(1)
    assert bucket.try_take()


async def test_more_than_the_capacity_can_never_be_had(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="3 tokens wanted of a bucket that holds 2"):
        await TokenBucket(2, 1, clock).take(3)


async def test_rounding_never_keeps_a_taker_waiting(clock: FakeClock) -> None:
    bucket = TokenBucket(1, 1 / 3, clock)
    for _ in range(50):
        task = asyncio.create_task(bucket.take())
        await settle()
        if not task.done():
            await clock.advance(3)
        assert task.done()


async def test_the_next_token_is_foretold(clock: FakeClock) -> None:
    bucket = TokenBucket(2, 0.5, clock)
    assert bucket.next_free() == clock.now()
    await bucket.take(2)
    assert bucket.next_free() == clock.now() + timedelta(seconds=2)
    waiting = asyncio.create_task(bucket.take(2))
    await settle()
    assert bucket.next_free() == clock.now() + timedelta(seconds=6)
    await clock.advance(4)
    assert waiting.done()
    assert bucket.next_free() == clock.now() + timedelta(seconds=2)


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

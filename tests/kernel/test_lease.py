import asyncio
from datetime import timedelta

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.lease import Lease, LeaseKeeper
from custom_components.camhub.kernel.policy import Backoff
from tests.fake_clock import FakeClock, settle

BACKOFF = Backoff(first=1, factor=2, maximum=8, jitter=0)


class Vendor:
    """Hands out leases of `seconds`; `faults` are raised one after another by whatever is asked next."""

    def __init__(self, clock: FakeClock, seconds: float | None = 300, *, renewable: bool = True) -> None:
        self.clock = clock
        self.seconds = seconds
        self.renewable = renewable
        self.faults: list[HubError] = []
        self.release_faults: list[HubError] = []
        self.opened: list[float] = []
        self.renewed: list[float] = []
        self.released: list[str] = []

    async def open(self) -> Lease[str]:
        self.opened.append(self.clock.monotonic())
        return self._lease(f"open{len(self.opened)}")

    def _lease(self, value: str) -> Lease[str]:
        if self.faults:
            raise self.faults.pop(0)
        ends = None if self.seconds is None else self.clock.now() + timedelta(seconds=self.seconds)

        async def renew() -> Lease[str]:
            self.renewed.append(self.clock.monotonic())
            return self._lease(f"{value}+")

        async def release() -> None:
            self.released.append(value)
            if self.release_faults:
                raise self.release_faults.pop(0)

        return Lease(value=value, expires_at=ends, renew=renew if self.renewable else None, release=release)

    def keeper(self) -> LeaseKeeper[str]:
        return LeaseKeeper(self.open, clock=self.clock, margin=30, backoff=BACKOFF, random=lambda: 0.0)


@pytest.fixture
def vendor(clock: FakeClock) -> Vendor:
    return Vendor(clock)


async def test_a_lease_needs_no_release_and_prints_no_value() -> None:
    lease = Lease(value="rtsp://user:s3cret@192.0.2.1")
    await lease.release()
    assert lease.expires_at is None
    assert "s3cret" not in repr(lease)


async def test_it_is_renewed_before_its_end_again_and_again(vendor: Vendor, clock: FakeClock) -> None:
    values: list[str] = []
    async with vendor.keeper() as keeper:
        keeper.on_change(values.append)
        assert keeper.current() == "open1"
        assert keeper.expires_at == clock.now() + timedelta(seconds=300)
        await clock.advance(269)
        assert vendor.renewed == []
        await clock.advance(272)
        assert vendor.renewed == [270, 540]
        assert keeper.current() == "open1++"
    assert values == ["open1+", "open1++"]
    assert vendor.opened == [0]
    assert vendor.released == ["open1++"]
    assert clock.sleepers == 0


async def test_nothing_is_told_while_the_value_stays(clock: FakeClock) -> None:
    values: list[str] = []

    async def same() -> Lease[str]:
        return Lease(value="same", expires_at=clock.now() + timedelta(seconds=100), renew=same)

    async with LeaseKeeper(same, clock=clock) as keeper:
        undo = keeper.on_change(values.append)
        await clock.advance(1000)
        undo()
        assert keeper.current() == "same"
    assert values == []


async def test_one_for_ever_is_left_alone(clock: FakeClock) -> None:
    vendor = Vendor(clock, None)
    async with vendor.keeper() as keeper:
        await clock.advance(10**6)
        assert keeper.current() == "open1"
        assert keeper.expires_at is None
        assert clock.slept == []
    assert vendor.released == ["open1"]


async def test_one_that_cannot_be_renewed_is_followed_by_another(clock: FakeClock) -> None:
    vendor = Vendor(clock, renewable=False)
    async with vendor.keeper() as keeper:
        await clock.advance(270)
        assert keeper.current() == "open2"
        assert vendor.opened == [0, 270]
        assert vendor.released == ["open1"]
    assert vendor.released == ["open1", "open2"]


async def test_a_renewal_that_fails_is_tried_again_with_growing_waits(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [Unreachable(), Unreachable(), Unreachable()]
        await clock.advance(270)
        assert isinstance(keeper.error, Unreachable)
        assert keeper.current() == "open1"
        await clock.advance(7)
        assert vendor.renewed == [270, 271, 273, 277]
        assert keeper.current() == "open1+"
        assert keeper.error is None
        assert vendor.opened == [0]


async def test_at_its_end_another_is_opened(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [Unreachable()] * 7
        await clock.advance(300)
        assert vendor.renewed == [270, 271, 273, 277, 285, 293]
        assert vendor.opened == [0, 300]
        with pytest.raises(Unreachable) as caught:
            keeper.current()
        assert caught.value.reason == "cannot_connect"
        await clock.advance(8)
        assert keeper.current() == "open3"
        assert vendor.released == ["open1"]


async def test_a_renewal_that_cannot_be_read_leads_to_another_at_once(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [Malformed()]
        await clock.advance(270)
        assert keeper.current() == "open2"


async def test_throttled_waits_at_least_what_was_asked(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [Throttled(retry_after=25), Throttled()]
        await clock.advance(270 + 24)
        assert vendor.renewed == [270]
        await clock.advance(3)
        assert vendor.renewed == [270, 295, 297]
        assert keeper.error is None


async def test_one_refused_serves_to_its_end_and_is_not_asked_for_again(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [fault := AuthError()]
        await clock.advance(299)
        assert keeper.current() == "open1"
        assert keeper.error is fault
        await clock.advance(1)
        with pytest.raises(AuthError):
            keeper.current()
        await clock.advance(10**5)
    assert vendor.renewed == [270]
    assert vendor.opened == [0]


async def test_what_cannot_be_is_asked_for_again_after_an_hour(vendor: Vendor, clock: FakeClock) -> None:
    async with vendor.keeper() as keeper:
        vendor.faults = [Unsupported(), Unsupported(), Unsupported()]
        await clock.advance(300)
        with pytest.raises(Unsupported):
            keeper.current()
        await clock.advance(270 + 2 * 3600 - 300)
        assert keeper.current() == "open4"
    assert vendor.renewed == [270], "one that says it cannot go on is not asked to again"
    assert vendor.opened == [0, 270, 270 + 3600, 270 + 2 * 3600]


@pytest.mark.parametrize("fault", [Unreachable(), Throttled(retry_after=1000), Malformed(), Unsupported(), AuthError()])
async def test_what_only_its_first_opening_can_serve_ends(clock: FakeClock, fault: HubError) -> None:
    vendor = Vendor(clock)
    async with LeaseKeeper(vendor.open, clock=clock, margin=30, backoff=BACKOFF, anew=False) as keeper:
        over = asyncio.create_task(keeper.until_over())
        await clock.advance(280)
        vendor.faults = [fault] * 100
        await clock.advance(569 - 280)
        assert not over.done()
        assert keeper.current() == "open1+"
        await clock.advance(1)
        assert over.done()
    assert vendor.opened == [0]
    assert clock.sleepers == 0


async def test_a_short_one_is_renewed_at_half_its_time(clock: FakeClock) -> None:
    vendor = Vendor(clock, 20)
    async with vendor.keeper():
        await clock.advance(30)
    assert vendor.renewed == [10, 20, 30]


async def test_one_that_has_ended_is_not_asked_for_without_pause(clock: FakeClock) -> None:
    vendor = Vendor(clock, -5)
    async with vendor.keeper() as keeper:
        with pytest.raises(Unreachable) as caught:
            keeper.current()
        assert caught.value.reason == "lease_ended"
        await clock.advance(3)
    assert vendor.opened == [0, 1, 2, 3]


async def test_before_and_after_there_is_no_value(vendor: Vendor) -> None:
    keeper = vendor.keeper()
    for _ in range(2):
        with pytest.raises(Unreachable) as caught:
            keeper.current()
        assert caught.value.reason == "lease_ended"
        assert keeper.expires_at is None
        await keeper.close()
        assert await keeper.start() == f"open{len(vendor.opened)}"
        await keeper.close()


async def test_what_fails_to_open_is_raised(vendor: Vendor) -> None:
    vendor.faults = [AuthError()]
    keeper = vendor.keeper()
    with pytest.raises(AuthError):
        await keeper.start()
    await keeper.close()
    assert vendor.released == []


async def test_a_release_that_fails_harms_nobody(vendor: Vendor, clock: FakeClock) -> None:
    vendor.renewable = False
    async with vendor.keeper() as keeper:
        vendor.release_faults = [Unreachable(), Unreachable()]
        await clock.advance(270)
        assert keeper.current() == "open2"
    assert vendor.released == ["open1", "open2"]


async def test_closing_ends_a_renewal_under_way(clock: FakeClock) -> None:
    asked, released = asyncio.Event(), list[str]()

    async def renew() -> Lease[str]:
        asked.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def release() -> None:
        released.append("first")

    async def open_lease() -> Lease[str]:
        return Lease(value="first", expires_at=clock.now() + timedelta(seconds=60), renew=renew, release=release)

    before = asyncio.all_tasks()
    keeper = LeaseKeeper(open_lease, clock=clock)
    await keeper.start()
    await clock.advance(30)
    await asked.wait()
    await keeper.close()
    await settle()
    assert asyncio.all_tasks() == before
    assert released == ["first"]

import asyncio
from collections.abc import AsyncIterator

import pytest

from custom_components.camhub.kernel.errors import Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.shared_lease import SharedLease
from tests.fake_clock import FakeClock, settle

from .test_lease import Vendor


class Room:
    """A lease that some want."""

    def __init__(self, vendor: Vendor, clock: FakeClock) -> None:
        self.viewers = 1
        self.changes: list[str] = []
        self.shared = SharedLease(vendor.open, lambda: self.viewers > 0, clock=clock)
        self.shared.on_change(self.changes.append)


@pytest.fixture
def vendor(clock: FakeClock) -> Vendor:
    return Vendor(clock)


@pytest.fixture
async def room(vendor: Vendor, clock: FakeClock) -> AsyncIterator[Room]:
    room = Room(vendor, clock)
    yield room
    await room.shared.close()
    await room.shared.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_all_share_one(room: Room, vendor: Vendor) -> None:
    assert not room.shared.over
    assert await asyncio.gather(*(room.shared.get() for _ in range(5))) == ["open1"] * 5
    assert len(vendor.opened) == 1
    assert not room.shared.over


async def test_it_is_renewed_while_it_is_wanted(room: Room, vendor: Vendor, clock: FakeClock) -> None:
    await room.shared.get()
    await clock.advance(3 * 3600)
    assert len(vendor.opened) == 1
    assert len(vendor.renewed) == 3 * 3600 // 225
    assert room.changes[0] == "open1+"
    assert await room.shared.get() == room.changes[-1]


async def test_it_is_given_back_when_nobody_wants_it(room: Room, vendor: Vendor, clock: FakeClock) -> None:
    await room.shared.get()
    await clock.advance(30)
    room.viewers = 0
    await clock.advance(45)
    room.viewers = 1
    await clock.advance(15)
    assert vendor.released == [], "somebody came back in time"
    room.viewers = 0
    await clock.advance(75)
    assert vendor.released == ["open1"]
    assert room.shared.over
    assert clock.sleepers == 0
    assert await room.shared.get() == "open2"
    assert not room.shared.over


async def test_one_that_ended_is_followed_by_another(room: Room, vendor: Vendor, clock: FakeClock) -> None:
    await room.shared.get()
    vendor.faults = [Unsupported(), Unsupported()]
    await clock.advance(299)
    assert not room.shared.over
    await clock.advance(1)
    assert room.shared.over
    assert await room.shared.get() == "open3", "who asks does not wait for the next try"
    assert vendor.released == ["open1"]


async def test_one_that_cannot_be_had(room: Room, vendor: Vendor) -> None:
    vendor.faults = [Throttled(retry_after=60), Unreachable()]
    for error in (Throttled, Unreachable):
        with pytest.raises(error):
            await room.shared.get()
    assert not room.shared.over, "nobody has one that might not serve"
    assert await room.shared.get() == "open3"


async def test_a_minute_of_silence_is_outlasted(room: Room, vendor: Vendor, clock: FakeClock) -> None:
    await room.shared.get()
    vendor.faults = [Throttled(retry_after=60)]
    await clock.advance(299)
    assert len(vendor.opened) == 1
    assert room.changes == ["open1+"]


async def test_an_endless_one_is_not_kept(clock: FakeClock) -> None:
    vendor = Vendor(clock, None)
    room = Room(vendor, clock)
    assert [await room.shared.get() for _ in range(2)] == ["open1", "open2"]
    assert clock.sleepers == 0
    assert not room.shared.over


async def test_closing_while_it_is_given_back(vendor: Vendor, clock: FakeClock) -> None:
    room = Room(vendor, clock)
    await room.shared.get()
    room.viewers = 0
    advancing = asyncio.ensure_future(clock.advance(75))
    await settle(3)
    await room.shared.close()
    await advancing
    assert vendor.released == ["open1"]


async def test_whoever_asked_a_moment_ago_keeps_it(room: Room, vendor: Vendor, clock: FakeClock) -> None:
    await room.shared.get()
    room.viewers = 0
    await clock.advance(59)
    assert await room.shared.get() == "open1"
    await clock.advance(15)
    assert vendor.released == [], "the player has not begun yet, but its address must not end"
    await clock.advance(60)
    assert vendor.released == ["open1"]

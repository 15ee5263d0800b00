from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.live import LiveView
from custom_components.camhub.kernel.provider import WebRtcSession

from ..fake_clock import FakeClock


class Session:
    """A conversation that remembers what it was told."""

    answer = "answer"

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None, int | None]] = []

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        self.heard.append((candidate, mid, line))


class Door:
    """Answers offers for a minute at a time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.session = Session()
        self.opened = self.renewed = self.released = 0
        self.renewable = True

    @property
    def _end(self) -> datetime:
        return self.clock.now() + timedelta(minutes=1)

    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        self.opened += 1
        send("theirs")
        return Lease(value=self.session, expires_at=self._end, renew=self._renew, release=self._release)

    async def _renew(self) -> Lease[WebRtcSession]:
        self.renewed += 1
        if not self.renewable:
            raise Unreachable
        return Lease(value=self.session, expires_at=self._end, renew=self._renew, release=self._release)

    async def _release(self) -> None:
        self.released += 1


async def test_a_live_view_is_renewed_and_given_back(clock: FakeClock) -> None:
    door = Door(clock)
    told: list[str] = []
    live = LiveView(door, "offer", told.append, clock=clock)
    await live.add_candidate("early", None, 0)
    assert await live.start() == "answer"
    await live.add_candidate("late", "0", None)
    assert door.session.heard == [("early", None, 0), ("late", "0", None)]
    assert told == ["theirs"]
    await clock.advance(120)
    assert door.renewed >= 2
    await live.close()
    await live.close()
    assert (door.opened, door.released) == (1, 1)
    assert clock.sleepers == 0


@pytest.mark.parametrize("after", [59, 600])
async def test_an_offer_is_answered_once(clock: FakeClock, after: int) -> None:
    door = Door(clock)
    door.renewable = False
    live = LiveView(door, "offer", lambda _: None, clock=clock)
    await live.start()
    await clock.advance(after)
    await live.close()
    assert door.opened == 1

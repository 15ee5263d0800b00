import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import override

import pytest

from custom_components.camhub.kernel.errors import HubError, Unreachable, Unsupported
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.live import LiveView
from custom_components.camhub.kernel.provider import WebRtc, WebRtcSession

from ..fake_clock import FakeClock, settle


class Session:
    """A conversation that remembers what it was told."""

    answer = "answer"

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None, int | None]] = []

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        self.heard.append((candidate, mid, line))


class Door(WebRtc):
    """Answers offers for a minute at a time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.session = Session()
        self.opened = self.renewed = self.released = 0
        self.renewable = True
        self.refusal: HubError = Unreachable()
        self.send: Callable[[str], None] = lambda _: None

    @property
    def _end(self) -> datetime:
        return self.clock.now() + timedelta(minutes=1)

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        self.opened += 1
        self.send = send
        send("theirs")
        return Lease(value=self.session, expires_at=self._end, renew=self._renew, release=self._release)

    async def _renew(self) -> Lease[WebRtcSession]:
        self.renewed += 1
        if not self.renewable:
            raise self.refusal
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
    await settle()
    assert door.session.heard == [("early", None, 0), ("late", "0", None)]
    assert told == ["theirs"], "once whoever asked has the answer"
    door.send("more")
    assert told == ["theirs", "more"]
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


async def test_what_goes_either_way_is_mended(clock: FakeClock) -> None:
    offers: list[str] = []
    told: list[str] = []

    class Vendor(Door):
        @override
        async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
            offers.append(offer)
            self.session.answer = "v=0\nm=audio 9 RTP 0\na=sendrecv\nm=video 9 RTP 96\na=sendrecv"
            send("candidate: 1 udp 1 192.0.2.1 9 typ host")
            return Lease(value=self.session)

    vendor = Vendor(clock)
    offer = "v=0\nm=video 9 RTP 96\na=recvonly\nm=audio 9 RTP 0\na=recvonly"
    live = LiveView(vendor, offer, told.append, clock=clock)
    await live.add_candidate("theirs", None, 0)
    answer = await live.start()
    assert told == [], "the viewer cannot take it before the answer"
    await settle()
    assert offers == ["v=0\r\nm=audio 9 RTP 0\r\na=recvonly\r\nm=video 9 RTP 96\r\na=recvonly\r\n"]
    assert answer == "v=0\r\nm=video 9 RTP 96\r\na=sendonly\r\nm=audio 9 RTP 0\r\na=sendonly\r\n"
    assert told == ["candidate:1 1 udp 1 192.0.2.1 9 typ host"]
    assert vendor.session.heard == [("theirs", None, 1)]
    await live.close()


@pytest.mark.parametrize("refusal", [Unreachable(), Unsupported()])
async def test_a_viewer_is_told_of_an_end_that_nothing_can_follow(clock: FakeClock, refusal: HubError) -> None:
    door = Door(clock)
    door.renewable, door.refusal = False, refusal
    ends: list[HubError] = []
    live = LiveView(door, "offer", lambda _: None, clock=clock, ended=ends.append)
    await live.start()
    await clock.advance(59)
    assert ends == [], "what is left of it serves"
    await clock.advance(60)
    assert [end.reason for end in ends] == ["session_over"]
    await live.close()
    assert clock.sleepers == 0


async def test_a_viewer_is_told_of_an_end_that_the_vendor_makes(clock: FakeClock) -> None:
    class Hasty(Session):
        def __init__(self) -> None:
            super().__init__()
            self.over: asyncio.Future[HubError] = asyncio.get_running_loop().create_future()

        async def until_over(self) -> HubError:
            return await self.over

    door, hasty = Door(clock), Hasty()
    door.session = hasty
    ends: list[HubError] = []
    live = LiveView(door, "offer", lambda _: None, clock=clock, ended=ends.append)
    await live.start()
    await settle()
    assert ends == []
    hasty.over.set_result(Unreachable(reason="live_view_refused"))
    await settle()
    assert [end.reason for end in ends] == ["live_view_refused"]
    await live.close()


async def test_who_closes_is_told_of_no_end(clock: FakeClock) -> None:
    door = Door(clock)
    ends: list[HubError] = []
    live = LiveView(door, "offer", lambda _: None, clock=clock, ended=ends.append)
    await live.start()
    await live.close()
    await clock.advance(600)
    assert (ends, clock.sleepers) == ([], 0)

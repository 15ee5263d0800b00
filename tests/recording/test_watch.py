import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from io import BytesIO

import numpy as np
from PIL import Image
import pytest

from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.errors import AuthError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.recording.grey import decode
from custom_components.camhub.recording.motion import MotionSettings
from custom_components.camhub.recording.watch import MotionWatch, of_frames
from tests.fake_clock import FakeClock


def picture(*, someone: bool) -> bytes:
    pixels = np.full((120, 160), 100, np.uint8)
    if someone:
        pixels[30:110, 60:90] = 230
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG")
    return encoded.getvalue()


EMPTY, SOMEONE = picture(someone=False), picture(someone=True)


class Yard:
    """A camera whose frames a test puts in; each is waited for until it was looked at."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened = 0
        self.told: list[CameraEvent] = []
        self.counters = Counters(clock)
        self._frames: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._wants = asyncio.Event()
        self.watch = MotionWatch(
            "yard",
            of_frames(self.frames, decode),
            MotionSettings(minimum=0.2, cool_down=2),
            self.told.append,
            clock=clock,
            counters=self.counters,
            random=lambda: 0.0,
        )

    async def frames(self) -> AsyncGenerator[tuple[bytes, datetime]]:
        self.opened += 1
        try:
            while True:
                self._wants.set()
                frame = await self._frames.get()
                if frame is None:
                    return
                if isinstance(frame, Exception):
                    raise frame
                yield frame, self.clock.now()
        finally:
            self._wants.set()

    async def show(self, *frames: bytes, every: float = 0.25) -> None:
        for frame in frames:
            await self._put(frame)
            await self._wants.wait()
            await self.clock.advance(every)

    async def fail(self, error: Exception | None) -> None:
        await self._put(error)
        for _ in range(20):
            await asyncio.sleep(0)

    async def _put(self, frame: bytes | Exception | None) -> None:
        await self._wants.wait()
        self._wants.clear()
        self._frames.put_nowait(frame)

    def phases(self) -> list[EventPhase]:
        return [event.phase for event in self.told]


@pytest.fixture
async def yard(clock: FakeClock) -> AsyncIterator[Yard]:
    made = Yard(clock)
    made.watch.start()
    yield made
    await made.watch.close()


async def test_someone_comes_and_goes(yard: Yard, clock: FakeClock) -> None:
    await yard.show(*[EMPTY] * 8)
    begun = clock.now()
    await yard.show(*[SOMEONE] * 4)
    await yard.show(*[EMPTY] * 12)
    start, end = yard.told
    assert (start.kind, start.phase, start.camera) == (EventKind.MOTION, EventPhase.START, "yard")
    assert begun <= start.at <= clock.now()
    assert start.image is not None
    assert start.image.content == SOMEONE
    assert start.image.taken_at == start.at
    assert start.score is not None
    assert 0.5 <= start.score <= 1
    assert (end.id, end.phase) == (start.id, EventPhase.END)
    assert end.at > start.at


async def test_no_more_pictures_are_looked_at_than_needed(yard: Yard) -> None:
    await yard.show(*[EMPTY] * 8)
    await yard.show(*[b"not looked at"] * 3, every=0.01)
    assert yard.counters.get("motion.unreadable") == 1


async def test_the_watch_is_kept_over_drops_and_what_moves_ends_with_them(yard: Yard, clock: FakeClock) -> None:
    await yard.show(*[EMPTY] * 8, *[SOMEONE] * 4)
    assert yard.phases() == [EventPhase.START]
    await yard.fail(Unreachable())
    assert yard.phases() == [EventPhase.START, EventPhase.END]
    assert isinstance(yard.watch.error, Unreachable)
    await clock.advance(5)
    assert yard.opened == 2
    await yard.fail(None)
    assert yard.watch.error is None
    await clock.advance(9)
    assert yard.opened == 2
    await clock.advance(1)
    assert yard.opened == 3
    await yard.fail(Throttled(retry_after=400))
    await clock.advance(399)
    assert yard.opened == 3
    await clock.advance(1)
    assert yard.opened == 4


async def test_waits_begin_small_again_after_a_good_while(yard: Yard, clock: FakeClock) -> None:
    for pause in (5, 10, 20):
        await yard.fail(Unreachable())
        await clock.advance(pause)
    await clock.advance(301)
    await yard.fail(Unreachable())
    await clock.advance(5)
    assert yard.opened == 5


async def test_a_camera_that_could_not_is_asked_again_after_an_hour(yard: Yard, clock: FakeClock) -> None:
    await yard.fail(Unsupported())
    await clock.advance(3599)
    assert yard.opened == 1
    assert isinstance(yard.watch.error, Unsupported)
    await clock.advance(1)
    assert yard.opened == 2


async def test_a_refused_login_is_not_tried_again(yard: Yard, clock: FakeClock) -> None:
    error = AuthError()
    await yard.fail(error)
    await clock.advance(10_000)
    assert yard.opened == 1
    assert not yard.watch.running
    assert yard.watch.error is error
    yard.watch.start()
    await clock.advance(0)
    assert yard.watch.error is None
    assert yard.opened == 2


async def test_pictures_that_cannot_be_read_are_left_out_until_there_are_too_many(yard: Yard) -> None:
    await yard.show(*[EMPTY, b"torn"] * 30)
    assert yard.opened == 1
    await yard.show(*[b"torn"] * 23)
    await yard.fail(None)
    assert yard.counters.get("motion.unreadable") == 53
    assert not isinstance(yard.watch.error, Malformed)


async def test_a_stream_of_rubbish_is_opened_anew(yard: Yard, clock: FakeClock) -> None:
    await yard.show(*[b"torn"] * 25)
    for _ in range(20):
        await asyncio.sleep(0)
    assert isinstance(yard.watch.error, Malformed)
    await clock.advance(5)
    assert yard.opened == 2


async def test_a_decoder_that_trips_does_not_end_the_watch(
    yard: Yard, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await yard.show(*[EMPTY] * 8, *[SOMEONE] * 4)
    await yard.fail(ZeroDivisionError("of rtsp://porter:s3cret@192.0.2.9"))
    assert yard.phases() == [EventPhase.START, EventPhase.END]
    assert yard.watch.running
    assert yard.watch.error is not None
    assert "s3cret" not in caplog.text
    await clock.advance(5)
    assert yard.opened == 2


async def test_closing_ends_what_moves_and_may_be_done_twice(yard: Yard) -> None:
    yard.watch.start()
    await yard.show(*[EMPTY] * 8, *[SOMEONE] * 4)
    await yard.watch.close()
    await yard.watch.close()
    assert yard.phases() == [EventPhase.START, EventPhase.END]
    assert yard.opened == 1

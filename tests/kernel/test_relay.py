import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
import gc
from typing import override
import weakref

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.kernel.relay import BOUNDARY, OPENING, Frame, Relay, RelayState

from ..fake_clock import FakeClock, settle
from .pictures import jpeg
from .streams import FedStream

FIRST, SECOND, THIRD = (jpeg(word, width=640, height=480) for word in (b"first", b"second", b"third"))


class Watcher:
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.ended: list[HubError | None] = []

    def offer(self, frame: Frame) -> None:
        self.frames.append(frame)

    def end(self, error: HubError | None) -> None:
        self.ended.append(error)

    @property
    def jpegs(self) -> list[bytes]:
        return [frame.jpeg for frame in self.frames]


class Faulty(Watcher):
    @override
    def offer(self, frame: Frame) -> None:
        super().offer(frame)
        raise RuntimeError("viewer's own fault")

    @override
    def end(self, error: HubError | None) -> None:
        super().end(error)
        raise RuntimeError("viewer's own fault")


@pytest.fixture
def stream() -> FedStream:
    return FedStream()


@pytest.fixture
async def relay(stream: FedStream, clock: FakeClock) -> AsyncIterator[Relay]:
    relay = Relay(stream, clock=clock, backoff=Backoff(1, 2, 8, 0), chance=lambda: 0.0)
    yield relay
    await relay.close()
    await relay.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert stream.open == 0
    assert stream.most <= 1


async def test_any_number_of_viewers_share_one_connection_and_the_same_bytes(relay: Relay, stream: FedStream) -> None:
    watchers = [Watcher() for _ in range(20)]
    for watcher in watchers:
        relay.join(watcher)
    stream.put(FIRST, SECOND)
    await settle()
    assert stream.opened == 1
    assert all(watcher.jpegs == [FIRST, SECOND] for watcher in watchers)
    assert len({id(watcher.frames[1]) for watcher in watchers}) == 1
    assert len({id(watcher.frames[1].chunk) for watcher in watchers}) == 1
    assert [frame.sequence for frame in watchers[0].frames] == [1, 2]
    assert relay.viewers == 20
    assert relay.state is RelayState.STREAMING


async def test_chunk_is_one_chunk_around_one_part(relay: Relay, stream: FedStream) -> None:
    watcher = Watcher()
    relay.join(watcher)
    stream.put(FIRST)
    await settle()
    frame = watcher.frames[0]
    assert frame.pieces is frame.pieces
    size, _, rest = frame.chunk.partition(b"\r\n")
    assert int(size, 16) == len(rest) - 2
    assert rest == bytes(frame.part) + b"\r\n"
    head, _, body = bytes(frame.part).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [b"Content-Type: image/jpeg", b"Content-Length: %d" % len(FIRST)]
    assert body == FIRST + b"\r\n" + OPENING
    assert f"--{BOUNDARY}\r\n".encode() == OPENING


async def test_faulty_viewer_is_dropped_and_the_others_go_on(relay: Relay, stream: FedStream) -> None:
    faulty, watcher = Faulty(), Watcher()
    relay.join(faulty)
    relay.join(watcher)
    stream.put(FIRST, SECOND)
    await settle()
    assert faulty.jpegs == [FIRST]
    assert faulty.ended == [None]
    assert watcher.jpegs == [FIRST, SECOND]
    assert relay.viewers == 1


async def test_late_viewer_gets_the_last_frame_at_once_if_it_is_fresh(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    relay.join(Watcher())
    stream.put(FIRST)
    await settle()
    await clock.advance(5)
    late = Watcher()
    relay.join(late)
    assert late.jpegs == [FIRST]
    await clock.advance(0.1)
    later = Watcher()
    relay.join(later)
    assert later.jpegs == []


async def test_connection_outlives_the_last_viewer_by_ten_seconds(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    leave = relay.join(Watcher())
    stream.put(FIRST)
    await clock.advance(1)
    leave()
    leave()
    for _ in range(9):
        stream.put(FIRST)
        await clock.advance(1)
    assert stream.open == 1
    relay.join(Watcher())()
    await clock.advance(1)
    stream.put(FIRST)
    await clock.advance(8.9)
    assert stream.open == 1
    await clock.advance(0.2)
    assert stream.open == 0
    assert stream.opened == 1
    assert relay.state is RelayState.IDLE


async def test_viewer_who_comes_while_the_camera_hangs_up_gets_a_new_connection(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    relay.join(Watcher())()
    await clock.advance(9)
    assert stream.open == 1
    watcher = Watcher()
    stream.on_close = lambda: relay.join(watcher)
    await clock.advance(1)
    stream.put(FIRST)
    await settle()
    assert watcher.jpegs == [FIRST]
    assert (stream.opened, stream.most) == (2, 1)


async def test_connections_of_the_past_are_forgotten(relay: Relay, stream: FedStream, clock: FakeClock) -> None:
    for _ in range(5):
        relay.join(Watcher())()
        await clock.advance(11)
    assert (stream.opened, stream.open) == (5, 0)
    assert runs_kept() <= 1


async def test_what_a_dropped_stream_leaves_is_a_reason_and_nothing_else(
    relay: Relay, stream: FedStream, request: pytest.FixtureRequest
) -> None:
    relay.join(Watcher())
    await settle()
    # The collector may come minutes later.
    gc.disable()
    request.addfinalizer(gc.enable)
    gone = Unreachable("gone")
    stream.put(gone)
    await settle()
    left = weakref.ref(gone)
    del gone
    assert relay.describe()["last_error"] == "cannot_connect"
    assert left() is None


def runs_kept() -> int:
    """Return how many tasks of relays there are, those that have ended included."""
    gc.collect()
    tasks = (each for each in gc.get_objects() if isinstance(each, asyncio.Task))
    return sum(getattr(each.get_coro(), "__qualname__", "") == "Relay._run" for each in tasks)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Unreachable("gone"), "cannot_connect"),
        (Malformed("garbage", reason="not_a_camera"), "not_a_camera"),
        (None, "stream_ended"),
        (RuntimeError("a provider's fault"), "malformed"),
    ],
)
async def test_dropped_stream_is_dialled_again_with_growing_pauses(
    relay: Relay, stream: FedStream, clock: FakeClock, fault: Exception | None, reason: str
) -> None:
    watcher = Watcher()
    relay.join(watcher)
    opened = []
    stream.put(fault)
    await settle()
    assert relay.state is RelayState.WAITING
    assert relay.describe()["last_error"] == reason
    for pause in (1, 2, 4, 8, 8):
        await clock.advance(pause - 0.01)
        opened.append(stream.opened)
        await clock.advance(0.01)
        stream.put(fault)
        await settle()
    assert opened == [1, 2, 3, 4, 5]
    await clock.advance(8)
    stream.put(FIRST, fault)
    await clock.advance(0.99)
    assert stream.opened == 7
    await clock.advance(0.01)
    assert stream.opened == 8
    assert watcher.jpegs == [FIRST]
    assert watcher.ended == []


@pytest.mark.parametrize(("asked", "pause"), [(30.0, 30.0), (0.5, 1.0), (None, 1.0)])
async def test_throttled_camera_is_left_alone_as_long_as_it_asks(
    relay: Relay, stream: FedStream, clock: FakeClock, asked: float | None, pause: float
) -> None:
    relay.join(Watcher())
    stream.put(Throttled(retry_after=asked))
    await clock.advance(pause - 0.1)
    assert stream.opened == 1
    await clock.advance(0.1)
    assert stream.opened == 2


@pytest.mark.parametrize("error", [AuthError("no"), Unsupported("not this one")])
async def test_refusal_ends_viewers_now_and_later(
    relay: Relay, stream: FedStream, clock: FakeClock, error: HubError
) -> None:
    watcher, later, faulty = Watcher(), Watcher(), Faulty()
    leave = relay.join(watcher)
    relay.join(faulty)
    stream.put(error)
    await settle()
    assert [type(each) for each in (*watcher.ended, *faulty.ended)] == [type(error)] * 2
    leave()
    relay.join(later)()
    assert [type(each) for each in later.ended] == [type(error)]
    await clock.advance(1000)
    assert stream.opened == 1
    assert relay.state is RelayState.REFUSED
    with pytest.raises(type(error)):
        await anext(relay.frames())


async def test_who_comes_an_hour_after_a_camera_that_could_not_has_it_asked_again(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    watcher, early, late = Watcher(), Watcher(), Watcher()
    relay.join(watcher)
    stream.put(Unsupported())
    await clock.advance(3599)
    relay.join(early)
    assert [type(error) for error in early.ended] == [Unsupported]
    await clock.advance(1)
    assert stream.opened == 1, "nobody watches"
    relay.join(late)
    stream.put(FIRST)
    await settle()
    assert (stream.opened, relay.state) == (2, RelayState.STREAMING)
    assert [frame.jpeg for frame in late.frames] == [FIRST]
    assert late.ended == []


async def test_a_login_that_was_refused_is_never_tried_again(relay: Relay, stream: FedStream, clock: FakeClock) -> None:
    relay.join(Watcher())
    stream.put(AuthError())
    await clock.advance(100_000)
    later = Watcher()
    relay.join(later)
    assert [type(error) for error in later.ended] == [AuthError]
    assert stream.opened == 1


async def test_silent_camera_is_dialled_again_after_ten_seconds(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    watcher = Watcher()
    relay.join(watcher)
    await clock.advance(6)
    stream.put(FIRST)
    await clock.advance(9.9)
    assert relay.state is RelayState.STREAMING
    await clock.advance(0.1)
    assert relay.state.value == "waiting"
    assert relay.describe()["last_error"] == "stream_stalled"
    assert stream.open == 0
    await clock.advance(1)
    assert relay.state.value == "connecting"
    await clock.advance(10)
    assert (stream.opened, stream.open) == (2, 0)
    await clock.advance(2)
    stream.put(SECOND)
    await settle()
    assert watcher.jpegs == [FIRST, SECOND]


async def test_stream_lasts_as_long_as_frames_come(relay: Relay, stream: FedStream, clock: FakeClock) -> None:
    relay.join(Watcher())
    for _ in range(100):
        stream.put(FIRST)
        await clock.advance(9)
    assert stream.opened == 1


async def test_description_says_what_is_known(relay: Relay, stream: FedStream, clock: FakeClock) -> None:
    assert relay.describe() == {
        "state": "idle",
        "viewers": 0,
        "readers": 0,
        "fps": 0.0,
        "width": None,
        "height": None,
        "frames": 0,
        "last_frame_at": None,
        "connections": 0,
        "last_error": None,
    }
    relay.join(Watcher())
    reading = asyncio.create_task(anext(relay.frames()))
    await settle()
    for _ in range(50):
        stream.put(FIRST)
        await clock.advance(0.04)
    assert relay.describe() == {
        "state": "streaming",
        "viewers": 1,
        "readers": 1,
        "fps": 25.0,
        "width": 640,
        "height": 480,
        "frames": 50,
        "last_frame_at": "2026-01-02T03:04:06.960000+00:00",
        "connections": 1,
        "last_error": None,
    }
    await clock.advance(9.95)
    assert relay.fps == pytest.approx(25)
    await clock.advance(0.05)
    assert relay.fps == 0.0
    assert (await reading).jpeg == FIRST


async def test_frames_at_one_instant_have_no_rate(relay: Relay, stream: FedStream) -> None:
    relay.join(Watcher())
    stream.put(FIRST, SECOND)
    await settle()
    assert relay.fps == 0.0


async def test_reader_gets_the_newest_and_skips_what_came_meanwhile(relay: Relay, stream: FedStream) -> None:
    seen = []
    async with aclosing(relay.frames()) as frames:
        stream.put(FIRST)
        seen.append((await anext(frames)).jpeg)
        stream.put(FIRST, SECOND, THIRD)
        await settle()
        seen.append((await anext(frames)).jpeg)
        waiting = asyncio.ensure_future(anext(frames))
        await settle()
        assert not waiting.done()
        stream.put(FIRST)
        seen.append((await waiting).jpeg)
    assert seen == [FIRST, THIRD, FIRST]
    assert relay.viewers == 0


async def test_close_ends_readers_and_viewers_for_good(relay: Relay, stream: FedStream, clock: FakeClock) -> None:
    watcher, later = Watcher(), Watcher()
    relay.join(watcher)
    stream.put(FIRST)
    await settle()
    frames = relay.frames()
    assert (await anext(frames)).jpeg == FIRST
    stream.put(SECOND)
    await relay.close()
    assert [frame async for frame in frames] == []
    assert watcher.ended == [None]
    relay.join(later)()
    assert later.ended == [None]
    assert relay.state is RelayState.CLOSED


async def test_close_while_lingering(relay: Relay, clock: FakeClock) -> None:
    relay.join(Watcher())()
    await clock.advance(1)
    await relay.close()
    assert clock.sleepers == 0


async def test_last_frame_serves_as_a_still_while_it_is_fresh(
    relay: Relay, stream: FedStream, clock: FakeClock
) -> None:
    assert relay.still(10) is None
    relay.join(Watcher())
    stream.put(FIRST)
    await settle()
    taken_at = clock.now()
    await clock.advance(2)
    image = relay.still(2)
    assert image is not None
    assert (image.content, image.taken_at, image.stale) == (FIRST, taken_at, False)
    assert relay.still(1.9) is None


class PushedStream(FedStream):
    async def push(self, deliver: Callable[[bytes], None]) -> None:
        async with aclosing(self.frames()) as frames:
            async for frame in frames:
                deliver(frame)


async def test_a_stream_that_hands_frames_over_is_let_do_so(clock: FakeClock) -> None:
    stream = PushedStream()
    relay = Relay(stream, clock=clock)
    watcher = Watcher()
    relay.join(watcher)
    stream.put(FIRST, SECOND)
    await settle()
    assert watcher.jpegs == [FIRST, SECOND]
    await relay.close()
    assert stream.open == 0

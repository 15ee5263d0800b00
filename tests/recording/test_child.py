import asyncio
from collections.abc import AsyncGenerator
import os
from pathlib import Path
import sys

import pytest

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import Unreachable, Unsupported
from custom_components.camhub.recording.child import Child, run_ffmpeg
from tests.fake_clock import FakeClock, settle

# They say "ready" on their error output once they listen; an address there must lose its login.
IGNORES = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
FINISHES = """
import signal, sys, time
def end(*_):
    sys.stderr.write("cut at rtsp://someone:hidden@192.0.2.7/main?token=hidden")
    sys.exit(3)
signal.signal(signal.SIGINT, end)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
COPIES = """
import sys
open(sys.argv[1], "wb").write(sys.stdin.buffer.read())
"""


def program(text: str, file: Path) -> list[str]:
    return [sys.executable, "-c", text, str(file)]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Return a pipe that a program opens and closes once it has begun."""
    os.mkfifo(pipe := tmp_path / "begun")
    return pipe


async def there(pipe: Path) -> None:
    """Return once the program has begun."""
    assert await asyncio.to_thread(pipe.read_bytes) == b""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_it_finishes_when_it_is_asked_to(clock: FakeClock, begun: Path) -> None:
    child = await Child.start(program(FINISHES, begun), clock=clock)
    await there(begun)
    ended = await child.stop()
    assert ended.code == 3
    assert not ended.killed
    assert ended.words == "cut at rtsp://***@192.0.2.7/main?***"
    assert gone(child.pid)
    assert (await child.stop()) == ended


async def test_it_is_killed_where_it_ignores_that(clock: FakeClock, begun: Path) -> None:
    child = await Child.start(program(IGNORES, begun), clock=clock)
    await there(begun)
    stopping = asyncio.create_task(child.stop())
    await settle()
    await clock.advance(4.9)
    assert not stopping.done()
    assert not gone(child.pid)
    await clock.advance(0.2)
    ended = await stopping
    assert ended.killed
    assert ended.code == -9
    assert gone(child.pid)


async def test_nobody_waits_and_yet_it_ends(clock: FakeClock, begun: Path) -> None:
    child = await Child.start(program(IGNORES, begun), clock=clock)
    await there(begun)
    stopping = asyncio.create_task(child.stop())
    await settle()
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert gone(child.pid)


async def test_a_program_that_is_not_there(clock: FakeClock, tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as raised:
        await run_ffmpeg([str(tmp_path / "none")], clock=clock)
    assert raised.value.reason == "no_ffmpeg"


async def test_it_is_fed_to_the_end(tmp_path: Path) -> None:
    async def feed() -> AsyncGenerator[bytes]:
        for number in range(3):
            yield bytes([number]) * 100_000

    ended = await run_ffmpeg(program(COPIES, tmp_path / "copy"), clock=SystemClock(), feed=feed())
    assert ended.code == 0
    assert not ended.killed
    assert (tmp_path / "copy").read_bytes() == b"\0" * 100_000 + b"\1" * 100_000 + b"\2" * 100_000


async def test_one_that_has_had_enough_ends_the_feeding(tmp_path: Path) -> None:
    async def feed() -> AsyncGenerator[bytes]:
        while True:
            yield bytes(1_000_000)

    ended = await run_ffmpeg([sys.executable, "-c", "raise SystemExit(4)"], clock=SystemClock(), feed=feed())
    assert ended.code == 4


async def test_an_error_of_the_feed_ends_it(clock: FakeClock, begun: Path) -> None:
    async def feed() -> AsyncGenerator[bytes]:
        yield b"begin"
        await there(begun)
        raise Unreachable("the camera left")

    with pytest.raises(Unreachable, match="the camera left"):
        await run_ffmpeg(program(IGNORES, begun), clock=clock, feed=feed())


async def test_its_time_is_up(clock: FakeClock, begun: Path) -> None:
    running = asyncio.create_task(run_ffmpeg(program(FINISHES, begun), clock=clock, stop_after=30))
    await there(begun)
    await clock.advance(29)
    assert not running.done()
    await clock.advance(1)
    assert (await running).code == 3


async def test_being_cancelled_kills_it(clock: FakeClock, begun: Path) -> None:
    running = asyncio.create_task(run_ffmpeg(program(IGNORES, begun), clock=clock))
    await there(begun)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_writing_needs_an_input(clock: FakeClock) -> None:
    child = await Child.start([sys.executable, "-c", ""], clock=clock)
    with pytest.raises(Unreachable):
        await child.write(b"x")
    await child.close_input()
    assert (await child.wait()).code == 0
    assert not (await child.kill()).killed

import asyncio
from collections.abc import Callable
import os
from pathlib import Path
import signal
import stat
import subprocess
import sys

import pytest

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.recording import ffmpeg as supervisor
from custom_components.camhub.recording.ffmpeg import Ffmpeg, located
from tests.fake_clock import FakeClock

# Plays an ffmpeg that says when it is there and hears nothing.
DEAF = """#!{python}
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
open({there!r}, "w").close()
while True:
    time.sleep(60)
"""


def script(folder: Path, text: str) -> str:
    file = folder / "ffmpeg"
    file.write_text(text.format(python=sys.executable, there=str(folder / "there")))
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


async def so(fact: Callable[[], bool]) -> None:
    """Wait for something of another process: nobody tells us of it."""
    while not fact():  # noqa: ASYNC110 - another process can only be asked again and again
        await asyncio.sleep(0.01)


async def there(folder: Path) -> None:
    await so((folder / "there").exists)


async def gone(pid: int) -> None:
    await so(lambda: not alive(pid))


async def over(clock: FakeClock, seconds: float) -> None:
    """Let so much time pass as soon as somebody waits for it."""
    await so(lambda: clock.sleepers > 0)
    await clock.advance(seconds)


async def test_one_that_ignores_everything_is_killed_in_time(tmp_path: Path, clock: FakeClock) -> None:
    process = await Ffmpeg.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    assert process.running
    stopping = asyncio.create_task(process.stop())
    await over(clock, supervisor.BY_ITSELF_S)
    assert alive(process.pid)
    await over(clock, supervisor.AFTER_SIGINT_S)
    await stopping
    assert process.killed
    assert not alive(process.pid)
    assert clock.monotonic() <= 15
    assert not await process.feed(b"more")


async def test_a_stop_that_is_broken_off_kills_it_too(tmp_path: Path, clock: FakeClock) -> None:
    process = await Ffmpeg.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    stopping = asyncio.create_task(process.stop())
    await so(lambda: clock.sleepers > 0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await gone(process.pid)


async def test_one_that_heeds_sigint_ends_with_it(tmp_path: Path, clock: FakeClock) -> None:
    text = DEAF.replace("signal.SIG_IGN", "lambda *_: sys.exit(255)")
    process = await Ffmpeg.start(script(tmp_path, text), [], clock)
    await there(tmp_path)
    stopping = asyncio.create_task(process.stop())
    await over(clock, supervisor.BY_ITSELF_S)
    await stopping
    assert not process.killed


async def test_it_is_killed_at_once_where_nobody_waits(tmp_path: Path, clock: FakeClock) -> None:
    process = await Ffmpeg.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    process.kill()
    await gone(process.pid)
    await process.stop()
    process.kill()


async def test_what_it_says_of_a_full_disk_is_understood(clock: FakeClock) -> None:
    film = ["-f", "lavfi", "-i", "testsrc=duration=1:size=320x240:rate=10", "-c:v", "libvpx", "-f", "webm"]
    process = await Ffmpeg.start(
        "/usr/bin/env", ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *film, "/dev/full"], clock
    )
    with pytest.raises(Unreachable) as caught:
        await process.stop()
    assert caught.value.reason == "disk_full"


async def test_another_failure_is_told_with_its_last_words(clock: FakeClock) -> None:
    process = await Ffmpeg.start("/bin/sh", ["-c", "echo 'no such codec' >&2; exit 3"], clock)
    with pytest.raises(HubError, match="no such codec") as caught:
        await process.stop()
    assert caught.value.reason == "recorder_failed"


async def test_one_that_cannot_be_started(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unreachable) as caught:
        await Ffmpeg.start("ffmpeg", [], clock)
    assert caught.value.reason == "recorder_failed"


async def test_it_inherits_no_keys(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", "00" * 32)
    process = await Ffmpeg.start("/bin/sh", ["-c", f"env > {tmp_path / 'env'}"], clock)
    await process.stop()
    seen = (tmp_path / "env").read_text()
    assert "LC_ALL=C" in seen
    assert "CAMHUB" not in seen


PARENT = """
import asyncio, sys
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.recording.ffmpeg import Ffmpeg

async def main():
    process = await Ffmpeg.start(sys.argv[1], [], SystemClock())
    print(process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_it_never_outlives_a_killed_home_assistant(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, script(tmp_path, DEAF), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await there(tmp_path)
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await gone(pid)


async def test_with_a_real_clock_nothing_is_waited_for(tmp_path: Path) -> None:
    process = await Ffmpeg.start("/bin/cat", [], SystemClock())
    assert await process.feed(b"x" * 200_000)
    await process.stop()
    assert not process.running


async def test_one_that_is_not_there(tmp_path: Path) -> None:
    for name in ("no-such-program", str(tmp_path / "none")):
        with pytest.raises(Unsupported) as caught:
            await located(name)
        assert caught.value.reason == "ffmpeg_missing"
    assert await located("/bin/sh") == "/bin/sh"


async def test_it_works_to_its_end(clock: FakeClock, tmp_path: Path) -> None:
    process = await Ffmpeg.start("/bin/sh", ["-c", f"cat > {tmp_path / 'fed'}"], clock)
    await process.work(60)
    assert (tmp_path / "fed").read_bytes() == b""


@pytest.mark.parametrize("end", ["exit 255", "kill -9 $$", "kill -2 $$"])
async def test_work_that_somebody_else_ended_is_not_done(clock: FakeClock, end: str) -> None:
    process = await Ffmpeg.start(
        "/bin/sh", ["-c", f"echo at rtsp://ann:hidden@192.0.2.7/1?token=hidden >&2; {end}"], clock
    )
    with pytest.raises(Malformed, match=r"at rtsp://\*\*\*@192.0.2.7/1\?\*\*\*") as caught:
        await process.work(60)
    assert caught.value.reason == "recorder_failed"
    assert "hidden" not in str(caught.value)


async def test_a_recording_that_the_machine_ended_for_want_of_memory_is_not_whole(clock: FakeClock) -> None:
    process = await Ffmpeg.start("/bin/sh", ["-c", "kill -9 $$"], clock)
    with pytest.raises(Malformed):
        await process.stop()


async def test_work_that_takes_too_long_is_ended(clock: FakeClock, tmp_path: Path) -> None:
    process = await Ffmpeg.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    working = asyncio.create_task(process.work(60))
    for seconds in (60, supervisor.BY_ITSELF_S, supervisor.AFTER_SIGINT_S):
        assert alive(process.pid)
        await over(clock, seconds)
    with pytest.raises(Malformed, match="too long"):
        await working
    assert not alive(process.pid)


async def test_work_that_is_broken_off_is_gone(clock: FakeClock, tmp_path: Path) -> None:
    process = await Ffmpeg.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    working = asyncio.create_task(process.work(60))
    await so(lambda: clock.sleepers > 0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not alive(process.pid)

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
from custom_components.camhub.kernel.errors import HubError, Unreachable
from custom_components.camhub.recording import encoder as encoders
from custom_components.camhub.recording.encoder import Encoder
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
    encoder = await Encoder.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    assert encoder.running
    stopping = asyncio.create_task(encoder.stop())
    await over(clock, encoders.BY_ITSELF_S)
    assert alive(encoder.pid)
    await over(clock, encoders.AFTER_SIGINT_S)
    await stopping
    assert encoder.killed
    assert not alive(encoder.pid)
    assert clock.monotonic() <= 15
    assert not await encoder.feed(b"more")


async def test_a_stop_that_is_broken_off_kills_it_too(tmp_path: Path, clock: FakeClock) -> None:
    encoder = await Encoder.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    stopping = asyncio.create_task(encoder.stop())
    await so(lambda: clock.sleepers > 0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await gone(encoder.pid)


async def test_one_that_heeds_sigint_ends_with_it(tmp_path: Path, clock: FakeClock) -> None:
    text = DEAF.replace("signal.SIG_IGN", "lambda *_: sys.exit(255)")
    encoder = await Encoder.start(script(tmp_path, text), [], clock)
    await there(tmp_path)
    stopping = asyncio.create_task(encoder.stop())
    await over(clock, encoders.BY_ITSELF_S)
    await stopping
    assert not encoder.killed


async def test_it_is_killed_at_once_where_nobody_waits(tmp_path: Path, clock: FakeClock) -> None:
    encoder = await Encoder.start(script(tmp_path, DEAF), [], clock)
    await there(tmp_path)
    encoder.kill()
    await gone(encoder.pid)
    await encoder.stop()
    encoder.kill()


async def test_what_it_says_of_a_full_disk_is_understood(clock: FakeClock) -> None:
    film = ["-f", "lavfi", "-i", "testsrc=duration=1:size=320x240:rate=10", "-c:v", "libvpx", "-f", "webm"]
    encoder = await Encoder.start(
        "/usr/bin/env", ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *film, "/dev/full"], clock
    )
    with pytest.raises(Unreachable) as caught:
        await encoder.stop()
    assert caught.value.reason == "disk_full"


async def test_another_failure_is_told_with_its_last_words(clock: FakeClock) -> None:
    encoder = await Encoder.start("/bin/sh", ["-c", "echo 'no such codec' >&2; exit 3"], clock)
    with pytest.raises(HubError, match="no such codec") as caught:
        await encoder.stop()
    assert caught.value.reason == "recorder_failed"


async def test_one_that_cannot_be_started(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unreachable) as caught:
        await Encoder.start("ffmpeg", [], clock)
    assert caught.value.reason == "recorder_failed"


async def test_it_inherits_no_keys(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", "00" * 32)
    encoder = await Encoder.start("/bin/sh", ["-c", f"env > {tmp_path / 'env'}"], clock)
    await encoder.stop()
    seen = (tmp_path / "env").read_text()
    assert "LC_ALL=C" in seen
    assert "CAMHUB" not in seen


PARENT = """
import asyncio, sys
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.recording.encoder import Encoder

async def main():
    encoder = await Encoder.start(sys.argv[1], [], SystemClock())
    print(encoder.pid, flush=True)
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
    encoder = await Encoder.start("/bin/cat", [], SystemClock())
    assert await encoder.feed(b"x" * 200_000)
    await encoder.stop()
    assert not encoder.running

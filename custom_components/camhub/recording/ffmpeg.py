"""ffmpeg as a supervised process: it ends when told, is ended when it does not, and never outlives us.

Its arguments are seen by every user of the machine: no secret belongs there. What it says may quote an address, so
logins are taken out of it before anyone reads it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
import os
import re
import shutil
import signal
import sys
from typing import Final, Self

from ..kernel.clock import Clock
from ..kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ..kernel.waiting import first_of

FFMPEG: Final = "ffmpeg"
# Seconds for an end by itself when its input is over, after SIGINT, and to be gone after SIGKILL.
BY_ITSELF_S: Final = 3.0
AFTER_SIGINT_S: Final = 5.0
AFTER_SIGKILL_S: Final = 2.0
_TAIL: Final = 4096
_SHOWN: Final = 200
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY: Final = re.compile(r"(?<=\?)[^\s'\"]+")
_FULL: Final = ("No space left on device", "Disk quota exceeded", "File too large")
# It ends so where somebody else asks it to end, with a whole file.
_ASKED: Final = 255
# What stands between us and ffmpeg for a moment: the kernel is told to end ffmpeg with us, however we end
# (PR_SET_PDEATHSIG is 1, and survives execv), and everything else on the machine goes first.
_LAUNCH: Final = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    raise SystemExit(1)
os.nice(5)
os.execv(sys.argv[2], sys.argv[2:])
"""
# Nothing else of the environment is ffmpeg's business: it may hold keys.
_PASSED: Final = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


async def located(program: str) -> str:
    """Return the path of a program; raises Unsupported (`ffmpeg_missing`)."""
    if (path := await asyncio.to_thread(shutil.which, program)) is None:
        raise Unsupported(f"{program} is not there or cannot be run", reason="ffmpeg_missing")
    return path


class Ffmpeg:
    """One running ffmpeg; what it is fed with comes by its standard input."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Clock) -> None:
        """Take a process whose three ends are ours."""
        self._process = process
        self._clock = clock
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen(), name="what ffmpeg says")
        self._signalled = False
        self.killed = False

    @classmethod
    async def start(cls, binary: str, arguments: Sequence[str], clock: Clock) -> Self:
        """Start it in a process group of its own; raises Unreachable where there is no process to be had."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), binary, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"no process: {type(error).__name__}", reason="recorder_failed") from None
        return cls(process, clock)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether it still takes what it is fed."""
        return self._process.returncode is None and self._process.stdin is not None

    def on_end(self, ended: Callable[[], None]) -> None:
        """Call `ended` when it is gone, whatever the reason."""
        self._listening.add_done_callback(lambda _: ended())

    async def feed(self, data: bytes) -> bool:
        """Hand it bytes and wait until it has room for more; False once it takes no more."""
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing() or not self.running:
            return False
        stdin.write(data)
        try:
            await stdin.drain()
        except ConnectionError:
            return False
        return True

    async def work(self, seconds: float) -> None:
        """Let it do what it was told, fed with nothing; raises HubError where it failed or is not done by then."""
        self._end_input()
        try:
            if not await self._gone(seconds):
                await self.stop()
                raise Malformed("ffmpeg took too long", reason="recorder_failed")
        finally:
            if self._process.returncode is None:
                # Whoever waited has gone away; its file is deleted next.
                self.kill()
                await self._process.wait()
        await self._heard()
        if (failure := self.failure()) is not None:
            raise failure
        if self._process.returncode != 0:
            raise self._failed()

    async def stop(self) -> None:
        """End it: the end of its input, then SIGINT, then SIGKILL; raises HubError where it failed."""
        self._end_input()
        try:
            if not await self._gone(BY_ITSELF_S):
                self._signal(signal.SIGINT)
                if not await self._gone(AFTER_SIGINT_S):
                    self.killed = True
        finally:
            # Also where the wait is broken off: nothing of it may stay.
            self._signal(signal.SIGKILL)
        await self._gone(AFTER_SIGKILL_S)
        await self._heard()
        if (failure := self.failure()) is not None:
            raise failure

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)
        self._listening.cancel()

    def failure(self) -> HubError | None:
        """Return what went wrong, None where nothing did or it still runs."""
        code = self._process.returncode
        # It may call it a success all the same.
        if any(full in self._words for full in _FULL):
            return Unreachable("the disk is full", reason="disk_full")
        # By a signal of ours it ends with these, and what it had written is there; others cut it off, say for memory.
        if code in {None, 0, _ASKED} or (self._signalled and code in {-signal.SIGINT, -signal.SIGKILL}):
            return None
        return self._failed()

    @property
    def _words(self) -> str:
        return _QUERY.sub("***", _LOGIN.sub("***@", self._said.decode(errors="replace"))).strip()

    def _failed(self) -> Malformed:
        text = f"ffmpeg ended with {self._process.returncode}: {self._words[-_SHOWN:]}"
        return Malformed(text, reason="recorder_failed")

    def _end_input(self) -> None:
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    async def _gone(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it came."""
        await first_of(self._process.wait(), self._clock.sleep(seconds))
        return self._process.returncode is not None

    async def _heard(self) -> None:
        """Have heard its last words; a child of its own may hold the line open, which is not waited for."""
        await first_of(self._listening, self._clock.sleep(1))
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to it and what it has started, unless it is gone."""
        if self._process.returncode is None:
            self._signalled = True
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _listen(self) -> None:
        """Keep the last of what it says; it would stop if nobody listened."""
        if self._process.stderr is None:
            return
        while said := await self._process.stderr.read(_TAIL):
            self._said += said
            del self._said[:-_TAIL]


def _environment() -> Mapping[str, str]:
    return {"LC_ALL": "C", **{name: os.environ[name] for name in _PASSED if name in os.environ}}

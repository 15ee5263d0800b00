"""ffmpeg as a supervised process: it ends when told, is ended when it does not, and never outlives us."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
import os
import signal
import sys
from typing import Final, Self

from ..kernel.clock import Clock
from ..kernel.errors import HubError, Malformed, Unreachable
from ..kernel.waiting import first_of

# Seconds for an end by itself when its input is over, after SIGINT, and to be gone after SIGKILL.
BY_ITSELF_S: Final = 3.0
AFTER_SIGINT_S: Final = 5.0
AFTER_SIGKILL_S: Final = 2.0
_TAIL: Final = 4096
_FULL: Final = ("No space left on device", "Disk quota exceeded", "File too large")
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


class Encoder:
    """One running ffmpeg that is fed by its standard input."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Clock) -> None:
        """Take a process whose three ends are ours."""
        self._process = process
        self._clock = clock
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen(), name="what ffmpeg says")
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

    async def stop(self) -> None:
        """End it: the end of its input, then SIGINT, then SIGKILL; raises HubError where it failed."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            if not await self._gone(BY_ITSELF_S):
                self._signal(signal.SIGINT)
                if not await self._gone(AFTER_SIGINT_S):
                    self.killed = True
        finally:
            # Also where the wait is broken off: nothing of it may stay.
            if self._process.returncode is None:
                self._signal(signal.SIGKILL)
        await self._gone(AFTER_SIGKILL_S)
        await self._heard()
        if (failure := self.failure()) is not None:
            raise failure

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
        self._listening.cancel()

    def failure(self) -> HubError | None:
        """Return what went wrong, None where nothing did or it still runs."""
        said, code = self._said.decode(errors="replace"), self._process.returncode
        # It may call it a success all the same.
        if any(full in said for full in _FULL):
            return Unreachable("the disk is full", reason="disk_full")
        # By a signal of ours it ends with these; what it had written is there.
        if code in {None, 0, 255, -signal.SIGINT, -signal.SIGKILL}:
            return None
        return Malformed(f"ffmpeg ended with {code}: {said[-200:]}", reason="recorder_failed")

    async def _gone(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it came."""
        await first_of(self._process.wait(), self._clock.sleep(seconds))
        return self._process.returncode is not None

    async def _heard(self) -> None:
        """Have heard its last words; a child of its own may hold the line open, which is not waited for."""
        waits = self._listening, asyncio.ensure_future(self._clock.sleep(1))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    def _signal(self, number: signal.Signals) -> None:
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

"""One supervised process (ffmpeg): fed, asked to end, killed if it will not; none is ever left behind.

What it says on its error output may quote an address, so credentials are taken out of it before anyone reads it. Its
arguments are seen by every user of the machine: no secret belongs there.
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
import os
import re
import signal
from typing import Final, Self

from ..kernel.clock import Clock
from ..kernel.errors import Unreachable, Unsupported

# Seconds that a process has to finish its file after SIGINT.
PATIENCE: Final = 5.0
# Bytes of its last words that are kept.
_WORDS: Final = 4096
_CHUNK: Final = 1024
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY: Final = re.compile(r"(?<=\?)[^\s'\"]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a process ended: its exit code (negative: the signal), whether it had to be killed, its last words."""

    code: int
    killed: bool
    words: str


class Child:
    """A process that runs now; whoever starts it calls `stop` or `kill`, or waits for its end."""

    def __init__(self, process: Process, clock: Clock, patience: float) -> None:
        """Listen to its error output; use `start`."""
        self._process = process
        self._clock = clock
        self._patience = patience
        self._killed = False
        self._said: deque[bytes] = deque(maxlen=_WORDS // _CHUNK)
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, args: Sequence[str], *, clock: Clock, feed: bool = False, patience: float = PATIENCE) -> Self:
        """Start a program (`args[0]`), with an input to `write` to if it is to be fed; raises Unsupported.

        It gets a process group of its own, so that Ctrl-C at a terminal leaves it to us.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *args, stdin=PIPE if feed else DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True
            )
        except OSError as error:
            raise Unsupported(f"cannot run {args[0]}: {error.strerror}", reason="no_ffmpeg") from error
        return cls(process, clock, patience)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    async def write(self, data: bytes) -> None:
        """Feed it, no faster than it eats; raises Unreachable where it has ended."""
        entry = self._process.stdin
        if entry is None:
            raise Unreachable("the process takes no input", reason="recording_ended")
        try:
            entry.write(data)
            await entry.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Unreachable("the process has ended", reason="recording_ended") from error

    async def close_input(self) -> None:
        """Say that there is no more to eat."""
        if self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(BrokenPipeError, ConnectionResetError):
                await self._process.stdin.wait_closed()

    async def wait(self) -> Ended:
        """Return how it ended, once it has; being cancelled leaves it running."""
        code = await self._process.wait()
        await asyncio.shield(self._listener)
        words = b"".join(self._said).decode(errors="replace")
        shown = _QUERY.sub("***", _LOGIN.sub("***@", words)).strip()
        return Ended(code=code, killed=self._killed, words=shown)

    async def stop(self) -> Ended:
        """Ask it to finish its file (SIGINT); kill it where it has not after `patience` seconds."""
        self._signal(signal.SIGINT)
        ending, limit = asyncio.create_task(self.wait()), asyncio.create_task(self._clock.sleep(self._patience))
        try:
            await asyncio.wait({ending, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also where whoever waited has gone away: it must not stay behind.
            limit.cancel()
            if not ending.done():
                self._killed = True
                self._kill()
            await asyncio.wait({ending})
        return ending.result()

    async def kill(self) -> Ended:
        """End it at once (SIGKILL)."""
        self._killed = self._process.returncode is None
        self._kill()
        return await asyncio.shield(asyncio.create_task(self.wait()))

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _kill(self) -> None:
        # With whatever it has started itself; the group is its own.
        with suppress(ProcessLookupError):
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        output = self._process.stderr
        while output is not None and (said := await output.read(_CHUNK)):
            self._said.append(said)


async def run_ffmpeg(
    args: Sequence[str],
    *,
    clock: Clock,
    feed: AsyncIterable[bytes] | None = None,
    stop_after: float | None = None,
    patience: float = PATIENCE,
) -> Ended:
    """Run a program to its end, fed with `feed`, asked to finish after `stop_after` seconds; raises Unsupported.

    Being cancelled kills it first, and so does an error of `feed`, which is raised.
    """
    child = await Child.start(args, clock=clock, feed=feed is not None, patience=patience)
    work = asyncio.create_task(child.wait() if feed is None else _feed(child, feed))
    limit = asyncio.create_task(_forever() if stop_after is None else clock.sleep(stop_after))
    ending = asyncio.create_task(child.wait())
    try:
        done, _ = await asyncio.wait({work, limit, ending}, return_when=asyncio.FIRST_COMPLETED)
        if limit in done and not done & {work, ending}:
            return await child.stop()
        # An error of the feed is raised here.
        return await (work if work in done else ending)
    finally:
        for task in (work, limit, ending):
            task.cancel()
        await asyncio.gather(work, limit, ending, child.kill(), return_exceptions=True)


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


async def _feed(child: Child, feed: AsyncIterable[bytes]) -> Ended:
    """Feed it until there is no more or it has had enough, then wait for its end."""
    async for data in feed:
        try:
            await child.write(data)
        except Unreachable:
            break
    await child.close_input()
    return await child.wait()

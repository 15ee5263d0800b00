"""A child process that is ready when it says so and ends when we do."""

import asyncio
from collections.abc import Mapping, Sequence
import contextlib
import os
from pathlib import Path
import signal
from typing import Self

ROOT = Path(__file__).parents[1]


class ProcessError(Exception):
    """A child process did not start; the message holds the end of its output."""


class Process:
    """One child process with its output in a file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Prepare; nothing runs yet."""
        self.name = name
        self.log = log
        self._command = command
        self._environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pi'}", "PYTHONUNBUFFERED": "1"} | dict(
            environment or {}
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Self:
        """Run it in a session of its own, so that Ctrl-C reaches us first."""
        with self.log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    async def until_listening(self, port: int, seconds: float = 60) -> None:
        """Return once it accepts connections on loopback; raises ProcessError if it ends or takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.running:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except OSError:
                        await asyncio.sleep(0.1)
                        continue
                    writer.close()
                    return
        raise ProcessError(f"{self.name} does not listen on port {port}:\n{self.tail()}")

    @property
    def running(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Return its process id."""
        return self._process.pid if self._process else None

    def tail(self, lines: int = 30) -> str:
        """Return the end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    async def stop(self, seconds: float = 15) -> None:
        """Ask it to end, then make it."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

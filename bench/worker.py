"""A process of ours that obeys JSON lines."""

import asyncio
import json
import os
import sys
from typing import Any, Self

from demo.process import ROOT

from .machine import OTHERS, pinned


class Worker:
    """One `python -m MODULE` beside the cameras; each command has one answer."""

    def __init__(self, module: str, *, cpu: int | None = OTHERS) -> None:
        """Prepare; nothing runs yet. Without a `cpu` it runs on all of them."""
        command = [sys.executable, "-m", module]
        self._command = command if cpu is None else pinned(command, cpu)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'pi'}"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=64 * 2**20,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    @property
    def pid(self) -> int:
        """Return its process id."""
        if self._process is None:
            raise RuntimeError("the worker is not started")
        return self._process.pid

    async def tell(self, command: dict[str, Any]) -> Any:
        """Send a command and return its answer."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker is not started")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended at {command}")
        return json.loads(line)

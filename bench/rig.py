"""The processes of one measurement: cameras, viewers and askers on one processor, Home Assistant on the other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import aiohttp

from demo.process import Process
from demo.world import free_port

from .homes import Entry, Home
from .machine import OTHERS, pinned
from .worker import Worker

CAMERA_PATIENCE: Final = 30.0


class Source:
    """The camera server (`source.py`) as a process."""

    def __init__(self, folder: Path) -> None:
        """Choose a port; nothing runs yet."""
        self.port = free_port()
        command = pinned([sys.executable, "-m", "bench.source", str(self.port)], OTHERS)
        self._process = Process("Cameras", command, folder / "source.log")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Start, and wait until it listens."""
        await self._process.start()
        await self._process.until_listening(self.port)
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._session is not None:
            await self._session.close()
        await self._process.stop()

    def stream(self, name: str, size: str, fps: float = 30) -> str:
        """Return the address of a camera's stream."""
        return f"http://127.0.0.1:{self.port}/{name}/stream?size={size}&fps={fps:g}"

    def still(self, name: str, size: str, delay: float = 0) -> str:
        """Return the address of a camera's still, answered after `delay` seconds."""
        return f"http://127.0.0.1:{self.port}/{name}/still?size={size}&delay={delay:g}"

    async def counters(self) -> dict[str, dict[str, int]]:
        """Return what each camera was asked since the last reset."""
        counted: dict[str, dict[str, int]] = await self._get("/counters")
        return counted

    async def reset(self) -> None:
        """Count anew."""
        await self._get("/reset")

    async def resize(self, name: str, size: str) -> None:
        """Have a camera's stills be of that size from now on."""
        await self._get(f"/size/{name}/{size}")

    async def _get(self, path: str) -> Any:
        if self._session is None:
            raise RuntimeError("the cameras are not started")
        async with self._session.get(path) as response:
            return json.loads(await response.read())

    async def until_unwatched(self, patience: float = CAMERA_PATIENCE) -> float:
        """Return after how many seconds no camera was streaming any more; raises TimeoutError."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout(patience):
            while True:
                if not any(camera["streams"] for camera in (await self.counters()).values()):
                    return loop.time() - begun
                await asyncio.sleep(0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """All of them, running."""

    folder: Path
    source: Source
    viewers: Worker
    asking: Worker
    home: Home

    async def ask(
        self,
        paths: Sequence[str],
        clients: int,
        *,
        seconds: float | None = None,
        requests: int | None = None,
        port: int | None = None,
    ) -> dict[str, Any]:
        """Ask Home Assistant (or who listens at `port`) for stills; see `asking.py`."""
        command = {"port": port or self.home.port, "paths": list(paths), "clients": clients}
        answer: dict[str, Any] = await self.asking.tell({**command, "seconds": seconds, "requests": requests})
        return answer


@asynccontextmanager
async def rig(entries: Callable[[Source], Sequence[Entry]]) -> AsyncGenerator[Rig]:
    """Start everything; `entries` are those of Home Assistant, made of the cameras' addresses."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="camhub-bench-")))
        source = await stack.enter_async_context(Source(folder))
        viewers = await stack.enter_async_context(Worker("bench.viewers"))
        asking = await stack.enter_async_context(Worker("bench.asking"))
        config = folder / "config"
        config.mkdir()
        home = await stack.enter_async_context(Home(config, entries(source)))
        yield Rig(folder=folder, source=source, viewers=viewers, asking=asking, home=home)

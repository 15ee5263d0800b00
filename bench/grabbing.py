"""One engine in a process of its own, obeying JSON lines.

`{"engine": NAME}` imports it; `{"port": PORT, "codec": CODEC}` takes a picture; `{"close": true}` ends it.
"""

import asyncio
import base64
from collections.abc import Callable
from importlib import import_module
import json
from pathlib import Path
import sys
import time
from typing import Any, Final, override
from uuid import uuid4

import aiohttp
import av
from cryptography.hazmat.primitives.asymmetric import ec
import numpy as np

from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.provider import WebRtc, WebRtcSession

TICK: Final = 0.005
LIMIT: Final = 25.0
CLASSES: Final = {"aiortc_engine": "AiortcEngine", "browser_engine": "BrowserEngine"}
# Home Assistant has these loaded anyway: what an engine takes is counted without them.
LOADED: Final = (av, ec, np)


class Answered(WebRtcSession):
    """A conversation that was answered with all candidates."""

    def __init__(self, answer: str) -> None:
        """Keep the answer."""
        self.answer = answer

    @override
    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Take none: the offer had all."""


class LiveCamera(WebRtc):
    """The camera of `bench.live` as a provider has it."""

    def __init__(self, session: aiohttp.ClientSession, port: int, codec: str) -> None:
        """Ask nothing yet."""
        self._session = session
        self._base = f"http://127.0.0.1:{port}/{codec}"

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        """Have the camera answer; a session that is given up meanwhile is ended."""
        address = f"{self._base}/{uuid4().hex}"

        async def release() -> None:
            async with self._session.delete(address):
                pass

        try:
            async with self._session.post(address, data=offer) as response:
                response.raise_for_status()
                answer = await response.text()
        except asyncio.CancelledError:
            await release()
            raise
        return Lease(value=Answered(answer), release=release)


def queued() -> float:
    """Return the seconds that this thread has waited for a processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def ticking(late: list[float]) -> None:
    """Note how late a timer of this loop fires, in seconds, but for what other processes took of the machine."""
    while True:
        begun, waited = time.perf_counter(), queued()
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - begun - TICK - (queued() - waited))


async def watched(work: Any) -> tuple[Any, float, float]:
    """Return what `work` returns, the seconds it took and the longest time that the loop was held up meanwhile."""
    late: list[float] = [0.0]
    ticks = asyncio.create_task(ticking(late))
    begun = time.perf_counter()
    try:
        result = await work
    finally:
        took = time.perf_counter() - begun
        ticks.cancel()
    return result, took, max(late)


async def obey() -> None:
    """Do what each line says."""
    engine: Any = None
    async with aiohttp.ClientSession() as session:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            answer: dict[str, Any] = {}
            if name := command.get("engine"):
                begun = time.perf_counter()
                module = await asyncio.to_thread(import_module, f"custom_components.camhub.capture.{name}")
                answer["seconds"] = time.perf_counter() - begun
                engine = getattr(module, CLASSES[name])()
            elif "codec" in command:
                camera = LiveCamera(session, command["port"], command["codec"])
                jpeg, answer["seconds"], answer["stall"] = await watched(engine.grab_live(camera, LIMIT))
                answer["jpeg"] = base64.b64encode(jpeg).decode()
            elif "idle" in command:
                _, _, answer["stall"] = await watched(asyncio.sleep(command["idle"]))
            elif engine is not None:
                await engine.close()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(obey())

"""A picture out of a live session: in process beside a headless Chromium, cold and warm, by turns in one run."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
import io
from statistics import median
from typing import Any, Final

import numpy as np
from PIL import Image

from simulators.webrtc import read_counter

from .figure import Figure
from .machine import family_cpu, family_memory
from .plan import FULL, Plan, ratio
from .worker import Worker

HERE: Final = "aiortc_engine"
BROWSER: Final = "browser_engine"
ENGINES: Final = (HERE, BROWSER)
CODECS: Final = ("H264", "VP8")
GRABS: Final = 5
SAMPLE: Final = 0.02


@dataclass(kw_only=True, slots=True)
class Taken:
    """What pictures of one kind cost: seconds, seconds of CPU, bytes at their peak, seconds the loop was held up."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    stall: list[float] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Tally:
    """All pictures, by engine and kind; those that showed no number of the camera's."""

    taken: dict[tuple[str, str], Taken] = field(default_factory=dict)
    imports: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    pictures: int = 0
    blank: int = 0

    def of(self, engine: str, kind: str) -> Taken:
        """Return what there is of a kind."""
        return self.taken.setdefault((engine, kind), Taken())


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure all of it."""
    tally = Tally()
    async with Worker("bench.live", cpu=None) as camera:
        port = (await camera.tell({}))["port"]
        for _ in range(plan.rounds):
            await _round(port, 1 if plan.quick else GRABS, tally)
    return [*_against_browser(tally), *_alone(tally)]


async def _round(port: int, grabs: int, tally: Tally) -> None:
    """Start both engines anew, take one cold picture with each, then warm ones by turns."""
    async with AsyncExitStack() as stack:
        workers = {}
        for engine in ENGINES:
            worker = await stack.enter_async_context(Worker("bench.grabbing", cpu=None))
            # It answers once it has loaded what Home Assistant has loaded too.
            await worker.tell({"idle": 0.1})
            base = family_memory(worker.pid)
            imported = (await worker.tell({"engine": engine}))["seconds"]
            if engine == HERE:
                tally.imports.append(imported)
            workers[engine] = worker, base
            await _take(worker, base, port, CODECS[0], tally.of(engine, "cold"), tally)
        for _ in range(grabs):
            for codec in CODECS:
                for engine, (worker, base) in workers.items():
                    await _take(worker, base, port, codec, tally.of(engine, codec), tally)
        tally.idle.append((await workers[HERE][0].tell({"idle": 1.0}))["stall"])
        for worker, _ in workers.values():
            await worker.tell({"close": True})


async def _take(worker: Worker, base: float, port: int, codec: str, taken: Taken, tally: Tally) -> None:
    """Take one picture and write down what it cost beyond what the process had before it knew of pictures."""
    spent = family_cpu(worker.pid)
    async with _peak(worker.pid) as peak:
        answer: Mapping[str, Any] = await worker.tell({"port": port, "codec": codec})
    taken.cpu.append(family_cpu(worker.pid) - spent)
    taken.seconds.append(answer["seconds"])
    taken.stall.append(answer["stall"])
    taken.memory.append(max(peak) - base)
    tally.pictures += 1
    tally.blank += seen(base64.b64decode(answer["jpeg"])) == 0


def seen(jpeg: bytes) -> int:
    """Return the number in a picture, 0 for one that shows none."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        return read_counter(np.asarray(picture.convert("L")))


@asynccontextmanager
async def _peak(pid: int) -> AsyncGenerator[list[float]]:
    """Sample the memory of a process and of all that it starts."""
    seen: list[float] = [family_memory(pid)]

    async def look() -> None:
        while True:
            await asyncio.sleep(SAMPLE)
            seen.append(await asyncio.to_thread(family_memory, pid))

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        seen.append(family_memory(pid))


def _against_browser(tally: Tally) -> list[Figure]:
    warm, theirs = tally.of(HERE, "H264"), tally.of(BROWSER, "H264")
    cold, theirs_cold = tally.of(HERE, "cold"), tally.of(BROWSER, "cold")
    vp8, theirs_vp8 = tally.of(HERE, "VP8"), tally.of(BROWSER, "VP8")
    whole = [sum(pair) for pair in zip(cold.seconds, tally.imports, strict=True)]
    both = "headless Chromium, driven by Playwright"
    return [
        _ratio("time_vs_warm_browser", warm.seconds, theirs.seconds, 0.2, f"{both}, warm, H.264 720p; ms", 1000),
        _ratio("time_vs_warm_browser_vp8", vp8.seconds, theirs_vp8.seconds, 0.2, f"{both}, warm, VP8 720p; ms", 1000),
        _ratio("time_vs_cold_browser", cold.seconds, theirs_cold.seconds, 0.15, f"{both}, nothing running; ms", 1000),
        _ratio("import_vs_cold_browser", whole, theirs_cold.seconds, 0.35, f"{both}; ours with its import; ms", 1000),
        _ratio("cpu_vs_browser", warm.cpu, theirs.cpu, 0.08, f"{both}, all its processes; ms of CPU", 1000),
        _ratio("memory_vs_browser", warm.memory, theirs.memory, 0.08, f"{both}, all its processes; MB", 1e-6),
    ]


def _ratio(figure: str, ours: list[float], theirs: list[float], goal: float, against: str, scale: float) -> Figure:
    said = f"{median(ours) * scale:.0f} and {median(theirs) * scale:.0f}"
    return Figure(
        figure=figure,
        value=ratio(ours, theirs),
        unit="ratio",
        goal=goal,
        better="lower",
        against=f"{against}: {said}",
    )


def _alone(tally: Tally) -> list[Figure]:
    stalls = [stall for (engine, _), taken in tally.taken.items() if engine == HERE for stall in taken.stall]
    theirs = [stall for (engine, _), taken in tally.taken.items() if engine == BROWSER for stall in taken.stall]
    memory = tally.of(HERE, "H264").memory + tally.of(HERE, "VP8").memory
    return [
        Figure(
            figure="stall_ms",
            value=max(stalls) * 1000,
            unit="ms",
            goal=20,
            better="lower",
            against=(
                f"a 5 ms timer in the loop, less its wait for a processor, the worst of {len(stalls)} pictures; "
                f"median of their worst {median(stalls) * 1000:.1f}, a second without work {max(tally.idle) * 1000:.1f}"
            ),
        ),
        Figure(
            figure="stall_browser_ms",
            value=max(theirs) * 1000,
            unit="ms",
            goal=20,
            better="lower",
            against=f"the same, {len(theirs)} pictures by the browser; median {median(theirs) * 1000:.1f}",
        ),
        Figure(
            figure="memory_mb",
            value=max(memory) / 1e6,
            unit="MB",
            goal=40,
            better="lower",
            against="a process that has PyAV, numpy and cryptography loaded, as Home Assistant has",
        ),
        Figure(
            figure="blank_frames",
            value=tally.blank,
            unit="pictures",
            goal=0,
            better="lower",
            against=f"{tally.pictures} pictures of both engines, the camera's counter read back from each",
        ),
    ]

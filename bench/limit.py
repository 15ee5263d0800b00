"""More viewers of one host than the hundred connections that Home Assistant allows it, and stills of that host."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from .fanout import Target, at_home, frames, open_viewers, take
from .figure import Figure
from .homes import Entry, camhub, core_mjpeg
from .plan import FULL, Plan
from .rig import Rig, Source, rig

COUNTS: Final = (110, 200)
SIZE: Final = "vga"
FULL_RATE: Final = 29.5
# Core's viewer 101 waits so long for a connection and then gets a 504.
CORE_PATIENCE: Final = 12.0


def entries(source: Source) -> Sequence[Entry]:
    """Return a camera to watch and another of the same host to take stills of, for each side."""
    return [
        make(f"{side} {what}", source.stream(f"{side}-{what}", SIZE), source.still(f"{side}-{what}", SIZE))
        for side, make in (("hub", _fresh), ("core", core_mjpeg))
        for what in ("watched", "other")
    ]


def _fresh(title: str, stream: str, still: str) -> Entry:
    """Return a camera of which each request fetches a new picture."""
    return camhub(title, stream, still, picture_age=0)


async def run(plan: Plan = FULL) -> list[Figure]:
    """Watch with 110 and with 200 viewers, and ask for stills meanwhile."""
    async with rig(entries) as running:
        loads = [await _hub(running, count, plan) for count in COUNTS]
        core = "" if plan.quick else await _core(running)
    said = "; ".join(load.said for load in loads)
    return [
        Figure(
            figure="failures",
            value=sum(load.failures for load in loads),
            unit="failures",
            goal=0,
            better="lower",
            against=f"{said}{core}",
        ),
        Figure(
            figure="fps",
            value=min(load.fps for load in loads),
            unit="fps",
            goal=FULL_RATE,
            better="higher",
            against=f"30 fps of the camera, the worst of {' and of '.join(map(str, COUNTS))} viewers",
        ),
        Figure(
            figure="still_p50_vs_unloaded",
            value=max(load.still_ratio for load in loads),
            unit="ratio",
            goal=2,
            better="lower",
            against="stills of the same host without viewers, the worse of both loads",
        ),
    ]


def _target(running: Rig, side: str) -> Target:
    return at_home(running.home, {f"{side}-watched": f"{side} watched"}, SIZE, side)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What came of so many viewers: failed viewers and stills, the worst viewer's rate, a still's time to unloaded."""

    failures: int
    fps: float
    still_ratio: float
    said: str


async def _hub(running: Rig, count: int, plan: Plan) -> Load:
    still = (await running.home.shown())["hub other"]
    unloaded = await running.ask([still], 1, seconds=plan.seconds)
    await open_viewers(running, _target(running, "hub"), "viewers", count, kind="drain")
    await asyncio.sleep(2)
    await take(running)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await running.source.reset()
    loaded = await running.ask([still], 1, seconds=max(plan.seconds, 3))
    fetched = (await running.source.counters())["hub-other"]["stills"]
    spent = loop.time() - begun
    viewers = (await take(running))["viewers"]
    await running.viewers.tell({"do": "close"})
    rates = [frames(viewer, SIZE) / spent for viewer in viewers]
    failed = sum(viewer["status"] != "200" or rate < FULL_RATE for viewer, rate in zip(viewers, rates, strict=True))
    failed_stills = sum(number for status, number in loaded["statuses"].items() if status != "200")
    before, after = (median(answer["latencies"]) * 1000 for answer in (unloaded, loaded))
    asked = len(loaded["latencies"])
    return Load(
        failures=failed + failed_stills,
        fps=min(rates),
        still_ratio=after / before,
        said=f"{count} viewers of 30 fps, {asked} stills of the same host ({fetched} fetched, {after:.2f} ms)",
    )


async def _core(running: Rig) -> str:
    """Say how core does with 110."""
    await running.source.until_unwatched()
    still = (await running.home.shown())["core other"]
    await open_viewers(running, _target(running, "core"), "viewers", COUNTS[0], kind="drain")
    await asyncio.sleep(1)
    loaded: dict[str, Any] = await running.ask([still], 1, requests=1)
    await asyncio.sleep(CORE_PATIENCE)
    viewers = (await take(running))["viewers"]
    await running.viewers.tell({"do": "close"})
    failed = sum(viewer["status"] != "200" for viewer in viewers)
    return f"; core mjpeg with {COUNTS[0]}: {failed} viewers fail, a still gives {next(iter(loaded['statuses']))}"

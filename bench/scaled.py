"""Stills that a dashboard asks for smaller than they are: core scales them in the event loop."""

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Final

from .figure import Figure
from .homes import Entry, camhub, core_mjpeg
from .machine import cpu_ns
from .plan import FULL, Plan, ratio
from .rig import Rig, Source, rig

CLIENTS: Final = 8
SIZE: Final = "&width=640&height=360"
# A camera that gives ten new pictures a second, each of which has to be scaled once.
LATENCY: Final = 0.1
BUSY: Final = "hub busy"
KEPT: Final = "hub kept"
CORE: Final = "core"


def entries(source: Source) -> Sequence[Entry]:
    """Return the cameras, all 1080p."""
    return [
        camhub(BUSY, source.stream("busy", "hd"), source.still("busy", "hd", LATENCY), picture_age=0),
        camhub(KEPT, source.stream("kept", "hd"), source.still("kept", "hd"), picture_age=3600),
        core_mjpeg(CORE, source.stream("core", "hd"), source.still("core", "hd", LATENCY)),
    ]


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure the loop's lag while eight ask, and what a size costs that was made before."""
    async with rig(entries) as running:
        lags: dict[str, list[float]] = {BUSY: [], CORE: []}
        cpu: dict[str, list[float]] = {SIZE: [], "": []}
        for _ in range(plan.rounds):
            for title, values in lags.items():
                values.append(await _lag(running, title, plan.seconds))
            for query, values in cpu.items():
                values.append(await _cpu(running, query, plan.seconds))
    return [
        Figure(
            figure="lag_p99_ms",
            value=median(lags[BUSY]),
            unit="ms",
            goal=6,
            better="lower",
            against=f"a 5 ms timer in the loop; {CLIENTS} clients asking 1080p at 640x360, ten new pictures a second",
        ),
        Figure(
            figure="lag_vs_core_mjpeg",
            value=ratio(lags[BUSY], lags[CORE]),
            unit="ratio",
            goal=0.2,
            better="lower",
            against=f"core mjpeg and the camera view's own scaling, p99 {median(lags[CORE]):.1f} ms",
        ),
        Figure(
            figure="repeat_vs_unscaled",
            value=ratio(cpu[SIZE], cpu[""]),
            unit="ratio",
            goal=1.2,
            better="lower",
            against=(
                f"the same picture unscaled, us of CPU a request: {median(cpu[SIZE]):.0f} and {median(cpu['']):.0f}"
            ),
        ),
    ]


async def _lag(running: Rig, title: str, seconds: float) -> float:
    path = (await running.home.shown())[title] + SIZE
    # The first of all loads the library and makes the size.
    await running.ask([path], CLIENTS, requests=CLIENTS)
    await running.home.command("bench_inside/lag_start")
    asking = asyncio.create_task(running.ask([path], CLIENTS, seconds=seconds))
    answer = await asking
    lag = await running.home.command("bench_inside/lag_stop")
    if set(answer["statuses"]) != {"200"} or max(answer["bytes"]) > 100_000:
        raise RuntimeError(f"{title}: not scaled, or not answered: {answer['statuses']}")
    return float(lag["p99"])


async def _cpu(running: Rig, query: str, seconds: float) -> float:
    path = (await running.home.shown())[KEPT] + query
    await running.ask([path], CLIENTS, requests=CLIENTS)
    spent = cpu_ns(running.home.pid)
    answer = await running.ask([path], CLIENTS, seconds=seconds)
    return (cpu_ns(running.home.pid) - spent) / 1000 / len(answer["latencies"])

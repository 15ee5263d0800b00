"""A thousand cameras of one account: sweep, event-loop stalls, state writes, memory of their pictures."""

import asyncio
from collections.abc import Sequence
import math
from statistics import median
from typing import Any, Final

from .figure import Figure
from .homes import Entry, many
from .machine import resident_kb
from .plan import FULL, Plan
from .rig import Rig, Source, rig
from .source import SIZES

LATENCY: Final = 0.02
# As CamHub sweeps: so many cameras are asked at once (const.SWEEP_CONCURRENCY).
AT_ONCE: Final = 8
BIG: Final = "many"
RESTED: Final = "rested"
RESTED_CAMERAS: Final = 100
# What the album may keep in memory, and what a bound may cost on top (reference: performance, row 15).
CACHE_MB: Final = 64 * 1.02
DISK_PATIENCE: Final = 30.0


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure in a real Home Assistant, with an account of `bench/inside/accounts.py` and its entities."""
    count = 100 if plan.quick else 1000

    def entries(source: Source) -> Sequence[Entry]:
        return [
            many(BIG, source.still("many", "vga", LATENCY), count),
            many(RESTED, source.still("rested", "tiny"), RESTED_CAMERAS, floor=3600),
        ]

    async with rig(entries) as running:
        big, rested = running.home.entries_wanted
        await running.home.enable(rested)
        await running.home.enable(big)
        sweeps, ideals = await _sweeps(running, count, plan.rounds)
        writes = await running.home.command("bench_inside/sweep", title=RESTED)
        grown = await _memory(running)
    return [*_timing(sweeps, ideals, count), *_writing(sweeps, writes, count), _cache(grown, count)]


async def _sweeps(running: Rig, count: int, rounds: int) -> tuple[list[dict[str, Any]], list[float]]:
    """Return what sweeps took, and what our own clients took for as many pictures, by turns."""
    path = running.source.still("many", "vga", LATENCY).partition(f":{running.source.port}")[2]
    await running.home.command("bench_inside/sweep", title=BIG)
    sweeps, clients = [], []
    for _ in range(rounds):
        sweeps.append(await running.home.command("bench_inside/sweep", title=BIG))
        answer = await running.ask([path], AT_ONCE, requests=count, port=running.source.port)
        clients.append(float(answer["spent"]))
    return sweeps, clients


async def _memory(running: Rig) -> float:
    """Return by how many MB Home Assistant grows when each camera's picture becomes one of 257 KB."""
    await running.source.resize("many", "tiny")
    await running.home.command("bench_inside/sweep", title=BIG)
    await asyncio.sleep(2)
    before = resident_kb(running.home.pid)
    await running.source.resize("many", "hd")
    await running.home.command("bench_inside/sweep", title=BIG)
    # Pictures on their way to the disk are not kept: wait until they are written.
    await asyncio.sleep(DISK_PATIENCE)
    return (resident_kb(running.home.pid) - before) / 1000


def _timing(sweeps: Sequence[dict[str, Any]], clients: Sequence[float], count: int) -> list[Figure]:
    ideal = math.ceil(count / AT_ONCE) * LATENCY
    seconds = median(sweep["seconds"] for sweep in sweeps)
    against_clients = median(sweep["seconds"] / spent for sweep, spent in zip(sweeps, clients, strict=True))
    said = f"{count} cameras of {LATENCY * 1000:.0f} ms, {AT_ONCE} at once"
    return [
        Figure(
            figure="sweep_vs_ideal",
            value=seconds / ideal,
            unit="ratio",
            goal=1.15,
            better="lower",
            against=f"{ideal:.2f} s, {said}; took {seconds:.2f} s",
        ),
        Figure(
            figure="sweep_vs_clients",
            value=against_clients,
            unit="ratio",
            goal=1.1,
            better="lower",
            against=f"{AT_ONCE} bare clients fetching as many pictures, {median(clients):.2f} s",
        ),
        Figure(
            figure="stall_ms",
            value=median(sweep["lag"]["max"] for sweep in sweeps),
            unit="ms",
            goal=20,
            better="lower",
            against=f"longest lag of a 5 ms timer in a sweep of {said}; p99 {sweeps[-1]['lag']['p99']:.1f}",
        ),
        Figure(
            figure="cpu_per_camera_ms",
            value=median(sweep["process_cpu"] for sweep in sweeps) * 1000 / count,
            unit="ms",
            goal=0.35,
            better="lower",
            against="all threads, pictures written to disk and states of two entities a camera included",
        ),
    ]


def _writing(sweeps: Sequence[dict[str, Any]], rested: dict[str, Any], count: int) -> list[Figure]:
    return [
        Figure(
            figure="writes_unchanged",
            value=rested["changed"] + rested["reported"],
            unit="writes",
            goal=0,
            better="lower",
            against=f"state writes of a sweep in which none of {RESTED_CAMERAS} cameras gave a new picture",
        ),
        Figure(
            figure="writes_per_new_picture",
            value=median(sweep["changed"] + sweep["reported"] for sweep in sweeps) / count,
            unit="writes",
            goal=2,
            better="lower",
            against="state writes a camera of a sweep with new pictures: the camera's, and when its last one was taken",
        ),
    ]


def _cache(grown: float, count: int) -> Figure:
    return Figure(
        figure="picture_memory_mb",
        value=grown,
        unit="MB",
        goal=round(CACHE_MB, 1),
        better="lower",
        against=f"{count * SIZES['hd'][3] / 1e6:.0f} MB of pictures swept; growth of resident memory",
    )

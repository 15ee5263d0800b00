"""Viewers that are slow or stalled, beside healthy ones."""

import asyncio
from statistics import median
from typing import Final

from .fanout import Target, at_home, frames, open_viewers, take
from .figure import Figure
from .machine import unsent
from .plan import Plan
from .rig import Rig
from .source import SIZES

HEALTHY: Final = 10
# 6 of 30 frames a second, in bytes a second (reference: performance, stalled and slow viewers).
RATES: Final = {"hd": 1_500_000, "vga": 246_000}
WATCHED: Final = 20.0
STALL_PATIENCE: Final = 60.0


async def figures(rig: Rig, plan: Plan) -> list[Figure]:
    """Measure slow viewers of both sizes and a stalled one; CamHub's healthy viewers must not notice either."""
    watched = 4.0 if plan.quick else WATCHED
    measured: list[Figure] = []
    healthy: list[float] = []
    for size, rate in RATES.items():
        ages: dict[str, float] = {}
        for side in ("core", "hub"):
            ages[side], fps = await _slow(rig, _target(rig, side, size), rate, watched)
            if side == "hub":
                healthy.append(fps)
        ending = "" if size == "hd" else f"_{size}"
        said = f"a viewer that takes {rate / 1e6:g} MB/s of {size} at 30 fps, the last 40 % of {watched:g} s"
        measured += [
            Figure(
                figure=f"slow_viewer_age_s{ending}",
                value=ages["hub"],
                unit="s",
                goal=0.5,
                better="lower",
                against=f"{said}; median age when a frame's head arrives",
            ),
            Figure(
                figure=f"slow_viewer_age_vs_core_mjpeg{ending}",
                value=ages["hub"] / ages["core"],
                unit="ratio",
                goal=0.1,
                better="lower",
                against=f"core mjpeg, {ages['core']:.2f} s; {said}",
            ),
        ]
    stalled, fps = await _stalled(rig, _target(rig, "hub", "hd"))
    healthy.append(fps)
    least = Figure(
        figure="healthy_fps",
        value=min(healthy),
        unit="fps",
        goal=29.5,
        better="higher",
        against=f"30 fps; the worst of {HEALTHY} viewers beside a slow and beside a stalled one",
    )
    return [*measured, least, *stalled]


def _target(rig: Rig, side: str, size: str) -> Target:
    return at_home(rig.home, {f"{side}-{size}": f"{side} {size}"}, size, side)


async def _slow(rig: Rig, target: Target, rate: float, watched: float) -> tuple[float, float]:
    """Return the slow viewer's median age of a picture late in its watching, and the worst healthy viewer's fps."""
    await rig.source.until_unwatched()
    await open_viewers(rig, target, "healthy", HEALTHY, kind="drain")
    await open_viewers(rig, target, "slow", 1, kind="slow", rate=rate)
    await asyncio.sleep(0.6 * watched)
    await take(rig)
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(0.4 * watched)
    seen = await take(rig)
    spent = asyncio.get_running_loop().time() - begun
    await rig.viewers.tell({"do": "close"})
    ages = seen["slow"][0]["ages"]
    return median(ages) if ages else watched, min(frames(each, target.size) for each in seen["healthy"]) / spent


async def _stalled(rig: Rig, target: Target) -> tuple[list[Figure], float]:
    """Watch a viewer that stops reading until it is cut off; return the worst healthy viewer's fps as well."""
    await rig.source.until_unwatched()
    await open_viewers(rig, target, "healthy", HEALTHY, kind="drain")
    await open_viewers(rig, target, "stalled", 1, kind="stalled")
    await asyncio.sleep(1)
    port = (await take(rig))["stalled"][0]["port"]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    most, held = 0, unsent(target.port, port)
    while held is not None and loop.time() - begun < STALL_PATIENCE:
        most = max(most, held)
        await asyncio.sleep(0.25)
        held = unsent(target.port, port)
    spent = loop.time() - begun
    seen = await take(rig)
    connections = (await rig.source.counters())[target.cameras[0]]["streams"]
    await rig.viewers.tell({"do": "close"})
    fps = min(frames(each, target.size) for each in seen["healthy"]) / spent
    against = "a viewer that stops reading; core mjpeg never closes it"
    size = SIZES[target.size][3]
    return [
        Figure(figure="stalled_closed_s", value=spent + 1, unit="s", goal=30, better="lower", against=against),
        Figure(
            figure="stalled_buffer_frames",
            value=most / size,
            unit="frames",
            goal=2,
            better="lower",
            against="a viewer that stops reading: bytes unsent in the server's kernel; core mjpeg 2-4 MB",
        ),
        Figure(
            figure="stalled_upstream_connections",
            value=connections,
            unit="connections",
            goal=1,
            better="lower",
            against="one stalled and ten healthy viewers; core mjpeg keeps one for each",
        ),
    ], fps

"""Resident memory of viewers and cameras, each in a Home Assistant of its own."""

import asyncio
from collections.abc import Sequence
from typing import Final

from .fanout import Target, at_home, open_viewers
from .figure import Figure
from .homes import Entry, camhub, core_mjpeg
from .machine import resident_kb
from .plan import Plan
from .rig import Rig, Source, rig
from .source import SIZES

VIEWERS: Final = 50
CAMERAS: Final = 16
SETTLE: Final = 3.0
# Goals in KiB (reference: performance, row 6); a camera may hold three frames and 64 KiB.
PER_VIEWER: Final = {"hd": 32, "vga": 16}
PER_CAMERA: Final = 3 * SIZES["vga"][3] / 1024 + 64


def entries(source: Source) -> Sequence[Entry]:
    """Return a camera of each size for both sides, and sixteen more of CamHub's."""
    named = [
        make(f"{side} {size}", source.stream(f"{side}-{size}", size), source.still(f"{side}-{size}", size))
        for side, make in (("hub", camhub), ("core", core_mjpeg))
        for size in ("hd", "vga")
    ]
    numbered = [
        camhub(f"hub of16 {n}", source.stream(f"hub-of16-{n}", "vga"), source.still(f"hub-of16-{n}", "vga"))
        for n in range(CAMERAS)
    ]
    return [*named, *numbered]


async def figures(plan: Plan) -> list[Figure]:
    """Measure what 50 viewers add to a fresh Home Assistant that has one, and what a watched camera adds."""
    added: dict[tuple[str, str], float] = {}
    for side in ("hub", "core"):
        for size in ("hd",) if plan.quick else ("hd", "vga"):
            async with rig(entries) as running:
                added[side, size] = await _viewers(running, side, size)
    measured = [
        Figure(
            figure=f"memory_per_viewer{'' if size == 'hd' else f'_{size}'}_kb",
            value=kb,
            unit="KiB",
            goal=PER_VIEWER[size],
            better="lower",
            against=f"resident memory, {VIEWERS} viewers of {size}; core mjpeg {added['core', size]:.0f}",
        )
        for (side, size), kb in added.items()
        if side == "hub"
    ]
    measured.append(
        Figure(
            figure="memory_per_viewer_vs_core_mjpeg",
            value=max(added["hub", "hd"], 0.0) / added["core", "hd"],
            unit="ratio",
            goal=0.2,
            better="lower",
            against=f"core mjpeg, {added['core', 'hd']:.0f} KiB a viewer, 1080p",
        )
    )
    if plan.quick:
        return measured
    async with rig(entries) as running:
        per_camera = await _cameras(running)
    against = f"resident memory of {CAMERAS} watched VGA cameras; three frames and 64 KiB"
    measured.append(
        Figure(
            figure="memory_per_camera_kb",
            value=per_camera,
            unit="KiB",
            goal=round(PER_CAMERA),
            better="lower",
            against=against,
        )
    )
    return measured


def _target(running: Rig, side: str, size: str) -> Target:
    return at_home(running.home, {f"{side}-{size}": f"{side} {size}"}, size, side)


async def _viewers(running: Rig, side: str, size: str) -> float:
    """Return KiB a viewer."""
    target = _target(running, side, size)
    await open_viewers(running, target, "first", 1, kind="drain")
    await asyncio.sleep(SETTLE)
    before = resident_kb(running.home.pid)
    await open_viewers(running, target, "others", VIEWERS, kind="drain")
    await asyncio.sleep(SETTLE)
    after = resident_kb(running.home.pid)
    await running.viewers.tell({"do": "close"})
    return (after - before) / VIEWERS


async def _cameras(running: Rig) -> float:
    """Return KiB a camera that is watched."""
    # What the first stream of all loads and allocates is not a camera's.
    await open_viewers(running, _target(running, "hub", "vga"), "first", 1, kind="drain")
    await asyncio.sleep(SETTLE)
    before = resident_kb(running.home.pid)
    titles = {f"hub-of16-{number}": f"hub of16 {number}" for number in range(CAMERAS)}
    await open_viewers(running, at_home(running.home, titles, "vga", "hub"), "others", 1, kind="drain")
    await asyncio.sleep(SETTLE)
    after = resident_kb(running.home.pid)
    await running.viewers.tell({"do": "close"})
    return (after - before) / CAMERAS

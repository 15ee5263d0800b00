"""How soon a viewer who joins sees a picture, of a camera with two frames a second that is being watched."""

import asyncio
from collections.abc import Sequence
import random
from statistics import median
from typing import Final

from .fanout import Target, at_home, first_frame, open_viewers
from .figure import Figure
from .homes import Entry, camhub, core_mjpeg
from .plan import FULL, Plan, p95
from .rig import Rig, Source, rig

FPS: Final = 2
SIZE: Final = "vga"
JOINS: Final = 30


def entries(source: Source) -> Sequence[Entry]:
    """Return a slow camera for each side."""
    return [
        make(side, source.stream(side, SIZE, FPS), source.still(side, SIZE))
        for side, make in (("hub", camhub), ("core", core_mjpeg))
    ]


async def run(plan: Plan = FULL) -> list[Figure]:
    """Join at random moments, by turns."""
    firsts: dict[str, list[float]] = {"core": [], "hub": []}
    async with rig(entries) as running:
        targets = {side: at_home(running.home, {side: side}, SIZE, side) for side in firsts}
        for target in targets.values():
            await open_viewers(running, target, "watching", 1, kind="drain")
        await asyncio.sleep(2)
        for number in range(3 if plan.quick else JOINS):
            for side, values in firsts.items():
                values.append(await _join(running, targets[side], f"{side}{number}") * 1000)
    hub, core = median(firsts["hub"]), median(firsts["core"])
    interval = 1000 / FPS
    against = f"the request of a viewer who joins; p95 {p95(firsts['hub']):.1f}; core mjpeg {core:.0f} ms"
    return [
        Figure(figure="first_frame_ms", value=hub, unit="ms", goal=10, better="lower", against=against),
        Figure(
            figure="first_frame_vs_interval",
            value=hub / interval,
            unit="ratio",
            goal=0.1,
            better="lower",
            against=f"the {interval:.0f} ms between two frames of the camera",
        ),
    ]


async def _join(running: Rig, target: Target, group: str) -> float:
    """Return the seconds from connecting to a whole frame."""
    # A new phase each time: else all joins would meet the camera at the same moment.
    await asyncio.sleep(random.uniform(0, 1 / FPS))
    return await first_frame(running, target, group)

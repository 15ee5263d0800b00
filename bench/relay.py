"""Live MJPEG to many viewers: CamHub's relay beside core's `mjpeg` in the same Home Assistant and a bare fan-out."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final

from . import memory_per_viewer, slow_viewers
from .fanout import FLOOR, Floor, Sample, Target, at_home, idle, sample
from .figure import Figure
from .homes import Entry, camhub, core_mjpeg
from .plan import FULL, Plan, ratio
from .rig import Rig, Source, rig

HUB: Final = "hub"
CORE: Final = "core"
SIXTEEN: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """So many viewers of one camera, and the goals of the ratios, None where there is none to reach."""

    size: str
    viewers: int
    vs_core: float | None = None
    vs_floor: float | None = None

    @property
    def name(self) -> str:
        """Return what the figures of the case end in; the main one's have no ending."""
        return "" if self == MAIN else f"_{self.size}_{self.viewers}"


MAIN: Final = Case(size="hd", viewers=50, vs_core=0.25, vs_floor=1.35)
CASES: Final = (
    MAIN,
    Case(size="hd", viewers=1, vs_core=0.85),
    Case(size="vga", viewers=1, vs_core=0.85),
    Case(size="vga", viewers=10, vs_core=0.42, vs_floor=2.5),
    Case(size="vga", viewers=50, vs_core=0.42, vs_floor=2.5),
    Case(size="vga", viewers=200, vs_floor=1.5),
)


def entries(source: Source) -> Sequence[Entry]:
    """Return the cameras: one of each size and sixteen for each side."""
    made: list[Entry] = []
    for side, make in ((HUB, camhub), (CORE, core_mjpeg)):
        cameras = {size: size for size in ("hd", "vga")} | {f"of16 {number}": "vga" for number in range(SIXTEEN)}
        for name, size in cameras.items():
            camera = f"{side}-{name.replace(' ', '-')}"
            made.append(make(f"{side} {name}", source.stream(camera, size), source.still(camera, size)))
    return made


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure all of it."""
    async with rig(entries) as running:
        figures = await _cases(running, plan)
        figures += await _sixteen(running, plan)
        figures += await slow_viewers.figures(running, plan)
    return figures + await memory_per_viewer.figures(plan)


async def _cases(running: Rig, plan: Plan) -> list[Figure]:
    idle_us = await idle(running.home, plan.seconds)
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        floors = {
            size: await stack.enter_async_context(Floor(running, f"floor-{size}", size)) for size in ("hd", "vga")
        }
        for case in CASES[:1] if plan.quick else CASES:
            names = [name for name, goal in ((CORE, case.vs_core), (FLOOR, case.vs_floor)) if goal is not None]
            targets = [
                floors[case.size].target() if name == FLOOR else _target(running, name, case, idle_us)
                for name in (*names, HUB)
            ]
            seen: dict[str, list[Sample]] = {target.name: [] for target in targets}
            for _ in range(plan.rounds):
                for target in targets:
                    measured = await sample(running, target, case.viewers - 1, plan.seconds, lag=_lagging(case, target))
                    seen[target.name].append(measured)
            figures += _ratios(case, seen, floors[case.size].name)
            if case == MAIN:
                figures += _main(seen)
    closing = await running.source.until_unwatched()
    figures.append(
        Figure(
            figure="upstream_closes_s",
            value=closing,
            unit="s",
            goal=12,
            better="lower",
            against="the last viewer leaving; one who comes back within 10 s needs no new connection",
        )
    )
    return figures


def _target(running: Rig, side: str, case: Case, idle_us: float) -> Target:
    return at_home(running.home, {f"{side}-{case.size}": f"{side} {case.size}"}, case.size, side, idle_us)


def _lagging(case: Case, target: Target) -> bool:
    return case == MAIN and target.name != FLOOR


def _ratios(case: Case, seen: Mapping[str, Sequence[Sample]], floor_name: str) -> list[Figure]:
    """Return CPU a viewer-frame against the others, and the worst viewer's frames a second."""
    cpu = {name: [each.cpu_us for each in samples] for name, samples in seen.items()}
    said = ", ".join(f"{name} {median(values):.1f}" for name, values in cpu.items())
    figures = [
        Figure(
            figure=f"{what}{case.name}",
            value=ratio(cpu[HUB], cpu[name]),
            unit="ratio",
            goal=goal,
            better="lower",
            against=f"{words}, {case.viewers} viewers, {case.size}; us of CPU a viewer-frame: {said}",
        )
        for what, name, goal, words in (
            ("cpu_vs_core_mjpeg", CORE, case.vs_core, "core mjpeg"),
            ("cpu_vs_floor", FLOOR, case.vs_floor, floor_name),
        )
        if goal is not None
    ]
    worst = median(each.fps for each in seen[HUB])
    against = f"30 fps of the camera, the worst of {case.viewers} viewers, {case.size}"
    figures.append(
        Figure(figure=f"fps{case.name}", value=worst, unit="fps", goal=29.5, better="higher", against=against)
    )
    return figures


def _main(seen: Mapping[str, Sequence[Sample]]) -> list[Figure]:
    """Return what else counts at 50 viewers of 1080p."""
    hub, core = seen[HUB], seen[CORE]
    ages = ", ".join(f"{name} {median(each.age_p50 for each in samples) * 1000:.1f}" for name, samples in seen.items())
    lags = {name: [each.lag_p99 or 0.0 for each in seen[name]] for name in (HUB, CORE)}
    connections = max(each.connections for each in hub)
    core_connections = max(each.connections for each in core)
    return [
        Figure(
            figure="upstream_connections",
            value=connections,
            unit="connections",
            goal=1,
            better="lower",
            against=f"{MAIN.viewers} viewers; core mjpeg opens {core_connections}",
        ),
        Figure(
            figure="frame_age_vs_core_mjpeg",
            value=ratio([each.age_p50 for each in hub], [each.age_p50 for each in core]),
            unit="ratio",
            goal=0.6,
            better="lower",
            against=f"core mjpeg, median age of a frame at a viewer in ms: {ages}",
        ),
        Figure(
            figure="lag_p99_ms",
            value=median(lags[HUB]),
            unit="ms",
            goal=6,
            better="lower",
            against=f"a 5 ms timer in the loop, {MAIN.viewers} viewers",
        ),
        Figure(
            figure="lag_vs_core_mjpeg",
            value=ratio(lags[HUB], lags[CORE]),
            unit="ratio",
            goal=0.5,
            better="lower",
            against=f"core mjpeg, p99 {median(lags[CORE]):.1f} ms",
        ),
    ]


async def _sixteen(running: Rig, plan: Plan) -> list[Figure]:
    """Compare sixteen cameras with one viewer each."""
    numbers = range(2 if plan.quick else SIXTEEN)
    cpu: dict[str, list[float]] = {CORE: [], HUB: []}
    for _ in range(plan.rounds):
        for side, values in cpu.items():
            titles = {f"{side}-of16-{number}": f"{side} of16 {number}" for number in numbers}
            # The probe is the one viewer of each camera.
            measured = await sample(running, at_home(running.home, titles, "vga", side), 0, plan.seconds)
            values.append(measured.cpu_us)
    said = ", ".join(f"{name} {median(values):.0f}" for name, values in cpu.items())
    return [
        Figure(
            figure="cpu_vs_core_mjpeg_16_cameras",
            value=ratio(cpu[HUB], cpu[CORE]),
            unit="ratio",
            goal=0.85,
            better="lower",
            against=f"core mjpeg, {len(numbers)} VGA cameras with a viewer each; us a viewer-frame: {said}",
        )
    ]

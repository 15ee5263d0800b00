"""Still pictures: CamHub's beside core's `mjpeg` and `generic` and a camera of constant bytes, all in one process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from .figure import Figure
from .homes import Entry, camhub, core_generic, core_mjpeg
from .machine import cpu_ns
from .plan import FULL, Plan, p95, ratio
from .rig import Rig, Source, rig

AT_ONCE: Final = 50
# What a camera of the field takes for a picture, in seconds.
LATENCY: Final = 0.1
# `kept`: CamHub as it is set up by default. `fresh`: every request is reason enough to fetch anew (picture_age 0).
KEPT: Final = "hub kept"
FRESH: Final = "hub fresh"
CORE: Final = "core"
GENERIC: Final = "generic"
CONSTANT: Final = "constant vga"
SLOW_FRESH: Final = "hub slow"
SLOW_CORE: Final = "core slow"


def entries(source: Source) -> Sequence[Entry]:
    """Return the cameras, all VGA."""

    def addresses(name: str, delay: float = 0) -> tuple[str, str]:
        return source.stream(name, "vga"), source.still(name, "vga", delay)

    return [
        camhub(KEPT, *addresses("kept")),
        camhub(FRESH, *addresses("fresh"), picture_age=0),
        core_mjpeg(CORE, *addresses("core")),
        core_generic(GENERIC, addresses("generic")[1]),
        camhub(SLOW_FRESH, *addresses("slow", LATENCY), picture_age=0),
        core_mjpeg(SLOW_CORE, *addresses("core-slow", LATENCY)),
    ]


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure all of it."""
    async with rig(entries) as running:
        return [*await _at_once(running, plan), *await _slow_camera(running, plan), *await _cpu(running, plan)]


async def _at_once(running: Rig, plan: Plan) -> list[Figure]:
    """Fifty ask at once: for the first picture there ever was, and for one that is due."""
    p95s: dict[str, list[float]] = {"direct": [], "first": [], "due": []}
    upstream: list[int] = []
    direct = running.source.still("direct", "vga", LATENCY).partition(f":{running.source.port}")[2]
    for _ in range(plan.rounds):
        path = (await running.home.shown())[SLOW_FRESH]
        await running.home.command("bench_inside/forget", titles=[SLOW_FRESH])
        for name, values in p95s.items():
            await running.source.reset()
            if name == "direct":
                answer = await running.ask([direct], AT_ONCE, requests=AT_ONCE, port=running.source.port)
            else:
                answer = await running.ask([path], AT_ONCE, requests=AT_ONCE)
                upstream.append((await _after(running, "slow"))["stills"])
            if answer["statuses"] != {"200": AT_ONCE}:
                raise RuntimeError(f"{name}: {answer['statuses']}")
            values.append(p95(answer["latencies"]) * 1000)
    said = ", ".join(f"{name} {median(values):.1f}" for name, values in p95s.items())
    return [
        Figure(
            figure="upstream_requests",
            value=max(upstream),
            unit="requests",
            goal=1,
            better="lower",
            against=f"{AT_ONCE} stills at once, for a first picture and for one that is due; core mjpeg: {AT_ONCE}",
        ),
        *(
            Figure(
                figure=figure,
                value=median(ours - theirs for ours, theirs in zip(p95s[name], p95s["direct"], strict=True)),
                unit="ms",
                goal=5,
                better="lower",
                against=f"{AT_ONCE} direct fetches at once of a camera that takes 100 ms, {words}; p95 in ms: {said}",
            )
            for figure, name, words in (
                ("added_p95_ms", "due", "when a newer picture is due"),
                ("added_p95_first_ms", "first", "when there has never been a picture"),
            )
        ),
    ]


async def _after(running: Rig, camera: str) -> Mapping[str, int]:
    """Return a camera's counters once nothing is under way at it any more."""
    counted = (await running.source.counters())[camera]
    while counted["stills_under_way"]:
        counted = (await running.source.counters())[camera]
    return counted


async def _slow_camera(running: Rig, plan: Plan) -> list[Figure]:
    """Fifty ask without pause, of a camera that takes 100 ms."""
    asked: list[float] = []
    at_once: list[int] = []
    p95s: dict[str, list[float]] = {SLOW_FRESH: [], SLOW_CORE: []}
    for _ in range(plan.rounds):
        shown = await running.home.shown()
        for title, values in p95s.items():
            await running.source.reset()
            answer = await running.ask([shown[title]], AT_ONCE, seconds=plan.seconds)
            values.append(p95(answer["latencies"]))
            if title == SLOW_FRESH:
                counted = await running.source.counters()
                asked.append(counted["slow"]["stills"] / len(answer["latencies"]))
                at_once.append(counted["slow"]["stills_at_once"])
    said = ", ".join(f"{name} {median(values) * 1000:.1f}" for name, values in p95s.items())
    return [
        Figure(
            figure="upstream_at_once",
            value=max(at_once),
            unit="requests",
            goal=1,
            better="lower",
            against=f"{AT_ONCE} clients asking without pause; core mjpeg: {AT_ONCE}",
        ),
        Figure(
            figure="upstream_per_request",
            value=median(asked),
            unit="requests",
            goal=0.03,
            better="lower",
            against=f"{AT_ONCE} clients asking without pause, a camera that takes 100 ms; core mjpeg: 1",
        ),
        Figure(
            figure="p95_vs_core_mjpeg",
            value=ratio(p95s[SLOW_FRESH], p95s[SLOW_CORE]),
            unit="ratio",
            goal=1,
            better="lower",
            against=f"core mjpeg, {AT_ONCE} clients, a camera that takes 100 ms; p95 in ms: {said}",
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Whose CPU a request is compared to whose, with so many clients."""

    figure: str
    title: str
    other: str
    clients: int
    goal: float


COMPARISONS: Final = (
    Comparison(figure="cpu_vs_core_mjpeg_10", title=FRESH, other=CORE, clients=10, goal=0.55),
    Comparison(figure="cpu_vs_core_mjpeg_50", title=FRESH, other=CORE, clients=50, goal=0.55),
    Comparison(figure="cpu_vs_core_generic_10", title=FRESH, other=GENERIC, clients=10, goal=0.15),
    Comparison(figure="cpu_vs_core_generic_50", title=FRESH, other=GENERIC, clients=50, goal=0.15),
    Comparison(figure="cpu_fresh_vs_core_mjpeg_1", title=FRESH, other=CORE, clients=1, goal=1.1),
    Comparison(figure="cpu_kept_vs_constant_10", title=KEPT, other=CONSTANT, clients=10, goal=1.15),
    Comparison(figure="cpu_kept_vs_constant_1", title=KEPT, other=CONSTANT, clients=1, goal=1.15),
)


async def _cpu(running: Rig, plan: Plan) -> list[Figure]:
    """Compare the CPU of a request, of a camera that answers at once."""
    cpu: dict[tuple[str, int], list[float]] = {
        case: [] for each in COMPARISONS for case in ((each.other, each.clients), (each.title, each.clients))
    }
    for _ in range(plan.rounds):
        for (title, clients), values in cpu.items():
            path = (await running.home.shown())[title]
            spent = cpu_ns(running.home.pid)
            answer = await running.ask([path], clients, seconds=plan.seconds)
            values.append((cpu_ns(running.home.pid) - spent) / 1000 / len(answer["latencies"]))
    return [
        Figure(
            figure=each.figure,
            value=ratio(cpu[each.title, each.clients], cpu[each.other, each.clients]),
            unit="ratio",
            goal=each.goal,
            better="lower",
            against=(
                f"{each.other}, {each.clients} clients; us of CPU a request: "
                f"{median(cpu[each.title, each.clients]):.0f} and {median(cpu[each.other, each.clients]):.0f}"
            ),
        )
        for each in COMPARISONS
    ]

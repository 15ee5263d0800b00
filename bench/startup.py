"""Set-up of a hundred cameras against a hundred of core's `mjpeg`, reachable or not.

Whole starts are told by Home Assistant's own reckoning (`integration/setup_info`), as in the reference; sets of entries
are set up again and again in one that runs, which shows the bare cost without imports.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import socket
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from .figure import Figure
from .homes import Entry, Home, camhub, core_mjpeg
from .machine import resident_kb
from .plan import FULL, Plan, ratio
from .rig import Source, rig

HERE: Final = "here"
GONE: Final = "gone"
SIDES: Final = {"core": "mjpeg", "hub": "camhub"}
STARTS: Final = 3
# Camera, online, last snapshot, how the login stands and refresh button; core's `mjpeg` has the camera only.
ENTITIES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """One start: seconds to RUNNING, seconds of each domain's set-up, resident memory in KiB."""

    running: float
    set_up: Mapping[str, float]
    resident: float


@contextmanager
def black_hole() -> Generator[str]:
    """Give the address of a host that lets connections hang, as one that is switched off does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        # Its queue is full from now on, so the kernel leaves further connections without an answer.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            for each in waiting:
                each.close()


def cameras(make: Callable[[str, str, str], Entry], side: str, kind: str, base: str, count: int) -> list[Entry]:
    """Return so many entries of cameras that are `here` or `gone`."""
    return [
        make(
            f"{side} {kind} {number}",
            f"{base}/{side}-{number}/stream?size=tiny&fps=2",
            f"{base}/{side}-{number}/still?size=tiny&delay=0",
        )
        for number in range(count)
    ]


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure whole starts by turns, then set-up inside one Home Assistant by turns."""
    count = 10 if plan.quick else 100
    with black_hole() as gone:
        figures = [] if plan.quick else await _starts(gone, count)
        return figures + await _again(plan, gone, count)


async def _starts(gone: str, count: int) -> list[Figure]:
    """Start Home Assistants without cameras, with core's and with ours; each folder twice: new, and known."""
    with TemporaryDirectory(prefix="camhub-bench-") as folder:
        async with Source(Path(folder)) as source:
            bases = {HERE: f"http://127.0.0.1:{source.port}", GONE: gone}
            worlds: dict[tuple[str, str], list[Entry]] = {("none", ""): []}
            for kind, base in bases.items():
                worlds["core", kind] = cameras(core_mjpeg, "core", kind, base, count)
                worlds["hub", kind] = cameras(camhub, "hub", kind, base, count)
            starts: dict[tuple[str, str, bool], list[Start]] = {}
            for _ in range(STARTS):
                for (side, kind), entries in worlds.items():
                    with TemporaryDirectory(prefix="camhub-bench-") as config:
                        for new in (True, False):
                            starts.setdefault((side, kind, new), []).append(await _start(Path(config), entries))
    figures = [_set_up(starts, kind, count, new=new) for kind in (HERE, GONE) for new in (False, True)]
    return [*figures, *_whole(starts, count)]


async def _start(config: Path, entries: Sequence[Entry]) -> Start:
    async with Home(config, entries) as home:
        told = await home.command("integration/setup_info")
        running = float(await home.command("bench_inside/started"))
        # The second look, and what pictures there are.
        await asyncio.sleep(2)
        return Start(
            running=running, set_up={each["domain"]: each["seconds"] for each in told}, resident=resident_kb(home.pid)
        )


def _set_up(starts: Mapping[tuple[str, str, bool], Sequence[Start]], kind: str, count: int, *, new: bool) -> Figure:
    hub = [start.set_up["camhub"] for start in starts["hub", kind, new]]
    core = [start.set_up["mjpeg"] for start in starts["core", kind, new]]
    unreachable = "_unreachable" if kind == GONE else ""
    words = f"{', all unreachable' if kind == GONE else ''}{', at their first start' if new else ''}"
    return Figure(
        figure=f"entries_vs_core{unreachable}{'_new' if new else ''}",
        value=ratio(hub, core),
        unit="ratio",
        goal=1.5,
        better="lower",
        against=(
            f"{count} core mjpeg entries{words}, set-up in a start by Home Assistant's reckoning: "
            f"{median(core) * 1000:.0f} ms; ours {median(hub) * 1000:.0f} ms"
        ),
    )


def _whole(starts: Mapping[tuple[str, str, bool], Sequence[Start]], count: int) -> list[Figure]:
    running = {side: [start.running for start in starts[side, GONE, False]] for side in SIDES}
    none = starts["none", "", False]
    resident = {
        side: (median(start.resident for start in starts[side, GONE, False]) - median(start.resident for start in none))
        / count
        for side in SIDES
    }
    said = ", ".join(f"{name} {median(values):.2f}" for name, values in running.items())
    return [
        Figure(
            figure="start_vs_core",
            value=ratio(running["hub"], running["core"]),
            unit="ratio",
            goal=1.05,
            better="lower",
            against=(
                f"a start to RUNNING with {count} core mjpeg entries, all unreachable, in s: {said}, "
                f"none {median(start.running for start in none):.2f}"
            ),
        ),
        Figure(
            figure="memory_per_entry_kb",
            value=resident["hub"],
            unit="KiB",
            goal=30,
            better="lower",
            against=f"a start without cameras; {ENTITIES} entities each; core mjpeg, one each: {resident['core']:.0f}",
        ),
    ]


async def _again(plan: Plan, gone: str, count: int) -> list[Figure]:
    """Set entries up again and again where everything is imported and known."""

    def entries(source: Source) -> Sequence[Entry]:
        here = f"http://127.0.0.1:{source.port}"
        return [
            entry
            for side, make in (("core", core_mjpeg), ("hub", camhub))
            for kind, base in ((HERE, here), (GONE, gone))
            for entry in cameras(make, side, kind, base, count)
        ]

    seconds: dict[tuple[str, str], list[float]] = {}
    async with rig(entries) as running:
        for _ in range(plan.rounds):
            for kind in (HERE, GONE):
                for side, domain in SIDES.items():
                    done = await running.home.command(
                        "bench_inside/set_up", domain=domain, prefix=f"{side} {kind} ", new=False
                    )
                    if done["loaded"] != count:
                        raise RuntimeError(f"{side} {kind}: only {done['loaded']} of {count} were set up")
                    seconds.setdefault((side, kind), []).append(done["seconds"] / count)
    return [
        Figure(
            figure=f"again_vs_core_per_entity{'_unreachable' if kind == GONE else ''}",
            value=ratio(seconds["hub", kind], seconds["core", kind]) / ENTITIES,
            unit="ratio",
            goal=1.5,
            better="lower",
            against=(
                f"core mjpeg, entries set up again, each with one entity, ours with {ENTITIES}; us an entry: "
                f"{median(seconds['core', kind]) * 1e6:.0f} and {median(seconds['hub', kind]) * 1e6:.0f}"
            ),
        )
        for kind in (HERE, GONE)
    ]

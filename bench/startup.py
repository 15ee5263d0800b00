"""Set-up of a hundred cameras against a hundred of core's `mjpeg`, reachable or not."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
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
    """Measure set-up inside one Home Assistant by turns, then whole starts."""
    count = 10 if plan.quick else 100
    with black_hole() as gone:
        figures = await _set_ups(plan, gone, count)
        return figures if plan.quick else figures + await _starts(gone, count)


async def _set_ups(plan: Plan, gone: str, count: int) -> list[Figure]:
    def entries(source: Source) -> Sequence[Entry]:
        here = f"http://127.0.0.1:{source.port}"
        return [
            entry
            for side, make in (("core", core_mjpeg), ("hub", camhub))
            for kind, base in ((HERE, here), (GONE, gone))
            for entry in cameras(make, side, kind, base, count)
        ]

    seconds: dict[tuple[str, str, bool], list[float]] = {}
    async with rig(entries) as running:
        for _ in range(plan.rounds):
            for kind in (HERE, GONE):
                for new in (False, True):
                    for side, domain in SIDES.items():
                        done = await running.home.command(
                            "bench_inside/set_up", domain=domain, prefix=f"{side} {kind} ", new=new
                        )
                        if done["loaded"] != count:
                            raise RuntimeError(f"{side} {kind}: only {done['loaded']} of {count} were set up")
                        seconds.setdefault((side, kind, new), []).append(done["seconds"])
    figures = []
    for kind, what in ((HERE, ""), (GONE, "_unreachable")):
        for new, how in ((False, ""), (True, "_new")):
            hub, core = seconds["hub", kind, new], seconds["core", kind, new]
            words = "with an empty registry" if new else "known to the registry"
            figures.append(
                Figure(
                    figure=f"entries_vs_core{what}{how}",
                    value=ratio(hub, core),
                    unit="ratio",
                    goal=1.5,
                    better="lower",
                    against=(
                        f"{count} core mjpeg entries{', all unreachable' if kind == GONE else ''}, {words}: "
                        f"{median(core) * 1000:.0f} ms; ours {median(hub) * 1000:.0f} ms"
                    ),
                )
            )
    return figures


async def _starts(gone: str, count: int) -> list[Figure]:
    """Start whole Home Assistants without cameras, with core's and with ours, by turns; all cameras are gone."""
    worlds: dict[str, list[Entry]] = {
        "none": [],
        "core": cameras(core_mjpeg, "core", GONE, gone, count),
        "hub": cameras(camhub, "hub", GONE, gone, count),
    }
    started: dict[str, list[float]] = {name: [] for name in worlds}
    resident: dict[str, list[float]] = {name: [] for name in worlds}
    for _ in range(STARTS):
        for name, entries in worlds.items():
            with TemporaryDirectory(prefix="camhub-bench-") as folder:
                async with Home(Path(folder), entries) as home:
                    started[name].append(float(await home.command("bench_inside/started")))
                    resident[name].append(resident_kb(home.pid))
    each = {name: (median(values) - median(resident["none"])) / count for name, values in resident.items()}
    said = ", ".join(f"{name} {median(values):.2f}" for name, values in started.items())
    return [
        Figure(
            figure="start_vs_core",
            value=ratio(started["hub"], started["core"]),
            unit="ratio",
            goal=1.05,
            better="lower",
            against=f"a start to RUNNING with {count} core mjpeg entries, all unreachable, in s: {said}",
        ),
        Figure(
            figure="memory_per_entry_kb",
            value=each["hub"],
            unit="KiB",
            goal=30,
            better="lower",
            against=f"a start without cameras; core mjpeg {each['core']:.0f}",
        ),
    ]

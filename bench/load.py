"""Too much of everything: `script/bench load` says how well it goes, what gives first and whether others suffer.

Stills, viewers, a thousand cameras in one account and events, alone and all at once, then twice and four times as much.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from demo.world import SERVER_PASSWORD, SERVER_USER

from .fanout import frames
from .figure import Figure
from .homes import Entry, camhub, many
from .machine import cpu_ns
from .plan import FULL, Plan, p95
from .rig import Rig, Source, rig
from .worker import Worker

STILLS: Final = 200
VIEWERS: Final = 200
WATCHED: Final = 20
CAMERAS: Final = 1000
EVENTS: Final = 100
FPS: Final = 15
SIZE: Final = "vga"
BIG: Final = "many"
CLIENTS: Final = 64
FACTORS: Final = (1, 2, 4)
SETTLE_S: Final = 2.0
# So long after the last event all have to be told.
BEHIND_S: Final = 60.0
# From here on a user would notice: the part of the frames, a still's wait in ms, seconds until an event is told.
FEW_FRAMES: Final = 0.95
LONG_WAIT_MS: Final = 250.0
LATE_EVENT_S: Final = 2.0
STALL_MS: Final = 20.0


def entries(source: Source) -> Sequence[Entry]:
    """Return cameras to watch and one account of a thousand, to be enabled when it is wanted."""
    watched = [
        camhub(_name(number), source.stream(f"live-{number}", SIZE, FPS), source.still(f"live-{number}", SIZE))
        for number in range(WATCHED)
    ]
    return [*watched, many(BIG, source.still(BIG, SIZE, 0.02), CAMERAS)]


def _name(number: int) -> str:
    return f"hub live {number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What came of a load: what failed, by name, and how well it went; None where there was nothing of the kind."""

    failed: Mapping[str, int]
    frames: float | None = None
    still_ms: float | None = None
    event_s: float | None = None
    sweep_s: float | None = None
    stall_ms: float = 0.0
    cpu: float = 0.0

    @property
    def failures(self) -> int:
        """Return how much failed."""
        return sum(self.failed.values())

    @property
    def given(self) -> list[str]:
        """Return what a user would notice."""
        found: list[str] = []
        if self.frames is not None and self.frames < FEW_FRAMES:
            found.append("frames of the live views")
        if self.still_ms is not None and self.still_ms > LONG_WAIT_MS:
            found.append("the wait for a still")
        if self.event_s is not None and self.event_s > LATE_EVENT_S:
            found.append("how soon an event is told")
        if self.stall_ms > STALL_MS:
            found.append("the loop, which is held up")
        return found

    @property
    def said(self) -> str:
        """Return all of it in words."""
        told = [f"{self.cpu:.0%} of a core", f"loop p99 {self.stall_ms:.1f} ms"]
        if self.frames is not None:
            told.append(f"{self.frames:.0%} of the frames")
        if self.still_ms is not None:
            told.append(f"stills p95 {self.still_ms:.0f} ms")
        if self.event_s is not None:
            told.append(f"last event after {self.event_s:.1f} s")
        if self.sweep_s is not None:
            told.append(f"{CAMERAS} pictures in {self.sweep_s:.1f} s")
        if self.failures:
            told.append(f"FAILED {dict(self.failed)}")
        return ", ".join(told)


class Load:
    """One home that is given much to do."""

    def __init__(self, running: Rig, town: Worker, seconds: float) -> None:
        """Begin with nothing to do; each load lasts so many seconds."""
        self._rig = running
        self._town = town
        self._seconds = seconds

    async def all(self, factor: float) -> Seen:
        """Do all at once, so many times as much as is asked for."""
        return await self.some(stills=factor, viewers=factor, events=factor, sweep=True)

    async def some(self, *, stills: float = 0, viewers: float = 0, events: float = 0, sweep: bool = False) -> Seen:
        """Load so many times as much as is asked for of each; return what came of it."""
        home = self._rig.home
        await self._watch(viewers)
        await asyncio.sleep(SETTLE_S)
        await home.command("bench_inside/watch")
        await self._rig.viewers.tell({"do": "take"})
        loop = asyncio.get_running_loop()
        begun, spent = loop.time(), cpu_ns(home.pid)
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(self._ask(stills))
            told = group.create_task(self._tell(events))
            swept = group.create_task(self._sweep(sweep))
            await asyncio.sleep(self._seconds)
            seconds, spent = loop.time() - begun, cpu_ns(home.pid) - spent
            watched = await self._rig.viewers.tell({"do": "take"})
            watching = await home.command("bench_inside/watched")
        await self._rig.viewers.tell({"do": "close"})
        everyone = [viewer for group_seen in watched.values() for viewer in group_seen]
        waited, refused = asked.result()
        late, lost = told.result()
        closed = sum(viewer["status"] != "200" or viewer["closed"] for viewer in everyone)
        return Seen(
            failed={"stills": refused, "viewers": closed, "events": lost},
            frames=min(1.0, fmean(frames(each, SIZE) for each in everyone) / seconds / FPS) if everyone else None,
            still_ms=waited,
            event_s=late,
            sweep_s=swept.result(),
            stall_ms=watching["stalls"]["p99"],
            cpu=spent / 1e9 / seconds,
        )

    async def _watch(self, factor: float) -> None:
        paths = await self._rig.home.streams("mjpeg")
        for number in range(WATCHED if factor else 0):
            path = await self._rig.home.signed(paths[_name(number)])
            command = {"do": "open", "group": "viewers", "count": round(VIEWERS * factor / WATCHED), "kind": "drain"}
            await self._rig.viewers.tell({**command, "port": self._rig.home.port, "path": path, "size": SIZE})

    async def _ask(self, factor: float) -> tuple[float | None, int]:
        """Ask for stills at a rate; return their 95th percentile in ms, and how many were no pictures."""
        if not factor:
            return None, 0
        shown = await self._rig.home.shown()
        paths = [shown[_name(number)] for number in range(WATCHED)]
        command = {"port": self._rig.home.port, "paths": paths, "clients": CLIENTS}
        paced = {"seconds": self._seconds, "rate": STILLS * factor}
        answer = await self._rig.asking.tell({**command, **paced})
        wrong = sum(count for status, count in answer["statuses"].items() if status != "200")
        return p95(answer["latencies"]) * 1000, wrong

    async def _tell(self, factor: float) -> tuple[float | None, int]:
        """Have events told at a rate; return after how many seconds the last one was heard, and how many never were."""
        if not factor:
            return None, 0
        loop = asyncio.get_running_loop()
        before = await self._heard()
        told = await self._town.tell({"do": "burst", "rate": EVENTS * factor, "seconds": self._seconds})
        ended = loop.time()
        # Another process can only be asked again and again.
        while (heard := await self._heard() - before) < told["told"] and loop.time() - ended < BEHIND_S:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return loop.time() - ended, abs(told["told"] - heard)

    async def _heard(self) -> int:
        watched = await self._rig.home.command("bench_inside/watched")
        return sum(watched["events"].values())

    async def _sweep(self, wanted: bool) -> float | None:  # noqa: FBT001 - a load like the others
        if not wanted:
            return None
        swept = await self._rig.home.command("bench_inside/sweep", title=BIG)
        return float(swept["seconds"])


async def run(plan: Plan = FULL) -> list[Figure]:
    """Load one home with each, with all, and with more and more of all."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(rig(entries))
        town = await stack.enter_async_context(Worker("bench.town"))
        await running.home.enable(running.home.entries_wanted[-1])
        server = await town.tell({"do": "server"})
        typed = {"address": server["server"], "verify_tls": True, "live": "auto"}
        await running.home.add("frigate", typed, {"username": SERVER_USER, "password": SERVER_PASSWORD})
        await running.home.command("bench_inside/sweep", title=BIG)
        load = Load(running, town, 3.0 if plan.quick else 10.0)
        single = {
            "stills": await load.some(stills=1),
            "viewers": await load.some(viewers=1),
            "cameras": await load.some(sweep=True),
            "events": await load.some(events=1),
        }
        together = {factor: await load.all(factor) for factor in FACTORS[: 1 if plan.quick else None]}
    return [*alone(single), *at_once(together)]


def alone(seen: Mapping[str, Seen]) -> list[Figure]:
    """Return the figures of each load by itself."""
    stills, viewers, cameras, events = (seen[name] for name in ("stills", "viewers", "cameras", "events"))
    return [
        _figure("stills_p95_ms", stills.still_ms, "ms", 50, f"{STILLS} stills a second; {stills.said}"),
        Figure(
            figure="frames_part",
            value=viewers.frames or 0.0,
            unit="ratio",
            goal=FEW_FRAMES,
            better="higher",
            against=f"{VIEWERS} viewers over {WATCHED} cameras of {FPS} fps; {viewers.said}",
        ),
        _figure(
            "cameras_stall_p99_ms", cameras.stall_ms, "ms", STALL_MS, f"a look at {CAMERAS} cameras; {cameras.said}"
        ),
        _figure("events_behind_s", events.event_s, "s", LATE_EVENT_S, f"{EVENTS} events a second; {events.said}"),
        _figure(
            "failures_alone",
            sum(each.failures for each in seen.values()),
            "failures",
            0,
            "stills without a picture, viewers closed, events lost or doubled, in the four loads above",
        ),
    ]


def at_once(seen: Mapping[int, Seen]) -> list[Figure]:
    """Return the figures of all loads at once."""
    said = "; ".join(f"{factor} x: {each.said}" for factor, each in seen.items())
    gives = next(((factor, each.given) for factor, each in seen.items() if each.given), None)
    first = f"at {gives[0]} x: {', '.join(gives[1])}" if gives else f"nothing up to {max(seen)} x"
    return [
        _figure("failures_at_once", sum(each.failures for each in seen.values()), "failures", 0, said),
        Figure(
            figure="gives_first_at",
            value=float(gives[0] if gives else max(seen) * 2),
            unit="x",
            goal=2,
            better="higher",
            against=f"all four at once, more and more; what gives first {first}",
        ),
    ]


def _figure(name: str, value: float | None, unit: str, goal: float, against: str) -> Figure:
    return Figure(figure=name, value=value or 0.0, unit=unit, goal=goal, better="lower", against=against)

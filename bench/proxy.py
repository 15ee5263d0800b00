"""CamHub's own routes beside a view of hass-web-proxy-lib that hands the same camera on, in one Home Assistant."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from .fanout import SETTLE, Sample, Target, first_frame, idle, sample
from .figure import Figure
from .homes import Entry, camhub
from .machine import cpu_ns
from .plan import FULL, Plan, ratio
from .rig import Rig, Source, rig
from .source import SIZES

PROXY: Final = "proxy"
HUB: Final = "hub"
# As `hub`, but every still is reason to fetch anew (picture_age 0), as the proxy does.
FRESH: Final = "fresh"
# A view that answers with constant bytes: nobody can be cheaper.
FLOOR: Final = "floor"
MANY: Final = 50
CPU_GOAL: Final = 0.5
LATENCY_GOAL: Final = 1.1
# First frames and first pictures of each side; each needs a camera that nobody has asked yet.
FIRSTS: Final = 20
# Stills are measured in windows this much shorter, and as many more of them: what is compared is close in time.
SHORTER: Final = 5
VIEWS: Final = "/api/bench_inside"
ASKED: Final = ("hd", "vga")


def entries(source: Source) -> Sequence[Entry]:
    """Return a camera of each size, as it is set up by default and with stills that are never kept."""
    addresses = {size: _addresses(source, size) for size in ASKED}
    return [
        *(camhub(f"{HUB} {size}", *where) for size, where in addresses.items()),
        *(camhub(f"{FRESH} {size}", *where, picture_age=0) for size, where in addresses.items()),
    ]


def _addresses(source: Source, size: str) -> tuple[str, str]:
    """Return where all sides get a camera's stream and its still."""
    return source.stream(size, size), source.still(size, size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """What is asked for, signed, by side and size."""

    streams: Mapping[tuple[str, str], str]
    stills: Mapping[tuple[str, str], str]


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure all of it, by turns."""
    async with rig(entries) as running:
        paths = await _paths(running)
        idle_us = await idle(running.home, plan.seconds)
        sizes = ASKED[:1] if plan.quick else ASKED
        figures: list[Figure] = []
        for size in sizes:
            figures += await _watched(running, plan, paths, size, idle_us)
            figures.append(await _first_frames(running, plan, paths, size))
            figures += await _stills(running, plan, paths, size, idle_us)
            figures.append(await _first_stills(running, plan, paths, size))
        return figures


async def _paths(running: Rig) -> Paths:
    home, source = running.home, running.source
    server = f"http://127.0.0.1:{source.port}"
    await home.command("bench_inside/proxy", server=server, sizes={size: SIZES[size][3] for size in ASKED})
    streams, stills = await home.streams("mjpeg"), await home.streams("snapshot")
    ours = {(HUB, size): streams[f"{HUB} {size}"] for size in ASKED}
    snapshots = {(side, size): stills[f"{side} {size}"] for side in (HUB, FRESH) for size in ASKED}
    constant = {(FLOOR, size): f"{VIEWS}/constant/{size}" for size in ASKED}
    theirs, pictures = (
        {(PROXY, size): _addresses(source, size)[at].replace(server, f"{VIEWS}/proxied") for size in ASKED}
        for at in range(2)
    )
    return Paths(
        streams={case: await home.signed(path) for case, path in (ours | theirs).items()},
        stills={case: await home.signed(path) for case, path in (snapshots | constant | pictures).items()},
    )


def _target(running: Rig, paths: Paths, side: str, size: str, idle_us: float = 0.0) -> Target:
    async def signed() -> Sequence[str]:
        return [paths.streams[side, size]]

    home = running.home
    return Target(name=side, pid=home.pid, port=home.port, paths=signed, cameras=[size], size=size, idle_us=idle_us)


def _ending(size: str) -> str:
    return "" if size == ASKED[0] else f"_{size}"


async def _watched(running: Rig, plan: Plan, paths: Paths, size: str, idle_us: float) -> list[Figure]:
    """Compare the CPU of many viewers, and how old the pictures are that a single one sees."""
    figures: list[Figure] = []
    for viewers in (MANY, 1):
        seen: dict[str, list[Sample]] = {PROXY: [], HUB: []}
        for _ in range(plan.rounds):
            for side, samples in seen.items():
                target = _target(running, paths, side, size, idle_us)
                samples.append(await sample(running, target, viewers - 1, plan.seconds))
        figures += _of_many(seen, size) if viewers == MANY else [_age(seen, size)]
    return figures


def _cpu_said(seen: Mapping[str, Sequence[Sample]]) -> str:
    return ", ".join(f"{side} {median(each.cpu_us for each in samples):.1f}" for side, samples in seen.items())


def _of_many(seen: Mapping[str, Sequence[Sample]], size: str) -> list[Figure]:
    opened = {side: max(each.connections for each in samples) for side, samples in seen.items()}
    worst = median(each.fps for each in seen[HUB])
    return [
        Figure(
            figure=f"cpu_vs_proxy_mjpeg_{MANY}{_ending(size)}",
            value=ratio([each.cpu_us for each in seen[HUB]], [each.cpu_us for each in seen[PROXY]]),
            unit="ratio",
            goal=CPU_GOAL,
            better="lower",
            against=(
                f"hass-web-proxy-lib, {MANY} viewers, {size}; us of CPU a viewer-frame: {_cpu_said(seen)}; "
                f"connections to the camera: {opened[PROXY]} and {opened[HUB]}"
            ),
        ),
        Figure(
            figure=f"fps_{MANY}{_ending(size)}",
            value=worst,
            unit="fps",
            goal=29.5,
            better="higher",
            against=f"30 fps of the camera, the worst of {MANY} viewers of our route, {size}",
        ),
    ]


def _age(seen: Mapping[str, Sequence[Sample]], size: str) -> Figure:
    ages = {side: [each.age_p50 for each in samples] for side, samples in seen.items()}
    said = ", ".join(f"{side} {median(values) * 1000:.2f}" for side, values in ages.items())
    return Figure(
        figure=f"latency_vs_proxy_mjpeg_1{_ending(size)}",
        value=ratio(ages[HUB], ages[PROXY]),
        unit="ratio",
        goal=LATENCY_GOAL,
        better="lower",
        against=(
            f"hass-web-proxy-lib, one viewer, {size}; median age of a frame in ms: {said}; "
            f"us of CPU a viewer-frame: {_cpu_said(seen)}"
        ),
    )


async def _first_frames(running: Rig, plan: Plan, paths: Paths, size: str) -> Figure:
    """Compare how soon the first viewer of a camera sees a picture; nobody watches before, so both sides connect."""
    firsts: dict[str, list[float]] = {PROXY: [], HUB: []}
    for number in range(3 if plan.quick else FIRSTS):
        for side, values in firsts.items():
            # Ours stays connected for a while after its last viewer: set the camera up again.
            await running.home.command("bench_inside/set_up", domain="camhub", prefix=f"{HUB} {size}", new=False)
            await running.source.until_unwatched()
            await asyncio.sleep(SETTLE)
            values.append(await first_frame(running, _target(running, paths, side, size), f"{side}{number}"))
            await running.viewers.tell({"do": "close"})
    return _first(f"mjpeg_1_first{_ending(size)}", firsts, f"from connecting to a whole first frame, {size}")


async def _first_stills(running: Rig, plan: Plan, paths: Paths, size: str) -> Figure:
    """Compare how long a client waits for a picture that has to be fetched for it."""
    waited: dict[str, list[float]] = {PROXY: [], HUB: []}
    for _ in range(3 if plan.quick else FIRSTS):
        for side, values in waited.items():
            await running.home.command("bench_inside/forget", titles=[f"{HUB} {size}"])
            # The forgotten picture is being removed from the disk.
            await asyncio.sleep(0.1)
            answer = await running.ask([paths.stills[side, size]], 1, requests=1)
            values.extend(answer["latencies"])
    return _first(f"snapshot_1_first{_ending(size)}", waited, f"a picture that there has never been, {size}")


def _first(name: str, seen: Mapping[str, list[float]], words: str) -> Figure:
    """Return the ratio of medians: single answers, unlike windows, have no partner that met the same noise."""
    ours, theirs = median(seen[HUB]), median(seen[PROXY])
    return Figure(
        figure=f"latency_vs_proxy_{name}",
        value=ours / theirs,
        unit="ratio",
        goal=LATENCY_GOAL,
        better="lower",
        against=f"hass-web-proxy-lib, {words}; ms: proxy {theirs * 1000:.2f}, hub {ours * 1000:.2f}",
    )


async def _stills(running: Rig, plan: Plan, paths: Paths, size: str, idle_us: float) -> list[Figure]:
    """Compare the CPU of a request of many who ask without pause, and how long a single one waits."""
    sides = (PROXY, HUB, FRESH, FLOOR)
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    waited: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(plan.rounds * SHORTER):
        for clients in (MANY, 1):
            for side in sides:
                spent = cpu_ns(running.home.pid)
                answer = await running.ask([paths.stills[side, size]], clients, seconds=plan.seconds / SHORTER)
                spent = cpu_ns(running.home.pid) - spent
                if set(answer["statuses"]) != {"200"}:
                    raise RuntimeError(f"{side}: {answer['statuses']}")
                if clients == MANY:
                    cpu[side].append((spent / 1000 - idle_us * answer["spent"]) / len(answer["latencies"]))
                else:
                    waited[side].append(median(answer["latencies"]))
    return [figure for side in (HUB, FRESH) for figure in _still_figures(side, size, cpu, waited)]


def _still_figures(
    side: str, size: str, cpu: Mapping[str, list[float]], waited: Mapping[str, list[float]]
) -> list[Figure]:
    ending = f"{'' if side == HUB else f'_{side}'}{_ending(size)}"
    words = f"each reason to fetch anew, {size}" if side == FRESH else f"as set up by default, {size}"
    asked = (PROXY, FLOOR, side)
    cpus = ", ".join(f"{each} {median(cpu[each]):.0f}" for each in asked)
    floor = ratio(cpu[FLOOR], cpu[PROXY])
    times = ", ".join(f"{each} {median(waited[each]) * 1000:.2f}" for each in asked)
    return [
        Figure(
            figure=f"cpu_vs_proxy_snapshot_{MANY}{ending}",
            value=ratio(cpu[side], cpu[PROXY]),
            unit="ratio",
            goal=CPU_GOAL,
            better="lower",
            against=(
                f"hass-web-proxy-lib, {MANY} clients asking without pause, {words}; us of CPU a request: {cpus}; "
                f"constant bytes are at {floor:.2f}"
            ),
        ),
        Figure(
            figure=f"latency_vs_proxy_snapshot_1{ending}",
            value=ratio(waited[side], waited[PROXY]),
            unit="ratio",
            goal=LATENCY_GOAL,
            better="lower",
            against=f"hass-web-proxy-lib, one client asking without pause, {words}; median ms: {times}",
        ),
    ]

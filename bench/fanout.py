"""One live stream to many viewers: what it costs, how old the frames are, how late the loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Self

from demo.process import Process
from demo.world import free_port

from . import floor
from .homes import Home, stream_path
from .machine import MEASURED, cpu_ns, pinned
from .plan import p95
from .rig import Rig
from .source import SIZES

# Boundary, part headers and chunk framing, about; 0.05 % of a VGA frame either way.
FRAMING: Final = 100
# Of all cameras that are watched here.
FPS: Final = 30
SETTLE: Final = 1.0
FLOOR: Final = "floor"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One window: CPU a viewer-frame in us, frames a second of the worst viewer, ages in s, loop lag in ms."""

    cpu_us: float
    fps: float
    age_p50: float
    age_p95: float
    lag_p99: float | None = None
    connections: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Who hands a camera's stream on; `paths` are asked for when they are opened, as tokens change."""

    name: str
    pid: int
    port: int
    paths: Callable[[], Awaitable[Sequence[str]]]
    cameras: Sequence[str]
    size: str
    idle_us: float = 0.0


class Floor:
    """The fan-out of our own, as a process of the measured processor."""

    def __init__(self, rig: Rig, camera: str, size: str) -> None:
        """Compile it; nothing runs yet."""
        self._camera, self._size = camera, size
        self._port = free_port()
        path = rig.source.stream(camera, size).partition(f":{rig.source.port}")[2]
        command, self.name = floor.command(self._port, rig.source.port, path)
        self._process = Process("Floor", pinned(command, MEASURED), rig.folder / f"floor-{size}.log")

    async def __aenter__(self) -> Self:
        """Start."""
        await self._process.start()
        await self._process.until_listening(self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._process.stop()

    def target(self) -> Target:
        """Return it as one of those that are measured."""

        async def paths() -> Sequence[str]:
            return ["/"]

        if self._process.pid is None:
            raise RuntimeError("the floor is not started")
        return Target(
            name=FLOOR, pid=self._process.pid, port=self._port, paths=paths, cameras=[self._camera], size=self._size
        )


def at_home(home: Home, titles: Mapping[str, str], size: str, name: str, idle_us: float = 0.0) -> Target:
    """Return cameras in Home Assistant, titles by the camera server's names."""

    async def paths() -> Sequence[str]:
        shown = await home.shown()
        return [stream_path(shown[title]) for title in titles.values()]

    return Target(
        name=name, pid=home.pid, port=home.port, paths=paths, cameras=list(titles), size=size, idle_us=idle_us
    )


async def open_viewers(rig: Rig, target: Target, group: str, count: int, **how: Any) -> None:
    """Let viewers join each of the target's cameras."""
    for path in await target.paths():
        command = {"do": "open", "group": group, "count": count, "port": target.port, "path": path}
        await rig.viewers.tell({**command, "size": target.size, **how})


async def take(rig: Rig) -> dict[str, list[dict[str, Any]]]:
    """Return what each group of viewers saw since the last time."""
    seen: dict[str, list[dict[str, Any]]] = await rig.viewers.tell({"do": "take"})
    return seen


async def first_frame(rig: Rig, target: Target, group: str) -> float:
    """Let one viewer join and return the seconds from connecting to a whole frame."""
    await open_viewers(rig, target, group, 1, kind="probe")
    first: float | None = None
    while first is None:
        await asyncio.sleep(0.05)
        first = (await take(rig))[group][0]["first"]
    return first


def frames(seen: Mapping[str, Any], size: str) -> float:
    """Return how many frames a viewer was sent."""
    received: int = seen["bytes"]
    return received / (SIZES[size][3] + FRAMING)


async def sample(rig: Rig, target: Target, viewers: int, seconds: float, *, lag: bool = False) -> Sample:
    """Let viewers join, one of them reading the stamps, and measure while they watch."""
    await rig.source.until_unwatched()
    await open_viewers(rig, target, "drain", viewers, kind="drain")
    await open_viewers(rig, target, "probe", 1, kind="probe")
    await asyncio.sleep(SETTLE)
    await take(rig)
    loop = asyncio.get_running_loop()
    begun, spent = loop.time(), cpu_ns(target.pid)
    await asyncio.sleep(seconds)
    seconds, spent = loop.time() - begun, cpu_ns(target.pid) - spent
    seen = await take(rig)
    counted = await rig.source.counters()
    everyone = [viewer for group in seen.values() for viewer in group]
    sent = [frames(viewer, target.size) for viewer in everyone]
    ages = [age for viewer in seen["probe"] for age in viewer["ages"]]
    late = await _lag(rig, seconds) if lag else None
    await rig.viewers.tell({"do": "close"})
    if not ages or max(sent) > 1.1 * FPS * seconds:
        raise RuntimeError(f"{target.name} sent its viewers no frames, or too many: {everyone[0]}")
    return Sample(
        cpu_us=(spent / 1000 - target.idle_us * seconds) / sum(sent),
        fps=min(sent) / seconds,
        age_p50=median(ages),
        age_p95=p95(ages),
        lag_p99=late,
        connections=max(counted[camera]["streams"] for camera in target.cameras),
    )


async def _lag(rig: Rig, seconds: float) -> float:
    """Return how late the loop's timers are, 99th percentile in ms."""
    await rig.home.command("bench_inside/lag_start")
    await asyncio.sleep(seconds)
    lag = await rig.home.command("bench_inside/lag_stop")
    return float(lag["p99"])


async def idle(home: Home, seconds: float) -> float:
    """Return what Home Assistant runs while nobody asks it for anything, in us of CPU a second."""
    spent = cpu_ns(home.pid)
    await asyncio.sleep(seconds)
    return (cpu_ns(home.pid) - spent) / 1000 / seconds

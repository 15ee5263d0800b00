"""Sixty cameras of six kinds through a day that takes seconds."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
import gc
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.crowd import add_cameras
from custom_components.camhub.kernel.clock import Clock
from custom_components.camhub.providers import PROVIDERS
from simulators.authority import Authority
from simulators.frigate.site import stats
from tests.contract.worlds import FrigateWorld, NestLegacyWorld, NestWorld, RingWorld, World, of_device, tasks
from tests.fake_clock import settle
from tests.faults.bench import Bench, bench
from tests.webrtc_viewer import Viewer

from .account import HOUR, Account

CAMERAS: Final = 60
# How many more an account gets.
MORE: Final = {"frigate": 10, "nest": 4, "nest_legacy": 12, "ring": 10}
WARM_H: Final = 6
DAY_H: Final = 24
FIGURES_S: Final = 240.0
# What may be there at the end beside what was there when all was warm: what is under way at that moment. A day is some
# thousand requests, so that one object forgotten for each would be many times that.
SLACK: Final = 250
_OURS: Final = "custom_components.camhub"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """What there is in this process at rest: our objects by kind, tasks of ours, open files."""

    objects: Counter[str]
    tasks: int
    files: int

    @classmethod
    def now(cls) -> Footprint:
        gc.collect()
        kinds = (type(each) for each in gc.get_objects())
        return cls(
            objects=Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(_OURS)),
            tasks=len(tasks()),
            files=len(list(Path("/proc/self/fd").iterdir())),
        )


def more_cameras(world: World, count: int) -> None:
    """Give an account more cameras than the example has."""
    match world:
        case FrigateWorld():
            # Frames are counted in thousands as it is.
            world.server.frame_s = 5.0
            add_cameras(world.server, count)
        case NestWorld() | RingWorld():
            add_cameras(world.service, count)
        case NestLegacyWorld():
            add_cameras(world.services, count)


async def _started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _figures(world: FrigateWorld, clock: Clock) -> None:
    """Let a server tell its figures, so that its line is not taken for a broken one."""
    server = world.server
    while True:
        await clock.sleep(FIGURES_S)
        server.line.tell("stats", stats(server.version, server.cameras, server.faults, server.now))


async def _offer_with_data() -> str:
    async with Viewer("H264", "audio", "video") as viewer:
        viewer.peer.createDataChannel("data")
        return await viewer.offer()


class Day:
    """`seed` decides all that happens."""

    def __init__(self, seed: int, authority: Authority, strangers: Authority, folder: Path) -> None:
        self.seed = seed
        self._authority = authority
        self._strangers = strangers
        self._folder = folder
        self.accounts: list[Account] = []

    async def run(self) -> tuple[Footprint, Footprint]:
        """Live through the day; return what there is once all is warm, and at its end."""
        async with AsyncExitStack() as stack:
            benches = [await stack.enter_async_context(self._bench(key)) for key in PROVIDERS]
            others = CAMERAS - await self._begin(benches)
            for _ in range(others):
                # Cameras by their address make up what is left: each is an account of its own.
                await self._begin([await stack.enter_async_context(self._bench("mjpeg"))])
            before = await self._rested(WARM_H * HOUR)
            after = await self._rested(DAY_H * HOUR)
            for account in self.accounts:
                await account.close()
            self._figures.cancel()
        await settle(50)
        return before, after

    def _bench(self, key: str) -> AbstractAsyncContextManager[Bench]:
        return bench(key, self._authority, self._strangers, self._folder)

    async def _begin(self, benches: Sequence[Bench]) -> int:
        """Open accounts; return how many cameras they have."""
        count = 0
        for made in benches:
            more_cameras(made.world, MORE.get(made.key, 0))
            if made.key == "nest":
                made.lens.offer = await _offer_with_data()
            name = f"{made.key}-{len(self.accounts)}"
            if isinstance(made.world, FrigateWorld):
                self._figures = await of_device(_started(_figures(made.world, made.clock)))
            account = Account(made, self._folder / name, Random(f"{self.seed}/{name}"))
            self.accounts.append(account)
            count += await account.begin()
        return count

    async def _rested(self, until: float) -> Footprint:
        async with asyncio.TaskGroup() as group:
            for account in self.accounts:
                group.create_task(account.live(until))
        for account in self.accounts:
            await account.settle()
        await asyncio.sleep(60)
        return Footprint.now()

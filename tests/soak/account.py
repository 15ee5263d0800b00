"""One account as the hub keeps it through a day: looks, pictures, viewers, events, and trouble now and then."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.events import Dedup, EventPump
from custom_components.camhub.kernel.model import CameraEvent, EventPhase
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.kernel.provider import Camera, Provider
from custom_components.camhub.kernel.relay import Relay
from custom_components.camhub.kernel.stills import Album
from custom_components.camhub.providers import load
from simulators.faults import Fault
from tests.contract.worlds import NestLegacyWorld
from tests.faults.bench import Bench
from tests.faults.matrix import LOST
from tests.faults.stages import Dark, failure, watch

HOUR: Final = 3600.0
# Between two things that happen to an account, and what an outage lasts, in seconds.
PAUSE_S: Final = 3600.0
OUTAGES_S: Final = (60.0, 1200.0)
VISITS_S: Final = (5.0, 90.0)
# So long after an outage everything works again, but for pauses that others ask for.
MENDED_S: Final = 2 * HOUR
LOOK_AGAIN_S: Final = 300.0
# A history is looked at this often, so that a day is not mostly that.
POLL_S: Final = 3600
# 100 MB of nothing, again and again, are for `tests.faults`.
FAULTS: Final = tuple(each for each in Fault if each not in {Fault.HUGE, Fault.BOMB, Fault.GIANT_HEADER})
_BACKOFF: Final = Backoff(first=5, factor=2, maximum=60, jitter=0.2)


class Account:
    """`told` is how much moved before its cameras while somebody listened, `heard` what came of it."""

    def __init__(self, bench: Bench, folder: Path, chance: Random) -> None:
        self.bench = bench
        self.chance = chance
        self.told = 0
        self.heard: list[CameraEvent] = []
        self.looks = self.pictures = self.frames = self.outages = self.logins = self.requests = 0
        self.album = Album(folder, clock=bench.clock, give_up=30)
        self.relays: dict[str, Relay] = {}
        self._dedup = Dedup()
        self._provider, self.pump = self._open()

    async def live(self, until: float) -> None:
        """Let things happen until a time of the clock, and end them well."""
        clock, chance = self.bench.clock, self.chance
        things = [self._look, self._photograph, self._visit, self._move, self._trouble]
        while (pause := chance.expovariate(1 / PAUSE_S)) < until - clock.monotonic():
            await clock.sleep(pause)
            (thing,) = chance.choices(things, weights=(4, 4, 3, 4, 1))
            await thing()
        for thing in (self._look, self._photograph_all, self._visit, self._move):
            await thing()

    async def settle(self) -> None:
        """Return when nobody watches any more and all is as it is at rest."""
        for relay in self.relays.values():
            await relay.close()
        self.relays.clear()
        for proxy in self.bench.proxies:
            self.requests += len(proxy.requests)
            proxy.requests.clear()
        self.bench.clock.slept.clear()

    async def close(self) -> None:
        await self.settle()
        await self.pump.close()
        await self._provider.close()
        await self.album.close()
        await self.bench.left_alone()

    async def begin(self) -> int:
        """Set the account up; return how many cameras it has."""
        await self.album.load()
        await self._provider.connect()
        self.pump.start()
        return len(await self._cameras())

    def _open(self) -> tuple[Provider, EventPump]:
        bench = self.bench
        stored = bench.tokens.saved[-1] if bench.tokens.saved else bench.stored
        options = {"nest_legacy": {"history_every": POLL_S}, "ring": {"poll": POLL_S}}.get(bench.key, {})
        context = bench.contexts.make(
            stored, clock=bench.clock, grabber=bench.lens, tokens=bench.tokens, options=dict(options)
        )
        provider = load(bench.key).open(context)
        return provider, EventPump(provider.events, self._hear, clock=bench.clock, backoff=_BACKOFF)

    def _hear(self, event: CameraEvent) -> None:
        if self._dedup.is_new(event) and event.phase in {EventPhase.START, EventPhase.PULSE}:
            self.heard.append(event)

    async def _cameras(self) -> list[Camera]:
        self.looks += 1
        return list(await self._provider.cameras())

    # What happens.

    async def _look(self) -> None:
        assert await self._cameras(), "the cameras are there"

    async def _photograph(self, most: int = 3) -> None:
        """Take pictures of some cameras; one that is off has none, and says so."""
        cameras = [each for each in await self._cameras() if each.stills is not None]
        for camera in self.chance.sample(cameras, min(most, len(cameras))):
            assert camera.stills is not None
            error = await failure(self.album.refresh(self._key(camera), camera.stills, floor=camera.still_floor))
            assert error is None or camera.online is not True or isinstance(error, Unreachable), repr(error)
            self.pictures += error is None

    async def _photograph_all(self) -> None:
        await self._photograph(100)

    async def _visit(self) -> None:
        """Have a few people look at a camera, each for as long as they like."""
        cameras = [each for each in await self._cameras() if each.online is not False and (each.mjpeg or each.webrtc)]
        if not cameras:
            return
        camera = self.chance.choice(cameras)
        if camera.mjpeg is None:
            error = await failure(watch(self.bench, camera))
            assert error is None or isinstance(error, Unreachable), repr(error)
            return
        relay = self.relays.setdefault(camera.id, Relay(camera.mjpeg, clock=self.bench.clock))
        await asyncio.gather(*(self._view(relay) for _ in range(self.chance.randint(1, 4))))

    async def _view(self, relay: Relay) -> None:
        viewer = relay.frames()
        with suppress(TimeoutError, HubError):
            async with asyncio.timeout(self.chance.uniform(*VISITS_S)):
                async for _ in viewer:
                    self.frames += 1
        await viewer.aclose()

    async def _move(self) -> None:
        """Let something move before a camera: it is told once, whatever happened before."""
        world = self.bench.world
        if not world.tells or self.bench.key == "nest":
            return
        # A line that says nothing for minutes is dialled anew.
        async with asyncio.timeout(HOUR):
            while not self.pump.connected:
                await self.bench.clock.sleep(1)
            if not isinstance(world, NestLegacyWorld):
                await world.listened_to()
        before = len(self.heard)
        world.move()
        self.told += 1
        await self.bench.clock.sleep(1.5 * POLL_S)
        assert len(self.heard) == before + 1, f"told once: {self.heard[before:]}"

    async def _trouble(self) -> None:
        """Let something go wrong for a while; afterwards all works again, with the user's help where it needs that."""
        bench, clock = self.bench, self.bench.clock
        fault = self.chance.choice(FAULTS)
        self.outages += 1
        await bench.arm(fault, doors=False, lost=fault in LOST.get(bench.key, ()))
        ends = clock.monotonic() + self.chance.uniform(*OUTAGES_S)
        while clock.monotonic() < ends:
            await failure(self._cameras())
            await clock.sleep(self.chance.uniform(30, LOOK_AGAIN_S))
        bench.heal()
        await self._mended(fault)

    async def _mended(self, fault: Fault) -> None:
        clock = self.bench.clock
        limit = clock.monotonic() + MENDED_S
        while error := await failure(self._listed()):
            assert clock.monotonic() < limit, f"{self.bench.key} does not come back after {fault}: {error!r}"
            await self._help(error)
            await clock.sleep(LOOK_AGAIN_S)
        await self._help(self.pump.error)
        await clock.sleep(2 * LOOK_AGAIN_S)
        await self._help(self.pump.error)

    async def _listed(self) -> None:
        cameras = await self._cameras()
        if all(each.online is False for each in cameras):
            raise Dark

    async def _help(self, error: HubError | Dark | None) -> None:
        """Sign in again where a login was refused, and open anew where a line was told that there is none."""
        if not isinstance(error, AuthError) and self.pump.connected:
            return
        if isinstance(error, AuthError) or not isinstance(self.pump.error, Unreachable):
            self.logins += isinstance(error, AuthError)
            await self.pump.close()
            await self._provider.close()
            self._provider, self.pump = self._open()
            if await failure(self._provider.connect()) is None:
                self.pump.start()

    def _key(self, camera: Camera) -> str:
        return f"{self.bench.key}/{camera.id}"

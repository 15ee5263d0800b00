"""The accounts of a town: what is told of each, what stands before it, how its tokens end."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from random import Random
from typing import Any, Final, override

from simulators.faults import Fault, FaultProxy
from simulators.frigate import FrigateSimulator
from simulators.hikvision import HikvisionSimulator
from simulators.nest_legacy import NestLegacySimulator
from simulators.nest_sdm import NestSimulator
from simulators.ring import RingSimulator
from simulators.ring.home import DRIVE, FRONT_DOOR

# An account's tokens end no sooner than this after each other, in seconds.
LEAST_LIFE_S: Final = 90.0
# For so long something is seen.
SEEN_S: Final = (0.5, 4.0)
_ALERTS: Final = "/alertStream"


class Account:
    """One account: what stands before it, what is told of it.

    `happen` lets something be seen and returns its kind, None where nothing can be just now; `rotate` ends its tokens.
    A `fleeting` device keeps nothing for who does not listen, so it is quiet until somebody does.
    """

    key = ""
    fleeting = False

    def __init__(self) -> None:
        """Stand behind nothing yet."""
        self.proxies: list[FaultProxy] = []
        self.told: Counter[str] = Counter()
        self.rotated_at = -LEAST_LIFE_S
        self.ill = False

    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let something be seen and count it; returns what is left to do for it."""
        return None

    def rotate(self) -> None:
        """End the tokens there are."""

    @property
    def listened(self) -> bool:
        """Return whether what is told now would be heard, or kept."""
        return True

    async def arm(self, fault: Fault) -> None:
        """Let something go wrong."""
        self.ill = True
        if self.fleeting:
            # What is under way arrives.
            await asyncio.sleep(1)
        for proxy in self.proxies:
            proxy.fault = fault
            await proxy.cut()

    def heal(self) -> None:
        """Let all be well again."""
        for proxy in self.proxies:
            proxy.fault = None
            proxy.requests.clear()
        self.ill = False


class Frigate(Account):
    """A server; what it tells is kept in its lists."""

    key = "frigate"

    def __init__(self, server: FrigateSimulator) -> None:
        """Take the server."""
        super().__init__()
        self.server = server

    @override
    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let a person or a dog appear and go."""
        unit = chance.choice([each for each in self.server.cameras if "person" in each.track])
        label, kind = chance.choice([(name, kind) for name, kind in _LABELS if name in unit.track])
        self.told[kind] += 1
        return self._go(self.server.happenings.begin(unit.name, label), chance.uniform(*SEEN_S))

    async def _go(self, identifier: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.server.happenings.end(identifier)

    @override
    def rotate(self) -> None:
        """Let the server be restarted with a new secret."""
        self.server.login.forget_tokens()


class Hikvision(Account):
    """A recorder; what it tells while nobody listens is lost."""

    key = "hikvision"
    fleeting = True

    def __init__(self, device: HikvisionSimulator) -> None:
        """Take the device."""
        super().__init__()
        self.device = device
        self._busy: set[int] = set()

    @property
    @override
    def listened(self) -> bool:
        """Return whether somebody has begun to listen since all is well."""
        begun = any(request.target.endswith(_ALERTS) for proxy in self.proxies for request in proxy.requests)
        return begun and self.device.alerts.listeners > 0

    @override
    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let something move before a channel that is quiet."""
        quiet = [
            each.id
            for each in self.device.personality.channels
            if self.device.is_online(each) and each.notifies and each.id not in self._busy
        ]
        if not quiet:
            return None
        channel = chance.choice(quiet)
        self._busy.add(channel)
        self.told["motion"] += 1
        self.device.raise_event(channel)
        return self._go(channel)

    async def _go(self, channel: int) -> None:
        await asyncio.sleep(1)
        self.device.raise_event(channel, state="inactive", count=0)
        # An end that is lost is made up for by a silence; until then it is the same motion.
        await asyncio.sleep(30)
        self._busy.discard(channel)

    @override
    def rotate(self) -> None:
        """Let all nonces be old."""
        self.device.login.forget_nonces()


class Nest(Account):
    """A Google project; messages are kept until they are taken."""

    key = "nest"

    def __init__(self, service: NestSimulator) -> None:
        """Take the service."""
        super().__init__()
        self.service = service

    @override
    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let something move, or somebody ring."""
        device = chance.choice([each for each in self.service.devices if "CameraMotion" in each.traits])
        bell = "DoorbellChime" in device.traits
        self.told["ring" if bell else "motion"] += 1
        seen = self.service.happenings.begin(device, "chime" if bell else "motion")

        async def go() -> None:
            await asyncio.sleep(2)
            self.service.happenings.end(seen)

        return go()

    @override
    def rotate(self) -> None:
        """End the access tokens."""
        self.service.tokens.forget_access()


class NestLegacy(Account):
    """An account of older cameras; they keep a history, which is looked at now and then."""

    key = "nest_legacy"

    def __init__(self, services: NestLegacySimulator) -> None:
        """Take the services."""
        super().__init__()
        self.services = services

    @override
    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let somebody walk by."""
        house = self.services.house
        unit = chance.choice([each for each in house.units if each.state == "streaming-enabled"])
        kind = chance.choice(("motion", "person"))
        self.told[kind] += 1
        seen = house.see(unit.uuid, kind)

        async def go() -> None:
            await asyncio.sleep(chance.uniform(*SEEN_S))
            house.end(unit.uuid, seen)

        return go()

    @override
    def rotate(self) -> None:
        """End all tokens but Google's cookies, which change with each new one."""
        self.services.tokens.revoke()


class Ring(Account):
    """An account; pushes are kept until they are taken, and there is a history."""

    key = "ring"

    def __init__(self, service: RingSimulator) -> None:
        """Take the service."""
        super().__init__()
        self.service = service

    @override
    def happen(self, chance: Random) -> Coroutine[Any, Any, None] | None:
        """Let something move, somebody walk by, or somebody ring."""
        device, kind, person = chance.choice(
            ((DRIVE, "motion", True), (7200000, "motion", False), (FRONT_DOOR, "ding", False))
        )
        self.told["ring" if kind == "ding" else "person" if person else "motion"] += 1
        self.service.see(device, kind, person=person, pictured=True)
        return None

    @override
    def rotate(self) -> None:
        """End the access tokens."""
        self.service.tokens.forget_access()


_LABELS: Final = (("person", "person"), ("car", "vehicle"), ("dog", "animal"), ("cat", "animal"))

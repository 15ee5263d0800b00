"""Cameras of six kinds as one process, and what happens before them and to them: `python -m bench.town`, JSON lines.

`{"do": "open", "folder": ..., "cameras": 60}` answers where all of it is; `live` lets things happen by chance from a
`seed` on, `rest` ends that and heals everything, `told` answers how much there was to tell, by provider and kind.
`server` opens one server of events alone, which `burst` has tell so many a second.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
import json
from pathlib import Path
from random import Random
import ssl
import sys
from typing import Any, Final

from camhub_pi.pattern import Pattern

from demo.world import (
    GOOGLE_SECRET,
    RECORDER_PASSWORD,
    RECORDER_USER,
    RING_CODE,
    RING_PASSWORD,
    RING_USER,
    SERVER_PASSWORD,
    SERVER_USER,
)
from simulators.authority import Authority
from simulators.faults import Fault, FaultProxy, Request
from simulators.frigate import FrigateSimulator
from simulators.hikvision import HikvisionSimulator
from simulators.mjpeg.models import pi_camera, streamer
from simulators.names import Address
from simulators.nest_legacy import HOSTS as LEGACY_HOSTS, NestLegacySimulator
from simulators.nest_sdm import NestSimulator
from simulators.ring import RingSimulator
from simulators.rtsp import RtspServer

from .accounts import LEAST_LIFE_S, Account, Frigate, Hikvision, Nest, NestLegacy, Ring
from .crowd import add_cameras

# How many more than the example an account has; cameras by their address make up what is left.
MORE: Final = {"frigate": 10, "nest": 4, "nest_legacy": 10, "ring": 8}
# Frigate's three and its overview, the recorder's six, Nest's three, the four older ones, Ring's five and the Pi.
OWN: Final = 4 + 7 + 3 + 4 + 5 + 1
FPS: Final = 8
# On the average so many seconds between two things of a kind.
EVENT_S: Final = 3.0
FAULT_S: Final = 25.0
TOKEN_S: Final = 30.0
OUTAGE_S: Final = (5.0, 40.0)
FIGURES_S: Final = 30.0
# A listener that is gone is noticed when it is next told something.
HEARTBEAT_S: Final = 3.0
# After these the user would have to sign in again, or they are about names and certificates, which lie elsewhere.
_OTHERS: Final = {Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.NOT_FOUND, Fault.NO_NAME, Fault.BAD_TLS}
_FLOODS: Final = {Fault.HUGE, Fault.BOMB, Fault.GIANT_HEADER}
FAULTS: Final = tuple(each for each in Fault if each not in _OTHERS | _FLOODS)
# An answer that is lost where tokens are given ends a login, as at the vendor.
_DOORS: Final = frozenset({"oauth.ring.com", "oauth2.googleapis.com", "accounts.google.com"})


class Town:
    """All of it; `answer` obeys one command."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._accounts: list[Account] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._life: list[asyncio.Task[None]] = []
        self._chance = Random(0)
        self._faults: Counter[str] = Counter()
        self._tokens = 0
        self._frigate: FrigateSimulator | None = None

    async def answer(self, command: dict[str, Any]) -> Any:
        """Do what is said."""
        match command:
            case {"do": "open", "folder": folder, "cameras": cameras}:
                return await self._open(Path(folder), int(cameras))
            case {"do": "server"}:
                await self._server()
                return {"server": self._frigate.url if self._frigate else ""}
            case {"do": "live", "seed": seed}:
                self._chance = Random(seed)
                self._life = [asyncio.create_task(each()) for each in (self._happen, self._trouble, self._rotate)]
            case {"do": "rest"}:
                await self._rest()
            case {"do": "told"}:
                kinds = {f"{each.key} {kind}": n for each in self._accounts for kind, n in each.told.items()}
                return {"events": kinds, "faults": dict(self._faults), "tokens": self._tokens}
            case {"do": "burst", "rate": rate, "seconds": seconds}:
                return await self._burst(float(rate), float(seconds))
        return None

    # What there is.

    async def _open(self, folder: Path, cameras: int) -> dict[str, Any]:
        """Start everything; answer where it is."""
        authority = Authority(folder / "authority")
        names: dict[str, Address] = {}
        environment = {
            "SSL_CERT_FILE": str(authority.file),
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority.file),
        }
        server, restream = await self._server()
        recorder = await self._recorder()
        legacy, login = await self._legacy(authority, names)
        google, tunnel = await self._google(authority, names)
        ring = await self._ring(authority, names)
        environment["grpc_proxy"] = f"http://127.0.0.1:{tunnel.port}"
        plain = await self._plain(cameras - OWN - sum(MORE.values()) + 1)
        self._accounts += [server, recorder, legacy, google, ring]
        return {
            "names": names,
            "environment": environment,
            "server": f"http://127.0.0.1:{server.proxies[0].port}",
            "restream": restream,
            "recorder": f"http://127.0.0.1:{recorder.proxies[0].port}",
            "legacy": login,
            "plain": plain,
        }

    async def _server(self) -> tuple[Account, int]:
        server = FrigateSimulator(user=SERVER_USER, password=SERVER_PASSWORD)
        self._frigate = server
        add_cameras(server, MORE["frigate"])
        streams = RtspServer({f"/{name}": name for name in server.streams}, width=320, height=180)
        await server.start()
        account = Frigate(server)
        account.proxies = [await _before(("127.0.0.1", int(server.url.rpartition(":")[2])))]
        self._keep(self._figures(server))
        return account, await streams.start()

    async def _figures(self, server: FrigateSimulator) -> None:
        while True:
            await asyncio.sleep(FIGURES_S)
            server.line.tell("stats", server.stats())

    async def _recorder(self) -> Account:
        paths = ["/Streaming/Channels/001"]
        streams = RtspServer(paths, RECORDER_USER, RECORDER_PASSWORD, seconds=1, width=160, height=96)
        port = await streams.start()
        device = HikvisionSimulator(model="nvr", user=RECORDER_USER, password=RECORDER_PASSWORD, rtsp_port=port)
        streams.paths |= {
            f"/Streaming/Channels/{each.id}0{stream}": each.name
            for each in device.personality.channels
            for stream in (1, 2)
        }
        device.alerts.wire.heartbeat_s = HEARTBEAT_S
        await device.start()
        account = Hikvision(device)
        account.proxies = [await _before(("127.0.0.1", int(device.url.rpartition(":")[2])))]
        return account

    async def _legacy(self, authority: Authority, names: dict[str, Address]) -> tuple[Account, dict[str, str]]:
        services = NestLegacySimulator()
        add_cameras(services, MORE["nest_legacy"])
        port = await services.start(authority.server(*LEGACY_HOSTS))
        account = NestLegacy(services)
        led = dict.fromkeys(LEGACY_HOSTS, ("127.0.0.1", port))
        account.proxies = await _before_services(led, authority, names)
        google = services.google
        return account, {"issue_token": google.issue_token, "cookies": google.cookies}

    async def _google(self, authority: Authority, names: dict[str, Address]) -> tuple[Account, FaultProxy]:
        service = NestSimulator(authority, secret=GOOGLE_SECRET, redirects=("*",))
        add_cameras(service, MORE["nest"])
        await service.start()
        account = Nest(service)
        tunnel = await _before(("127.0.0.1", int(service.proxy.rpartition(":")[2])))
        account.proxies = [*await _before_services(service.names, authority, names), tunnel]
        self._keep(self._expire(service))
        return account, tunnel

    async def _expire(self, service: NestSimulator) -> None:
        while True:
            await asyncio.sleep(1)
            service.streams.expire()
            service.pubsub.wake()

    async def _ring(self, authority: Authority, names: dict[str, Address]) -> Account:
        service = RingSimulator(authority, user=RING_USER, password=RING_PASSWORD, code=RING_CODE)
        add_cameras(service, MORE["ring"])
        service.signalling.codec = "VP8"
        await service.start()
        account = Ring(service)
        account.proxies = await _before_services(service.names, authority, names)
        return account

    async def _plain(self, count: int) -> list[str]:
        """Start cameras by their address; return the addresses of their streams, the Pi's first."""
        pattern = Pattern(640, 480, "Street")
        pictures = [await asyncio.to_thread(pattern.jpeg, number / FPS) for number in range(5 * FPS)]

        async def frames() -> AsyncIterator[bytes]:
            while True:
                for each in pictures:
                    yield each
                    await asyncio.sleep(1 / FPS)

        found: list[str] = []
        for number in range(count):
            server = streamer(frames, pictures[0]) if number else pi_camera(frames)
            await server.start()
            account = Account()
            account.key = "mjpeg"
            account.proxies = [await _before(("127.0.0.1", server.port))]
            self._accounts.append(account)
            found.append(f"http://127.0.0.1:{account.proxies[0].port}{'/stream' if number else '/stream.mjpg'}")
        return found

    # What happens.

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _happen(self) -> None:
        """Let accounts see something, now this one and now that."""
        telling = [each for each in self._accounts if each.key != "mjpeg"]
        while True:
            await asyncio.sleep(self._chance.expovariate(len(telling) / EVENT_S))
            account = self._chance.choice(telling)
            if account.fleeting and (account.ill or not account.listened):
                continue
            if (rest := account.happen(self._chance)) is not None:
                self._keep(rest)

    async def _trouble(self) -> None:
        """Let something go wrong for a while, again and again."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / FAULT_S))
            well = [each for each in self._accounts if not each.ill]
            # Half of it at home, where most of the accounts are.
            clouds = [each for each in well if each.key != "mjpeg"]
            account = self._chance.choice(clouds if clouds and self._chance.random() < 0.6 else well)
            fault = self._chance.choice(FAULTS)
            self._faults[f"{account.key}: {fault}"] += 1
            self._keep(self._outage(account, fault, self._chance.uniform(*OUTAGE_S)))

    async def _outage(self, account: Account, fault: Fault, seconds: float) -> None:
        await account.arm(fault)
        await asyncio.sleep(seconds)
        account.heal()

    async def _rotate(self) -> None:
        """Let tokens end."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / TOKEN_S))
            now = asyncio.get_running_loop().time()
            last = {each: each.rotated_at for each in self._accounts if each.key != "mjpeg"}
            # A new token that is refused at once is taken for one that will always be.
            if rested := [each for each, at in last.items() if now - at > LEAST_LIFE_S]:
                self._tokens += 1
                account = self._chance.choice(rested)
                account.rotated_at = now
                account.rotate()

    async def _rest(self) -> None:
        """Let nothing more happen."""
        for task in self._life:
            task.cancel()
        for account in self._accounts:
            if account.ill:
                account.heal()

    async def _burst(self, rate: float, seconds: float) -> dict[str, float]:
        """Have the server's cameras see somebody, so many times a second; answer how many and how long it took."""
        if self._frigate is None:
            raise RuntimeError("the town is not open")
        loop = asyncio.get_running_loop()
        begun, number = loop.time(), 0
        names = [each.name for each in self._frigate.cameras if "person" in each.track]
        while loop.time() - begun < seconds:
            await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
            identifier = self._frigate.happenings.begin(names[number % len(names)])
            loop.call_later(1, self._frigate.happenings.end, identifier)
            number += 1
        return {"told": number, "seconds": loop.time() - begun}


def _spare_doors(request: Request) -> bool:
    return request.host in _DOORS


async def _before(
    upstream: Address, certificate: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> FaultProxy:
    """Put a proxy before a server."""
    proxy = FaultProxy(
        upstream=upstream,
        certificate=certificate,
        tls=tls,
        spare=_spare_doors,
        elsewhere="https://elsewhere.example/",
        loopback="http://127.0.0.1:9/",
    )
    await proxy.start()
    return proxy


async def _before_services(
    led: dict[str, Address], authority: Authority, names: dict[str, Address]
) -> list[FaultProxy]:
    """Put proxies before services under their own names, and lead the names there."""
    proxies: list[FaultProxy] = []
    for place in sorted(set(led.values())):
        hosts = sorted(name for name, to in led.items() if to == place)
        tls = authority.client()
        tls.check_hostname = False
        proxy = await _before(place, authority.server(*hosts), tls)
        names.update(dict.fromkeys(hosts, ("127.0.0.1", proxy.port)))
        proxies.append(proxy)
    return proxies


async def obey() -> None:
    """Obey stdin until it ends."""
    town = Town()
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await town.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(obey())

"""One provider in its world, with a fault proxy before everything it reaches."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
import json
from pathlib import Path
import socket
import ssl
from typing import Final

from camhub_pi.pattern import Pattern
import pytest

from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Context, Provider, WebRtc
from custom_components.camhub.providers import load
from simulators.authority import Authority
from simulators.faults import BY_NAME, Fault, FaultProxy, Request
from simulators.names import NOWHERE, Address, Names
from tests.contexts import Contexts, SavedTokens
from tests.contract.conftest import Applicant
from tests.contract.worlds import WORLDS, HikvisionWorld, NestWorld, Surroundings, World, of_device
from tests.webrtc_viewer import Viewer

from .loop import LoopClock

# What the devices at home are called; services have their own names.
HOME: Final = "camera.home.example"
ELSEWHERE: Final = "elsewhere.example"
JPEG: Final = Pattern(64, 48).jpeg(1)
# Who gives tokens: a refusal there is another thing than one of the token.
DOORS: Final = (
    "oauth.ring.com",
    "accounts.google.com",
    "nestauthproxyservice-pa.googleapis.com",
    "www.googleapis.com/oauth2",
)
_OF_CREDENTIALS: Final = frozenset({Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.NOT_FOUND})


class Lens:
    """Opens what it is given, as an engine would, and returns a picture."""

    def __init__(self, offer: str) -> None:
        self.offer = offer

    async def grab(self, address: str, timeout: float) -> bytes:
        return JPEG

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        lease = await live.open(self.offer, lambda _: None)
        await lease.release()
        return JPEG


class Trap:
    """Listens where nobody may be led to."""

    def __init__(self) -> None:
        self.caught = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._catch, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def _catch(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.caught += 1
        writer.transport.abort()


@dataclass(kw_only=True)
class Bench:
    """`proxies` stand before all that the provider reaches, `names` lead to them; `folder` is for pictures."""

    key: str
    world: World
    clock: LoopClock
    names: dict[str, Address]
    proxies: Sequence[FaultProxy]
    contexts: Contexts
    trap: Trap
    lens: Lens
    folder: Path
    dead: socket.socket
    tokens: SavedTokens = field(default_factory=SavedTokens)
    stored: Mapping[str, JsonValue] = field(default_factory=dict)
    _usual: dict[str, Address] = field(default_factory=dict)

    def context(self, clock: LoopClock | None = None) -> Context:
        return self.contexts.make(
            self.tokens.saved[-1] if self.tokens.saved else self.stored,
            clock=clock or self.clock,
            grabber=self.lens,
            tokens=self.tokens,
        )

    def open(self, clock: LoopClock | None = None) -> Provider:
        """Return the account, opened with what is stored by now."""
        return load(self.key).open(self.context(clock))

    async def arm(self, fault: Fault, *, doors: bool, lost: bool = False) -> None:
        """Let something go wrong from now on, for who gives tokens as well if `doors` and if none would be `lost`."""
        spare_doors = lost or (fault in _OF_CREDENTIALS and not doors)
        self._usual = dict(self.names)
        for proxy in self.proxies:
            proxy.fault = fault
            proxy.spare = _is_door if spare_doors else _nobody
        if fault in BY_NAME:
            place = NOWHERE if fault is Fault.NO_NAME else self.dead.getsockname()
            self.names.update(dict.fromkeys(self.names, place))
        for proxy in self.proxies:
            await of_device(proxy.cut())

    def heal(self) -> None:
        """Let all be well again; lines that are up stay as they are."""
        self.names.update(self._usual)
        for proxy in self.proxies:
            proxy.fault = None

    @property
    def requests(self) -> int:
        return sum(len(proxy.requests) for proxy in self.proxies)

    @property
    def taken(self) -> int:
        """Return how many bytes of bodies without end were taken."""
        return sum(proxy.sent for proxy in self.proxies)

    async def left_alone(self) -> None:
        """Return when nobody is connected any more."""
        for proxy in self.proxies:
            await proxy.idle()


def _is_door(request: Request) -> bool:
    return f"{request.host}{request.target}".startswith(DOORS)


def _nobody(_: Request) -> bool:
    return False


async def _offer() -> str:
    async with Viewer("H264", "audio", "video") as viewer:
        return await viewer.offer()


@asynccontextmanager
async def bench(key: str, authority: Authority, strangers: Authority, folder: Path) -> AsyncIterator[Bench]:
    """Run a provider's world behind proxies, and sign in there once."""
    clock, names = LoopClock(), dict[str, Address]()
    around = Surroundings(clock=clock, authority=authority, names=names)
    trap, dead = Trap(), socket.socket()
    dead.bind(("127.0.0.1", 0))
    await of_device(trap.start())
    proxies: list[FaultProxy] = []
    lens = Lens(await _offer() if key in {"nest", "ring"} else "")
    with ExitStack() as stack:
        stack.callback(dead.close)
        stack.callback(trap.stop)
        async with WORLDS[key](around) as world:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            if isinstance(world, HikvisionWorld):
                # It notices by them who has left.
                world.device.alerts.wire.heartbeat_s = 25
            if isinstance(world, NestWorld):
                # gRPC works in threads, whose time does not jump.
                world.right = {**world.right, "topic": {"topic": "no_events"}}
            make = _Maker(authority, strangers, trap)
            proxies += await (make.before_home(world, names) if not names else make.before_services(names))
            if hasattr(world, "service") and hasattr(world.service, "proxy"):
                proxies.append(await make.before_tunnel(world.service.proxy, patch))
            names[ELSEWHERE] = ("127.0.0.1", trap.port)
            if not hasattr(world, "service"):
                patch.setattr(socket, "getaddrinfo", Names(names).led(socket.getaddrinfo))
            contexts = Contexts(clock, authority, names)
            made = Bench(
                key=key,
                world=world,
                clock=clock,
                names=names,
                proxies=proxies,
                contexts=contexts,
                trap=trap,
                lens=lens,
                folder=folder,
                dead=dead,
            )
            account = await load(key).sign_in(made.context(), Applicant(key=key, world=world))
            made.stored = json.loads(json.dumps(account.credentials))
            made.tokens.saved.clear()
            try:
                yield made
            finally:
                await contexts.close()
                for proxy in proxies:
                    await of_device(proxy.stop())


class _Maker:
    """Puts proxies before what a world listens on."""

    def __init__(self, authority: Authority, strangers: Authority, trap: Trap) -> None:
        self._authority = authority
        self._strangers = strangers
        self._trap = trap

    async def before_home(self, world: World, names: dict[str, Address]) -> Sequence[FaultProxy]:
        """Give a device at home a name and a certificate."""
        host, _, port = world.url.rpartition("/")[2].partition(":")
        proxy = await self._started((host, int(port)), (HOME,), tls=None)
        names[HOME] = ("127.0.0.1", proxy.port)
        old, new = world.url, f"https://{HOME}"
        for pages in (world.right, world.wrong):
            for page, answers in pages.items():
                moved = {
                    name: value.replace(old, new) if isinstance(value, str) else value
                    for name, value in answers.items()
                }
                assert isinstance(pages, dict)
                pages[page] = moved
        return [proxy]

    async def before_services(self, names: dict[str, Address]) -> Sequence[FaultProxy]:
        """Stand before services under their own names."""
        proxies: list[FaultProxy] = []
        for place in sorted(set(names.values())):
            hosts = sorted(name for name, led in names.items() if led == place)
            tls = self._authority.client()
            tls.check_hostname = False
            proxy = await self._started(place, tuple(hosts), tls=tls)
            names.update(dict.fromkeys(hosts, ("127.0.0.1", proxy.port)))
            proxies.append(proxy)
        return proxies

    async def before_tunnel(self, address: str, patch: pytest.MonkeyPatch) -> FaultProxy:
        """Stand before the way that gRPC takes."""
        proxy = await self._started(("127.0.0.1", int(address.rpartition(":")[2])), (), tls=None)
        patch.setenv("grpc_proxy", f"http://127.0.0.1:{proxy.port}")
        return proxy

    async def _started(self, upstream: Address, hosts: Sequence[str], *, tls: ssl.SSLContext | None) -> FaultProxy:
        proxy = FaultProxy(
            upstream=upstream,
            certificate=self._authority.server(*hosts) if hosts else None,
            stranger=self._strangers.server(*(hosts or ("pubsub.googleapis.com",))),
            tls=tls,
            elsewhere=f"https://{ELSEWHERE}/",
            loopback=f"http://127.0.0.1:{self._trap.port}/",
        )
        await of_device(proxy.start())
        return proxy

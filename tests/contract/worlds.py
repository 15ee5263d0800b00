"""One world for each provider: its simulated device on a real socket, and what a user knows of it.

A new provider gets a `World` of its own here and a line in `WORLDS`; the tests beside this file then ask it what they
ask of all.
"""

from abc import ABC, abstractmethod
import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
import socket
from typing import Any, Final, Protocol, override
from urllib.parse import quote, urlsplit

import aiohttp
from camhub_pi.pattern import Pattern
import pytest
from yarl import URL

from custom_components.camhub.kernel.signin import Answers, Consent
from simulators.authority import Authority
from simulators.frigate import FrigateSimulator
from simulators.hikvision import HikvisionSimulator, Login
from simulators.hikvision.login import Verdict
from simulators.mjpeg import burst, silence
from simulators.mjpeg.models import streamer
from simulators.names import Address, Names
from simulators.nest_legacy import HOSTS, NestLegacySimulator
from simulators.nest_sdm import NestSimulator
from simulators.nest_sdm.server import PROJECT
from simulators.ring import RingSimulator
from simulators.ring.home import DRIVE, SHED
from simulators.rtsp import RtspServer
from simulators.rtsp.access import Access
from tests.fake_clock import FakeClock, settle, until

USER: Final = "camhub-viewer"
# Of letters that look different in an address, in a header and in JSON.
PASSWORD: Final = 'p@ss "w/rd#1é'
WRONG: Final = "n0t:the/right&one"
# Seconds between two looks at a history, where nobody set another number.
POLL_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What worlds are made in: the test's time, who signs certificates, what host names lead to."""

    clock: FakeClock
    authority: Authority
    names: dict[str, Address]


_OF_DEVICE: Final[ContextVar[bool]] = ContextVar("of_device", default=False)


async def of_device[T](work: Coroutine[Any, Any, T]) -> T:
    """Do something as the device: the tasks that come of it, now or when a client connects, are the device's."""
    context = copy_context()
    context.run(_OF_DEVICE.set, True)
    return await asyncio.create_task(work, context=context)


def tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks there are but for the device's and the one that asks."""
    return {task for task in asyncio.all_tasks() if not task.get_context().get(_OF_DEVICE, False)} - {
        asyncio.current_task()
    }


async def nothing_left(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task is left but those of before: gRPC ends its calls a moment later by itself."""
    await until(lambda: tasks() <= before)


def spellings(password: str) -> set[str]:
    """Return a password as it may look in an address, in a header and in a text that was made of it."""
    return {
        password,
        quote(password),
        quote(password, safe=""),
        repr(password)[1:-1],
        password.encode("unicode_escape").decode(),
        base64.b64encode(f"{USER}:{password}".encode()).decode(),
    }


class World(ABC):
    """One device and what is known of it.

    `right` and `wrong` are answers by page of the sign-in, the second with a password that the device refuses.
    `capabilities` are the fields of `Camera` that its cameras fill, `tells` is whether they have events.
    """

    right: Mapping[str, Answers]
    wrong: Mapping[str, Answers]
    capabilities: frozenset[str]
    tells: bool = False

    @property
    def password(self) -> str:
        """Return what must be kept to connect again."""
        return PASSWORD

    @property
    def secrets(self) -> set[str]:
        """Return what must be seen nowhere."""
        return spellings(PASSWORD) | spellings(WRONG)

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the device's base address."""

    @property
    def addresses(self) -> set[str]:
        """Return what of the address must not be in a bug report."""
        found = urlsplit(self.url)
        return {found.netloc, str(found.hostname), f":{found.port}"}

    @property
    @abstractmethod
    def calls(self) -> int:
        """Return how often the device was asked for anything."""

    @property
    @abstractmethod
    def refused(self) -> int:
        """Return how many logins the device refused, with the password it has now."""

    @abstractmethod
    async def unplug(self) -> None:
        """Take the device off the network."""

    @abstractmethod
    def change_password(self) -> None:
        """Let the device refuse the password that was right until now."""

    @abstractmethod
    def fall_silent(self) -> None:
        """Let the device take requests and answer none."""

    @abstractmethod
    async def asked(self) -> None:
        """Return when the silent device has been asked something."""

    @abstractmethod
    async def left_alone(self) -> None:
        """Return when nobody watches or listens to the device."""

    async def listened_to(self) -> None:
        """Return when somebody waits for events."""
        raise NotImplementedError

    @property
    def passing(self) -> frozenset[str]:
        """Return the credentials that are others at each sign-in."""
        return frozenset()

    def move(self) -> None:
        """Let something move before a camera."""
        raise NotImplementedError

    async def consent(self, question: Consent) -> Answers:
        """Allow what a page of the vendor's asks for, in the browser."""
        raise NotImplementedError


class Simulated(Protocol):
    """What the simulators of the vendors have in common."""

    @property
    def requests(self) -> Counter[str]:
        """Return how often each path was asked for."""

    async def stop(self) -> None:
        """Stop listening."""

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition holds."""


class Slowed(Protocol):
    """Switches that can delay every answer."""

    slow_s: float


class SimulatedWorld(World):
    """A world whose server counts requests, can be slowed down, and can be waited for."""

    def __init__(self, simulated: Simulated, faults: Slowed) -> None:
        """Take the started server and its switches."""
        self._simulated = simulated
        self._faults = faults
        self._before = 0

    @property
    @override
    def calls(self) -> int:
        return self._simulated.requests.total()

    @override
    async def unplug(self) -> None:
        await self._simulated.stop()

    @override
    def fall_silent(self) -> None:
        self._before = self.calls
        # For ever: it is cancelled when the server stops.
        self._faults.slow_s = 86400

    @override
    async def asked(self) -> None:
        await self._simulated.wait_until(lambda: self.calls > self._before)


class CountingLogin(Login):
    """A device's door that counts all wrong passwords; the device itself forgets them when a right one comes."""

    wrong = 0

    @override
    def judge(self, method: str, target: str, authorization: str | None) -> Verdict:
        verdict = super().judge(method, target, authorization)
        self.wrong += verdict is Verdict.WRONG
        return verdict


class HikvisionWorld(SimulatedWorld):
    """A recorder with six network cameras, one of them off, and a zero channel; it asks for Digest.

    The zero channel's pictures come out of its stream only.
    """

    capabilities = frozenset({"stills", "rtsp", "clips"})
    tells = True

    def __init__(self, device: HikvisionSimulator, streams: RtspServer) -> None:
        """Take the started device and its streams."""
        super().__init__(device, device.faults)
        self.device = device
        self.streams = streams
        old = device.login
        self.login = CountingLogin(username=USER, password=PASSWORD, realm=old.realm, monotonic=old.monotonic)
        device.login = self.login
        typed: Answers = {"address": device.url, "username": USER, "stream": "main", "verify_tls": True}
        self.right = {"device": {**typed, "password": PASSWORD}}
        self.wrong = {"device": {**typed, "password": WRONG}}

    @property
    @override
    def url(self) -> str:
        return self.device.url

    @property
    @override
    def calls(self) -> int:
        return super().calls + self.streams.connections

    @property
    @override
    def refused(self) -> int:
        return self.login.wrong + self.streams.access.refused

    @override
    async def unplug(self) -> None:
        await super().unplug()
        await self.streams.stop()

    @override
    def change_password(self) -> None:
        self.login.password = "another example"
        self.login.wrong = 0
        self.streams.access = Access(USER, self.login.password)
        self.device.reboot()

    @override
    async def left_alone(self) -> None:
        self.device.heartbeat()
        while self.device.alerts.listeners:
            # A device notices that a listener is gone when it next tells it something.
            self.device.heartbeat()
            await asyncio.sleep(0)

    @override
    async def listened_to(self) -> None:
        await self.device.wait_for_listeners()

    @override
    def move(self) -> None:
        self.device.raise_event(1)


class MjpegWorld(World):
    """A small streaming server with a stream, single pictures and a status page, all behind Basic."""

    capabilities = frozenset({"stills", "mjpeg"})

    def __init__(self) -> None:
        """Prepare the server: as many pictures at once as a sign-in counts, and then none."""
        pattern = Pattern(64, 48)
        pictures = [pattern.jpeg(number) for number in range(40)]
        self.server = streamer(burst(pictures), pictures[0], access=Access(USER, PASSWORD, ("basic",)))

    async def start(self) -> None:
        """Listen, and learn the address."""
        await self.server.start()
        typed: Answers = {"address": self.server.address("/stream"), "username": USER, "verify_tls": True}
        named: Answers = {"name": "Porch"}
        self.right = {"address": {**typed, "password": PASSWORD}, "confirm": named}
        self.wrong = {"address": {**typed, "password": WRONG}}

    @property
    @override
    def url(self) -> str:
        return self.server.address()

    @property
    @override
    def calls(self) -> int:
        return self.server.connections

    @property
    @override
    def refused(self) -> int:
        return self.server.access.refused

    @override
    async def unplug(self) -> None:
        await self.server.stop()

    @override
    def change_password(self) -> None:
        self.server.access = Access(USER, "another example", ("basic",))

    @override
    def fall_silent(self) -> None:
        self.server.asked.clear()
        self.server.access = Access("", "")
        self.server.routes = dict.fromkeys(self.server.routes, silence)

    @override
    async def asked(self) -> None:
        await self.server.asked.wait()

    @override
    async def left_alone(self) -> None:
        await self.server.idle()


class FrigateWorld(SimulatedWorld):
    """A server of the last version with HLS: three cameras and the birdseye, one of them restreamed by another name."""

    capabilities = frozenset({"stills", "rtsp", "webrtc", "mjpeg", "hls", "clips"})
    tells = True

    def __init__(self, server: FrigateSimulator) -> None:
        """Take the started server."""
        super().__init__(server, server.faults)
        self.server = server
        typed: Answers = {"address": server.url, "verify_tls": True, "live": "auto"}
        self.right = {"server": typed, "login": {"username": USER, "password": PASSWORD}}
        self.wrong = {"login": {"username": USER, "password": WRONG}}

    @property
    @override
    def url(self) -> str:
        return self.server.url

    @property
    @override
    def refused(self) -> int:
        return self.server.login.failed

    @override
    def change_password(self) -> None:
        self.server.change_password(USER, "another example")
        self.server.login.failed = 0

    @override
    async def left_alone(self) -> None:
        await self.server.wait_until(lambda: not self.server.watching and not self.server.line.listeners)

    @override
    async def listened_to(self) -> None:
        await self.server.wait_until(lambda: self.server.line.listeners > 0)

    @override
    def move(self) -> None:
        self.server.happenings.begin("driveway", "person", zones=("gate",))


class NestWorld(SimulatedWorld):
    """A project with three cameras: one of the old app, which is on, a battery camera and a doorbell.

    The client's secret is the password.
    """

    capabilities = frozenset({"stills", "rtsp", "webrtc", "previews"})
    tells = True
    back = "https://home.example/auth/external/callback"

    def __init__(self, service: NestSimulator, session: aiohttp.ClientSession) -> None:
        """Take the started service, and the user's browser."""
        super().__init__(service, service.faults)
        self.service = service
        self.browser = session
        typed: Answers = {
            "project_id": PROJECT,
            "cloud_project_id": service.client.cloud_project,
            "client_id": service.client.id,
        }
        self.right = {
            "project": {**typed, "client_secret": PASSWORD},
            "topic": {"topic": "create_new"},
            "console": {},
        }
        self.wrong = {"project": {**typed, "client_secret": WRONG}}

    @property
    @override
    def secrets(self) -> set[str]:
        return super().secrets | self.service.tokens.issued

    @property
    @override
    def url(self) -> str:
        return f"https://smartdevicemanagement.googleapis.com:{self.service.port}"

    @property
    @override
    def calls(self) -> int:
        return super().calls + self.service.push.connections + self.service.streams.rtsp.connections

    @property
    @override
    def refused(self) -> int:
        return self.service.tokens.refused

    @override
    def change_password(self) -> None:
        self.service.client.secret = "another example"
        self.service.tokens.forget_access()
        self.service.tokens.refused = 0

    @override
    async def left_alone(self) -> None:
        await self.service.wait_until(lambda: self.service.push.listeners == 0)
        await self.service.streams.rtsp.idle()

    @override
    async def listened_to(self) -> None:
        await self.service.wait_until(lambda: self.service.push.listeners > 0)

    @override
    def move(self) -> None:
        self.service.happenings.begin(self.service.device("wired"), "motion")

    @override
    async def consent(self, question: Consent) -> Answers:
        page = URL(question.url).update_query(redirect_uri=self.back, scope=" ".join(question.scopes), state="1")
        form = [("choice", "allow"), *(("device", each.id) for each in self.service.devices)]
        async with self.browser.post(page, data=form, allow_redirects=False) as sent:
            return {"code": URL(sent.headers["Location"]).query["code"], "redirect_uri": self.back}


class NestLegacyWorld(SimulatedWorld):
    """A Google account with cameras in two regions, one of them switched off and one away; the history is polled."""

    capabilities = frozenset({"stills"})
    tells = True

    def __init__(self, services: NestLegacySimulator, clock: FakeClock) -> None:
        """Take the started services."""
        super().__init__(services, services.faults)
        self.services = services
        self.clock = clock
        google = services.google
        self._pasted = google.issue_token
        foreign = "; ".join(f"{name}=foreign-cookie" for name in ("SID", "SIDCC", "__Secure-3PSID"))
        way: Answers = {"credential": "google"}
        self.right = {"way": way, "google": {"issue_token": self._pasted, "cookies": f"Cookie: {google.cookies}"}}
        self.wrong = {"google": {"issue_token": self._pasted, "cookies": foreign}}

    @property
    @override
    def password(self) -> str:
        return self._pasted

    @property
    @override
    def secrets(self) -> set[str]:
        return {self._pasted, "foreign-cookie"} | self.services.secrets

    @property
    @override
    def url(self) -> str:
        return f"https://127.0.0.1:{self.services.port}"

    @property
    @override
    def refused(self) -> int:
        return self.services.google.refused

    @override
    async def unplug(self) -> None:
        await super().unplug()
        await of_device(self._pass_time())

    @override
    def change_password(self) -> None:
        self.services.revoke()

    @override
    async def left_alone(self) -> None:
        """Nobody stays: each look is a request of its own."""

    @override
    async def listened_to(self) -> None:
        # A look ends with the wait for the next one, which is never as long as a time limit.
        while not (self.clock.sleepers and 0 < abs(self.clock.slept[-1] - POLL_S) < POLL_S / 5):
            await settle()

    @override
    def move(self) -> None:
        self.services.house.see("a1" * 16, "person")
        context = copy_context()
        context.run(_OF_DEVICE.set, True)
        self._moving = asyncio.create_task(self._pass_time(), context=context)

    async def _pass_time(self) -> None:
        """Let the next look come, and no time limit of it."""
        await self.clock.advance(POLL_S * 1.1)


class RingWorld(SimulatedWorld):
    """An account in the cloud; it sends a code, and lets the password be kept. Cameras that are off are not asked."""

    capabilities = frozenset({"stills", "webrtc", "clips"})
    tells = True

    def __init__(self, service: RingSimulator) -> None:
        """Take the started service."""
        super().__init__(service, service.faults)
        self.service = service
        typed: Answers = {"username": service.tokens.user, "password": PASSWORD, "keep_password": True}
        self.right = {"account": typed, "code_sms": {"code": service.tokens.code}}
        self.wrong = {"account": {**typed, "password": WRONG}}

    @property
    @override
    def secrets(self) -> set[str]:
        return super().secrets | self.service.tokens.secrets

    @property
    @override
    def passing(self) -> frozenset[str]:
        return frozenset({"grant"})

    @property
    @override
    def url(self) -> str:
        return f"https://127.0.0.1:{self.service.web_port}"

    @property
    @override
    def refused(self) -> int:
        return self.service.tokens.refused

    @override
    def change_password(self) -> None:
        self.service.change_password("another example")
        self.service.tokens.refused = 0

    @override
    async def left_alone(self) -> None:
        await self.service.wait_until(lambda: not self.service.push.listeners and not self.service.signalling.views)

    @override
    async def listened_to(self) -> None:
        await self.service.wait_until(lambda: self.service.push.listeners > 0)

    @override
    def move(self) -> None:
        self.service.see(DRIVE, person=True)


@asynccontextmanager
async def ring(around: Surroundings) -> AsyncIterator[World]:
    """Run the service by the test's clock, under its real names; the push library opens sockets of its own."""
    clock = around.clock
    service = RingSimulator(around.authority, user="v@example.com", password=PASSWORD, now=clock.now, sleep=clock.sleep)
    service.home.lists["stickup_cams"] = [each for each in service.home.lists["stickup_cams"] if each["id"] != SHED]
    await of_device(service.start())
    around.names.update(service.names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", Names(around.names).led(socket.getaddrinfo))
        patch.setenv("SSL_CERT_FILE", str(around.authority.file))
        try:
            yield RingWorld(service)
        finally:
            await of_device(service.stop())


@asynccontextmanager
async def nest_legacy(around: Surroundings) -> AsyncIterator[World]:
    """Run the services by the test's clock, under their real names."""
    services = NestLegacySimulator(now=around.clock.now)
    port = await of_device(services.start(around.authority.server(*HOSTS)))
    around.names.update(dict.fromkeys(HOSTS, ("127.0.0.1", port)))
    try:
        yield NestLegacyWorld(services, around.clock)
    finally:
        await of_device(services.stop())


@asynccontextmanager
async def nest(around: Surroundings) -> AsyncIterator[World]:
    """Run the service by the test's clock, under its real names; gRPC finds its way there through a proxy."""
    clock = around.clock
    service = NestSimulator(
        around.authority, secret=PASSWORD, redirects=(NestWorld.back,), now=clock.now, monotonic=clock.monotonic
    )
    await of_device(service.start())
    around.names.update(service.names)
    connector = aiohttp.TCPConnector(resolver=Names(around.names), ssl=around.authority.client())
    async with aiohttp.ClientSession(connector=connector) as browser:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("grpc_proxy", service.proxy)
            patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(around.authority.file))
            try:
                yield NestWorld(service, browser)
            finally:
                await of_device(service.stop())


@asynccontextmanager
async def frigate(around: Surroundings) -> AsyncIterator[World]:
    """Run the server by the test's clock."""
    server = FrigateSimulator(user=USER, password=PASSWORD, now=around.clock.now, monotonic=around.clock.monotonic)
    await of_device(server.start())
    try:
        yield FrigateWorld(server)
    finally:
        await of_device(server.stop())


@asynccontextmanager
async def hikvision(around: Surroundings) -> AsyncIterator[World]:
    """Run the recorder by the test's clock."""
    streams = RtspServer(["/Streaming/Channels/001"], USER, PASSWORD, seconds=1, width=160, height=96)
    device = HikvisionSimulator(
        model="nvr",
        user=USER,
        password=PASSWORD,
        rtsp_port=await of_device(streams.start()),
        now=around.clock.now,
        monotonic=around.clock.monotonic,
    )
    device.alerts.wire.heartbeat_s = 0
    await of_device(device.start())
    try:
        yield HikvisionWorld(device, streams)
    finally:
        await of_device(device.stop())
        await of_device(streams.stop())


@asynccontextmanager
async def mjpeg(around: Surroundings) -> AsyncIterator[World]:
    """Run the streaming server."""
    world = MjpegWorld()
    await of_device(world.start())
    try:
        yield world
    finally:
        await of_device(world.server.stop())


type Make = Callable[[Surroundings], AbstractAsyncContextManager[World]]

WORLDS: Final[Mapping[str, Make]] = {
    "frigate": frigate,
    "hikvision": hikvision,
    "mjpeg": mjpeg,
    "nest": nest,
    "nest_legacy": nest_legacy,
    "ring": ring,
}

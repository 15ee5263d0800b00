"""A provider that does what a test tells it to, so that the hub is tested without a vendor."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, override

from custom_components.camhub.kernel.discovery import Discovered, Found
from custom_components.camhub.kernel.endpoints import Endpoint
from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.model import (
    Account,
    CameraEvent,
    DeviceIdentity,
    EventKind,
    Image,
    JsonValue,
    TokenStatus,
)
from custom_components.camhub.kernel.provider import Camera, Context, Health, Provider, WebRtcSession
from custom_components.camhub.kernel.signin import Answers, Ask, Field, FieldKind, Form, until_accepted
from custom_components.camhub.kernel.spec import ProviderSpec
from tests.sentinel import MARK

from .pictures import jpeg

PASSWORD = f"the right {MARK}"
SERIAL = "FAKE0001"


class FakeStills:
    """Takes the picture it was given, or fails as it was told."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.content = jpeg(1)
        self.error: HubError | None = None
        self.taken = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def take(self, width: int | None = None) -> Image:
        self.taken += 1
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Image(content=self.content, taken_at=self.context.clock.now())


class FakeRtsp:
    """Gives an address, or fails as it was told."""

    def __init__(self) -> None:
        self.opened = 0
        self.error: HubError | None = None

    def peek(self) -> str | None:
        return "rtsp://user:word@192.0.2.9/known"

    async def open(self) -> Lease[str]:
        self.opened += 1
        if self.error is not None:
            raise self.error
        return Lease(value="rtsp://user:word@192.0.2.9/opened")


class FakeMjpeg:
    """Yields frames that a test puts in."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | HubError] = asyncio.Queue()
        self.opened = 0

    async def frames(self) -> AsyncGenerator[bytes]:
        self.opened += 1
        while True:
            frame = await self.queue.get()
            if isinstance(frame, HubError):
                raise frame
            yield frame


class FakeLive:
    """One live conversation."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.candidates: list[tuple[str, str | None, int | None]] = []
        self.over: asyncio.Future[HubError] = asyncio.get_running_loop().create_future()

    async def until_over(self) -> HubError:
        return await self.over

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        self.candidates.append((candidate, mid, line))


class FakeWebRtc:
    """Answers offers, or fails as it was told."""

    def __init__(self) -> None:
        self.data_channel: str | None = None
        self.error: HubError | None = None
        self.sessions: list[FakeLive] = []
        self.tell: Callable[[str], None] = lambda _: None
        self.released = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        self.tell = send
        live = FakeLive(f"answer to {offer}")
        self.sessions.append(live)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Lease(value=live, release=self._release)

    async def _release(self) -> None:
        self.released += 1


class FakeProvider(Provider):
    """An account with the cameras of `self.listed`."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.stills = FakeStills(context)
        self.rtsp = FakeRtsp()
        self.mjpeg = FakeMjpeg()
        self.webrtc = FakeWebRtc()
        self.hub: DeviceIdentity | None = None
        self.own_health: Health | None = None
        self.tell: Callable[[Sequence[Camera]], None] = lambda _: None
        self.status: TokenStatus | None = None
        self.connect_error: HubError | None = None
        self.cameras_error: HubError | None = None
        self.line: asyncio.Queue[CameraEvent | HubError] = asyncio.Queue()
        self.closed = 0
        self.removed = 0
        self.removing = asyncio.Event()
        self.removing.set()
        self.remove_error: Exception | None = None
        self.troubles: list[str] = []
        self.busy_until: datetime | None = None
        self.told: Mapping[str, JsonValue] = {"firmware": "1.2"}
        self.entrances: tuple[Endpoint, ...] = ()
        self.listed: list[Camera] = [self.camera("yard")]

    def camera(self, camera_id: str, **changes: Any) -> Camera:
        camera = Camera(
            id=camera_id,
            identity=DeviceIdentity(
                name=camera_id.title(),
                manufacturer="Example",
                model="EX-1",
                firmware="1.2",
                serial=f"S-{camera_id}",
                mac=f"02:00:00:00:00:{sum(camera_id.encode()) % 256:02x}",
                address="http://192.0.2.9",
            ),
            online=True,
            event_kinds=frozenset({EventKind.MOTION, EventKind.TAMPER}),
            health=Health(fps=10.0, disk_free_percent=40.0),
            stills=self.stills,
        )
        return replace(camera, **changes)

    @override
    async def connect(self) -> None:
        if self.connect_error is not None:
            raise self.connect_error

    @override
    async def cameras(self) -> Sequence[Camera]:
        if self.cameras_error is not None:
            raise self.cameras_error
        return tuple(self.listed)

    @override
    async def close(self) -> None:
        self.closed += 1

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        while True:
            event = await self.line.get()
            if isinstance(event, HubError):
                raise event
            yield event

    @override
    async def remove(self) -> None:
        self.removed += 1
        await self.removing.wait()
        if self.remove_error is not None:
            raise self.remove_error

    @override
    def device(self) -> DeviceIdentity | None:
        return self.hub

    @override
    def health(self) -> Health | None:
        return self.own_health

    @override
    def follow(self, listener: Callable[[Sequence[Camera]], None]) -> None:
        self.tell = listener

    @override
    def token_status(self) -> TokenStatus | None:
        return self.status

    @override
    def problems(self) -> Sequence[str]:
        return self.troubles

    @override
    def next_call_at(self) -> datetime | None:
        return self.busy_until

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        return self.entrances

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        return self.told


async def sign_in(context: Context, ask: Ask) -> Account:
    """Ask for an address and a password, then show what was found."""
    form = Form(
        page="address",
        fields=(
            Field(key="address", kind=FieldKind.URL),
            Field(key="username", required=False),
            Field(key="password", kind=FieldKind.PASSWORD, required=False),
            Field(key="verify_tls", kind=FieldKind.BOOLEAN, default=True),
        ),
    ).filled(context.credentials)

    async def attempt(answers: Answers) -> Answers:
        if answers["address"] == "http://192.0.2.66":
            raise Unreachable
        if answers.get("password") != PASSWORD:
            raise AuthError
        return answers

    answers = await until_accepted(ask, form, attempt)
    page = Form(
        page="confirm",
        fields=(Field(key="name", default="Found"),),
        picture=jpeg(9),
        placeholders={"address": "192.0.2.9", "resolution": "640 x 480", "fps": "10", "kind": "MJPEG"},
    )
    named = await ask(page)
    return Account(
        title=str(named["name"]),
        unique_id=None if answers.get("username") == "nobody" else f"{SERIAL}{answers.get('username', '')}",
        match=str(answers["address"]),
        credentials=answers,
    )


class FakeSpec:
    """Opens FakeProviders and remembers them; `prepare` is called on each before it is used."""

    def __init__(self) -> None:
        self.opened: list[FakeProvider] = []
        self.options: tuple[Field, ...] = ()
        self.cloud: str | None = None
        self.discover: Callable[[Found], Discovered | None] | None = None
        self.prepare: Callable[[FakeProvider], None] = lambda _: None

    @property
    def provider(self) -> FakeProvider:
        """Return the newest."""
        return self.opened[-1]

    def open(self, context: Context) -> Provider:
        provider = FakeProvider(context)
        self.prepare(provider)
        self.opened.append(provider)
        return provider

    def spec(self, key: str = "mjpeg") -> ProviderSpec:
        return ProviderSpec(
            key="mjpeg",
            name="Fake",
            sign_in=sign_in,
            open=self.open,
            options=self.options,
            cloud=self.cloud,
            # One provider alone knows what the network tells of.
            discover=self.discover if key == "mjpeg" else None,
            addresses=("address",),
        )

"""One account and its cameras."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, override

from ring_doorbell.const import API_URI, DEVICES_ENDPOINT, HEALTH_DOORBELL_ENDPOINT
from yarl import URL

from ...kernel.endpoints import Endpoint
from ...kernel.errors import AuthError, HubError
from ...kernel.model import CameraEvent, CredentialState, DeviceIdentity, EventKind, JsonValue, TokenStatus
from ...kernel.provider import Camera, Context, Health, Provider
from . import parse
from .client import Client
from .clips import RingClips
from .controls import controls
from .line import EventLine
from .live import RingWebRtc
from .models import model
from .parse import Chime, Unit
from .settings import Settings
from .stills import CameraHandle, RingStills

MAKER: Final = "Ring"
AT_ONCE: Final = 4
_KINDS: Final = frozenset({EventKind.MOTION, EventKind.PERSON, EventKind.VEHICLE, EventKind.ANIMAL, EventKind.PACKAGE})


class _Media:
    """The objects of one camera that stay the same from listing to listing."""

    def __init__(self, handle: CameraHandle) -> None:
        self.handle = handle
        self.stills = RingStills(handle)
        self.webrtc = RingWebRtc(handle)
        self.clips = RingClips(handle)
        self.wifi: int | None = None


class RingProvider(Provider):
    """Lists an account's cameras and follows its events; the credentials are those that `sign_in` returns."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._settings = Settings.load(context.options)
        self._client: Client | None = None
        self._line: EventLine | None = None
        self._units: Sequence[Unit] = ()
        self._chimes: Sequence[Chime] = ()
        self._media: dict[str, _Media] = {}
        self._handles: dict[str, CameraHandle] = {}

    @override
    async def connect(self) -> None:
        """Make a session; raises AuthError, Unreachable, Malformed."""
        await self._reach().meet()

    @override
    async def cameras(self) -> Sequence[Camera]:
        """List the cameras as they are now; raises HubError."""
        client = self._reach()
        await self._list(client)
        await self._feel(client)
        return [self._camera(client, unit) for unit in self._units]

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield events until neither push nor the history can be had (raises Unreachable)."""
        client = self._reach()
        if self._line is None:
            self._line = EventLine(client, self._settings.poll, self._listed, self._handles)
        async with aclosing(self._line.events()) as events:
            async for event in events:
                yield event

    @override
    async def close(self) -> None:
        """Stop renewing; every other task belongs to a call."""
        if self._client is not None:
            await self._client.close()

    @override
    def token_status(self) -> TokenStatus | None:
        """Return that the login has ended; one that goes on has no end that is known."""
        if self._client is None or self._client.keeper.dead is None:
            return None
        return TokenStatus(state=CredentialState.REFUSED)

    @override
    def problems(self) -> Sequence[str]:
        """Return that pushes do not come, however often the line was dialled again."""
        return ("push_dead",) if self._line is not None and self._line.push.dead else ()

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the service is reached."""
        return (Endpoint.at(URL(API_URI), cloud=True),)

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return how login and push stand and what the cameras are; nothing before a listing."""
        if self._client is None:
            return {}
        push = self._line.push if self._line else None
        return {
            "refreshes": self._client.token_endpoint.refreshes,
            "password_kept": bool(self._client.stored.current.text("password")),
            "push_up": push is not None and push.up_since is not None,
            "push_reason": push.reason if push else None,
            "push_restarts": push.restarts if push else 0,
            "cameras": [
                {
                    "kind": unit.kind,
                    "family": unit.family.value,
                    "online": unit.online,
                    "on_battery": unit.on_battery,
                    "subscription": unit.records,
                }
                for unit in self._units
            ],
        }

    def _reach(self) -> Client:
        """Return the client, made once: what it learned of a refused login must not be lost."""
        if self._client is None:
            self._client = Client(self._context)
        return self._client

    async def _listed(self) -> Sequence[Unit]:
        """Return the cameras as they were listed last, listing them where nobody has."""
        if not self._units:
            await self._list(self._reach())
        return self._units

    async def _list(self, client: Client) -> None:
        lists = parse.by_number(await client.get(DEVICES_ENDPOINT))
        # The library's own list is never renewed: it is given this one.
        client.ring.devices_data = {family: dict(listed) for family, listed in lists.items()}
        self._units, self._chimes = parse.units(lists), parse.chimes(lists)
        for unit in self._units:
            handle = self._handles.setdefault(unit.id, CameraHandle(client=client, unit=unit))
            handle.unit = unit
        for gone in self._handles.keys() - {unit.id for unit in self._units}:
            del self._handles[gone]
            self._media.pop(gone, None)

    async def _feel(self, client: Client) -> None:
        """Learn the cameras' Wi-Fi, a few at a time; one that does not tell keeps what it told before."""
        slots, refused = asyncio.Semaphore(AT_ONCE), list[AuthError]()

        async def feel(unit: Unit) -> None:
            media = self._of(unit)
            try:
                async with slots:
                    media.wifi = parse.wifi(await client.get(HEALTH_DOORBELL_ENDPOINT.format(unit.number)))
            except AuthError as error:
                refused.append(error)
            except HubError as error:
                self._context.counters.count(f"health.{type(error).__name__}")
                if media.wifi is None:
                    media.wifi = unit.wifi_dbm

        async with asyncio.TaskGroup() as group:
            for unit in self._units:
                if unit.online:
                    group.create_task(feel(unit))
        if refused:
            raise refused[0]

    def _of(self, unit: Unit) -> _Media:
        if unit.id not in self._media:
            self._media[unit.id] = _Media(self._handles[unit.id])
        return self._media[unit.id]

    def _camera(self, client: Client, unit: Unit) -> Camera:
        media, settings = self._of(unit), self._settings
        first, second = unit.batteries
        return Camera(
            id=unit.id,
            identity=DeviceIdentity(
                name=unit.name,
                manufacturer=MAKER,
                model=model(unit),
                firmware=unit.firmware,
                mac=unit.mac,
            ),
            online=unit.online,
            offline_reason=None if unit.online else "camera_not_connected",
            event_kinds=_KINDS | {EventKind.DOORBELL} if unit.rings else _KINDS,
            still_floor=settings.battery_floor if unit.on_battery else settings.wired_floor,
            health=Health(battery=first, battery_2=second, wifi_dbm=media.wifi),
            controls=controls(client, unit, self._chimes, settings.siren_time),
            stills=media.stills,
            webrtc=media.webrtc,
            clips=media.clips,
        )


def open_provider(context: Context) -> RingProvider:
    """Return the provider of one account; nothing is asked yet."""
    return RingProvider(context)

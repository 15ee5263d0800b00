"""One account and its cameras."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, override

from ...kernel.endpoints import Endpoint
from ...kernel.events import poll
from ...kernel.model import CameraEvent, DeviceIdentity, JsonValue, Recognised, TokenStatus
from ...kernel.provider import Camera, Context, Provider
from ...kernel.reading import number
from .client import Client
from .controls import controls
from .events import LASTING, History, Memory
from .login import Login
from .media import CameraHandle, HostedStills
from .parse import Home, State, Unit

HISTORY_EVERY: Final = "history_every"
HISTORY_S: Final = 30
# A camera that is not found leads to another listing, but not to one each time (seconds).
LOOK_S: Final = 60.0


class NestLegacyProvider(Provider):
    """Lists an account's cameras and polls their history; the credentials are those that `sign_in` returns."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._client = Client(context, Login.load(context.credentials))
        memory = Memory.of(context.kept)
        self._history = History(self._client, lambda: self._home.units if self._home else (), memory)
        self._home: Home | None = None
        self._listed_at = 0.0
        self._handles: dict[str, tuple[CameraHandle, HostedStills]] = {}

    @override
    async def connect(self) -> None:
        """List the cameras once; raises AuthError, Unreachable, Malformed."""
        await self._list()

    @override
    async def cameras(self) -> Sequence[Camera]:
        """List the cameras as they are now; raises HubError."""
        home = await self._list()
        return [self._camera(unit) for unit in home.units]

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield what the cameras saw, as often as set; raises HubError. Returns where that is set to never."""
        every = self._every
        if not every:
            # What happens from now on will be no news, should it be switched on again.
            self._history.forget()
            return
        if self._home is None:
            await self._list()
        async with aclosing(poll(self._history.fetch, every=every, clock=self._context.clock)) as events:
            async for event in events:
                yield event

    @override
    async def close(self) -> None:
        """Store an answer that is under way, and stop."""
        await self._client.keeper.close()

    @override
    def token_status(self) -> TokenStatus:
        """Return how the login stands; cookies that rotate have no end of their own."""
        return self._client.keeper.status()

    @override
    def problems(self) -> Sequence[str]:
        """Return that the account has lost its cameras, where it has."""
        return ("account_without_cameras",) if self._home is not None and not self._home.units else ()

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the service is reached."""
        hosts = self._client.book.login.hosts
        return (Endpoint.at(hosts.home, cloud=True), Endpoint.at(hosts.cameras, cloud=True))

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return how the account is asked and how its cameras stand."""
        login, keeper = self._client.book.login, self._client.keeper
        return {
            "credential": login.credential,
            "kind": login.kind.value,
            "manner": self._client.manner.value,
            "agent": login.agent,
            "field_test": login.field_test,
            "sessions_made": keeper.made,
            "session_failure": keeper.failure.reason if keeper.failure else None,
            "history_every_s": self._every,
            "cameras": {
                unit.id: {"state": unit.state.value, "model": unit.model, "region": _short(unit)}
                for unit in (self._home.units if self._home else ())
            },
        }

    @property
    def _every(self) -> float:
        chosen = number(self._context.options.get(HISTORY_EVERY))
        return HISTORY_S if chosen is None else chosen

    async def _list(self) -> Home:
        home = await self._client.home()
        self._home, self._listed_at = home, self._context.clock.monotonic()
        units = {unit.id: unit for unit in home.units}
        for identifier, (handle, _) in self._handles.items():
            handle.gone = identifier not in units
            handle.unit = units.get(identifier, handle.unit)
        return home

    async def _look(self) -> None:
        if self._context.clock.monotonic() - self._listed_at >= LOOK_S:
            await self._list()

    def _camera(self, unit: Unit) -> Camera:
        if unit.id not in self._handles:
            handle = CameraHandle(client=self._client, unit=unit, look=self._look)
            self._handles[unit.id] = (handle, HostedStills(handle))
        _, stills = self._handles[unit.id]
        return Camera(
            id=unit.id,
            identity=DeviceIdentity(
                name=unit.name,
                manufacturer="Google Nest",
                model=unit.model,
                firmware=unit.firmware,
                serial=unit.serial,
                mac=unit.mac,
                area=unit.place,
            ),
            online=None if unit.state is State.UNKNOWN else unit.state is State.ON,
            offline_reason=_why(unit),
            problems=("camera_migrated",) if unit.state is State.MOVED else (),
            event_kinds=unit.kinds if self._every else frozenset(),
            lasting=unit.kinds & LASTING if self._every else frozenset(),
            recognised=frozenset({Recognised.WHO} if self._every else ()),
            controls=controls(self._client, unit),
            stills=stills,
        )


def open_provider(context: Context) -> NestLegacyProvider:
    """Return the provider of one account; nothing is asked yet."""
    return NestLegacyProvider(context)


def _why(unit: Unit) -> str | None:
    match unit.state:
        case State.OFFLINE:
            return "camera_not_connected"
        case State.OFF:
            return "camera_turned_off"
        case State.MOVED:
            return "camera_migrated"
        case _:
            return None


def _short(unit: Unit) -> str:
    """Return the first word of a region's host, such as `nexusapi-us1`."""
    return (unit.region.host or "").partition(".")[0]

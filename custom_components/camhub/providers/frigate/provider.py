"""One server and its cameras."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
import re
from typing import Final, override
from urllib.parse import quote

from ...kernel.endpoints import Endpoint
from ...kernel.errors import AuthError, HubError, Malformed, Unsupported
from ...kernel.model import CameraEvent, DeviceIdentity, JsonValue
from ...kernel.provider import Camera, Context, Control, Health, Press, Provider, Switch
from ...kernel.reading import child
from . import parse
from .answers import NotThere
from .client import Client
from .clips import ServerClips
from .controls import go_to, switch
from .features import Features, features
from .line import EventLine
from .media import CameraHandle, DetectMjpeg, LatestStats, LatestStills, RestreamHls, RestreamRtsp, RestreamWebRtc
from .parse import BIRDSEYE, Site, Unit
from .server_state import ServerState
from .settings import Live, Settings

PRESETS_S: Final = 3600.0
ADMIN: Final = "admin"


class _Media:
    """The objects of one camera that stay the same from listing to listing, also while they are not offered."""

    def __init__(self, handle: CameraHandle) -> None:
        self.handle = handle
        self.stills = LatestStills(handle)
        self.mjpeg = DetectMjpeg(handle)
        self.clips = ServerClips(handle)
        self.rtsp = RestreamRtsp(handle)
        self.webrtc = RestreamWebRtc(handle)
        self.hls = RestreamHls(handle)


class FrigateProvider(Provider):
    """Lists a server's cameras and follows its events; the credentials are those that `sign_in` returns."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._client: Client | None = None
        self._state: ServerState | None = None
        self._line: EventLine | None = None
        self._features: Features | None = None
        self._site: Site | None = None
        self._role = ADMIN
        self._media: dict[str, _Media] = {}
        self._presets: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._listener: Callable[[Sequence[Camera]], None] | None = None

    @override
    async def connect(self) -> None:
        """Read the version; raises AuthError, Unreachable, Malformed, Unsupported for a version that is too old."""
        client, _ = self._reach()
        self._features, self._site = await look(client)

    @override
    async def cameras(self) -> Sequence[Camera]:
        """List the cameras with their state and figures as they are now; raises HubError."""
        client, state = self._reach()
        able, self._site = await look(client)
        self._features = able
        self._role, allowed = await profile(client)
        limited = allowed if able.allowed_cameras and self._role != ADMIN else frozenset[str]()
        await state.latest.ask()
        state.sure, state.figures_s = self._site.sure, self._site.figures_s
        state.units = [each for each in self._site.units if not limited or each.id in limited]
        await self._learn_presets(client, state)
        return [self._camera(client, state.latest, able, unit) for unit in state.units]

    @override
    def follow(self, listener: Callable[[Sequence[Camera]], None]) -> None:
        """Have `listener` called when something is switched elsewhere, a camera goes down, or new figures come."""
        self._listener = listener

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield starts, changes and ends until the line drops (raises Unreachable)."""
        client, state = self._reach()
        if not state.units:
            await self.cameras()
        if self._line is None:
            self._line = EventLine(self._context, client, state)
        async with aclosing(self._line.events()) as events:
            async for event in events:
                yield event

    @override
    async def close(self) -> None:
        """Do nothing: no task or connection is kept between calls, and the session belongs to the host."""

    @override
    def device(self) -> DeviceIdentity | None:
        """Return the server, None before it was reached."""
        if self._features is None or self._site is None or self._client is None:
            return None
        return DeviceIdentity(
            name=self._site.title,
            manufacturer="Frigate",
            model="Frigate",
            firmware=self._features.version,
            address=self._client.settings.base.host,
        )

    @override
    def health(self) -> Health | None:
        """Return the server's own figures, None before they were heard."""
        if self._state is None or self._state.latest.heard is None:
            return None
        stats = self._state.latest.stats
        return Health(
            cpu_percent=stats.cpu,
            inference_ms=stats.inference,
            disk_free_percent=None if stats.disk_free is None else float(round(stats.disk_free)),
            disk_used_gib=stats.disk_used_gib,
            disk_free_gib=stats.disk_free_gib,
        )

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the server is reached."""
        settings = Settings.load(self._context.credentials)
        return (Endpoint.at(settings.base, verify=settings.verify_tls),)

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return version, role and figures of the server and how its cameras stand; nothing before a listing."""
        if self._features is None or self._client is None or self._state is None:
            return {}
        latest = self._state.latest
        stats = latest.stats
        return {
            "version": self._features.version,
            "version_tested": self._features.tested,
            "login": bool(self._client.settings.username),
            "logins": self._client.auth.logins,
            "role": self._role if self._role == ADMIN else "other",
            "cpu_percent": stats.cpu,
            "inference_ms": stats.inference,
            "disk_free_percent": stats.disk_free,
            "uptime_s": stats.uptime,
            "cameras": {
                unit.id: {
                    "enabled": unit.enabled,
                    "restreamed": unit.stream is not None,
                    "offline_reason": latest.down(unit),
                    "connection_quality": figures.quality if (figures := stats.cameras.get(unit.id)) else None,
                }
                for unit in self._state.units
            },
        }

    def _reach(self) -> tuple[Client, ServerState]:
        """Return the client, made once: what it learned of a refused login must not be lost."""
        if self._client is None or self._state is None:
            self._client = Client(self._context, Settings.load(self._context.credentials))
            self._state = ServerState(LatestStats(client=self._client), self._tell)
        return self._client, self._state

    def _tell(self) -> None:
        """Hand over the cameras as they are by now."""
        if self._listener is not None and self._features is not None:
            client, state = self._reach()
            able = self._features
            self._listener([self._camera(client, state.latest, able, unit) for unit in state.units])

    async def _learn_presets(self, client: Client, state: ServerState) -> None:
        """Ask each camera that moves for its positions, once an hour."""
        now = self._context.clock.monotonic()
        for unit in state.units:
            known = self._presets.get(unit.id)
            if not unit.ptz or self._role != ADMIN or (known and now - known[0] < PRESETS_S):
                continue
            # One that is off or away tells nothing, in an error or in an empty answer; what was known before stays.
            found = known[1] if known else ()
            try:
                if told := child(await client.json(f"api/{quote(unit.id, safe='')}/ptz/info")):
                    found = parse.presets(told)
            except AuthError:
                raise
            except HubError:
                pass
            self._presets[unit.id] = (now, found)

    def _camera(self, client: Client, latest: LatestStats, able: Features, unit: Unit) -> Camera:
        media = self._media.get(unit.id)
        if media is None:
            handle = CameraHandle(client=client, latest=latest, features=able, unit=unit)
            media = self._media[unit.id] = _Media(handle)
        media.handle.unit, media.handle.features = unit, able
        reason = latest.down(unit)
        # Either may change with the server's configuration or version.
        live, restreamed, own = client.settings.live, unit.stream is not None, unit.id != BIRDSEYE
        return Camera(
            id=unit.id,
            identity=DeviceIdentity(name=unit.name, manufacturer="Frigate", model=_model(unit)),
            online=_online(latest, unit, reason),
            offline_reason=reason,
            event_kinds=unit.kinds,
            lasting=unit.kinds,
            recognised=unit.recognised,
            health=_health(latest, unit),
            controls=self._controls(client, unit) if self._role == ADMIN else (),
            stills=media.stills,
            rtsp=media.rtsp if restreamed and live is not Live.WEBRTC else None,
            webrtc=media.webrtc if restreamed and live is not Live.RTSP else None,
            mjpeg=media.mjpeg if own else None,
            hls=media.hls if restreamed and able.hls else None,
            clips=media.clips if own else None,
        )

    def _controls(self, client: Client, unit: Unit) -> tuple[Control, ...]:
        """Return what an admin may switch, and the positions a camera can go to."""
        _, found = self._presets.get(unit.id, (0.0, ()))
        return (
            *(_switch(client, unit.id, key, is_on=is_on) for key, is_on in unit.switches.items()),
            *(
                Press(key=key, kind="position", name=preset, press=partial(go_to, client, unit.id, preset))
                for key, preset in _keyed(found).items()
            ),
        )


async def look(client: Client) -> tuple[Features, Site]:
    """Return what a server is and what it looks after; raises HubError, AuthError where the role may read neither."""
    try:
        said = (await client.get("api/version")).body[:100].decode(errors="replace")
        found = await _site(client, said)
    except NotThere as error:
        raise Malformed("no such server", reason="not_this_device") from error
    return features(said, found.version), found


async def _site(client: Client, version: str) -> Site:
    try:
        return parse.site(await client.json("api/config"))
    except Malformed:
        # What names no version either is something else, and that is said.
        features(version)
        raise
    except Unsupported as error:
        if error.reason not in {"insufficient_permission", "admin_role_missing"}:
            raise
        raise AuthError("the configuration may not be read", reason=error.reason) from error


async def profile(client: Client) -> tuple[str, frozenset[str]]:
    """Return the role and the cameras it may be limited to; raises HubError."""
    return parse.role(await client.json("api/profile"))


def open_provider(context: Context) -> FrigateProvider:
    """Return the provider of one server; nothing is asked yet."""
    return FrigateProvider(context)


def _switch(client: Client, camera: str, key: str, *, is_on: bool) -> Switch:
    return Switch(key=key, is_on=is_on, turn=lambda on: switch(client, camera, key, on=on))


def _keyed(presets: Sequence[str]) -> Mapping[str, str]:
    """Return positions by a key that stays when others come and go."""
    found: dict[str, str] = {}
    for preset in presets:
        key = f"ptz_preset_{re.sub('[^a-z0-9]+', '_', preset.lower()).strip('_')}"
        found[f"{key}_{len(found)}" if key in found else key] = preset
    return found


def _model(unit: Unit) -> str | None:
    return f"Camera ({unit.size[0]}x{unit.size[1]})" if unit.size else None


def _online(latest: LatestStats, unit: Unit, reason: str | None) -> bool | None:
    if reason is not None:
        return False
    figures = latest.stats.cameras.get(unit.id)
    return True if unit.id == BIRDSEYE or (figures is not None and figures.fps) else None


def _health(latest: LatestStats, unit: Unit) -> Health | None:
    """Return what the server measured, rounded so that it does not differ at every look."""
    figures = latest.stats.cameras.get(unit.id)
    if figures is None:
        return None
    stats = latest.stats
    return Health(
        fps=None if figures.fps is None else float(round(figures.fps)),
        cpu_percent=None if figures.cpu is None else float(round(figures.cpu)),
        inference_ms=None if stats.inference is None else float(round(stats.inference)),
    )

"""One camera by its address."""

from collections.abc import Mapping, Sequence
from typing import Final, override

from ...kernel.derive import FirstFrame, Grabbed
from ...kernel.endpoints import Endpoint
from ...kernel.model import DeviceIdentity, JsonValue
from ...kernel.provider import Camera, Context, Provider, Stills
from .address import origin_of, port_of, with_login
from .client import Client
from .health import Watch
from .media import HttpMjpeg, HttpStill, Remembered, RtspAddress
from .parse import State
from .settings import Kind, Settings

_PATIENCE: Final = 10.0
_MODELS: Final = {Kind.STREAM: "MJPEG stream", Kind.STILL: "JPEG pictures", Kind.RTSP: "RTSP stream"}


class AddressProvider(Provider):
    """A camera that is known by nothing but its address.

    Nothing is asked while it is set up, so a hundred cameras that are off hold nobody up: the first `cameras()` says
    that nothing is known yet, every later one looks for at most a few seconds.
    """

    def __init__(self, context: Context) -> None:
        """Read the settings; raises Unsupported if there is no address in them."""
        self._settings = Settings.load(context.credentials)
        self._state: State | None = None
        settings, clock = self._settings, context.clock
        url = settings.url
        client = Client(context, url.host or "", settings.username, settings.password, verify_tls=settings.verify_tls)
        self._mjpeg: HttpMjpeg | None = None
        self._rtsp: RtspAddress | None = None
        source: Stills = HttpStill(client, settings.still or url, clock)
        if settings.kind is Kind.RTSP:
            self._rtsp = RtspAddress(with_login(url, settings.username, settings.password))
            source = source if settings.still else Grabbed(self._rtsp, context.grabber, clock, _PATIENCE)
        elif settings.kind is Kind.STREAM:
            self._mjpeg = HttpMjpeg(client, url, clock)
            first = FirstFrame(self._mjpeg, clock, _PATIENCE, recent=self._mjpeg.recent)
            source = source if settings.still else first
        self._stills = Remembered(source)
        self._watch = Watch(client, url, clock=clock, page=settings.page, stills=self._stills, mjpeg=self._mjpeg)

    @override
    async def connect(self) -> None:
        """Do nothing: the settings were read, and the camera may be off."""

    @override
    async def cameras(self) -> Sequence[Camera]:
        """Return the one camera; raises AuthError where its server's status page refuses the login."""
        if self._state is None:
            self._state = State()
        else:
            self._state = await self._watch.look()
            self._stills.placeholder = self._state.placeholder
        settings, state = self._settings, self._state
        return (
            Camera(
                id="camera",
                identity=DeviceIdentity(
                    name=settings.name,
                    manufacturer="IP camera",
                    model=_MODELS[settings.kind],
                    address=origin_of(settings.url),
                ),
                online=state.online,
                offline_reason=state.offline_reason,
                health=state.health,
                stills=self._stills,
                mjpeg=self._mjpeg,
                rtsp=self._rtsp,
            ),
        )

    @override
    async def close(self) -> None:
        """Do nothing: no task outlives a call, and sessions are the host's."""

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the camera is reached."""
        url = self._settings.url
        tls = url.scheme in {"https", "rtsps"}
        return (Endpoint(host=url.host or "", port=port_of(url), tls=tls, verify=self._settings.verify_tls),)

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return how the camera is asked."""
        settings = self._settings
        return {
            "kind": settings.kind.value,
            "scheme": settings.url.scheme,
            "still_address": settings.still is not None,
            "login": bool(settings.username),
            "verify_tls": settings.verify_tls,
            "status_page": settings.page,
        }

"""Live streams and pictures of one camera."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, override

from google_nest_sdm.camera_traits import CameraLiveStreamTrait, RtspStream, WebRtcStream

from ...kernel.derive import Grabbed, GrabbedLive
from ...kernel.errors import Malformed, Unsupported
from ...kernel.lease import Lease
from ...kernel.model import Image
from ...kernel.provider import Rtsp, Stills, WebRtc, WebRtcSession
from .client import Client
from .event_media import EventPictures
from .parse import Unit
from .quota import Rank

# A session's end may have passed already when it is told (protocols.md 2.3): so long it is taken to hold at least.
SHORTEST: Final = timedelta(seconds=60)
GRAB_S: Final = 15.0
GRAB_LIVE_S: Final = 25.0
CHANNEL: Final = "dataSendChannel"
# An offer without any address is refused (protocols.md 2.4), but browsers tell theirs later, which the service does not
# take. It finds the viewer by the viewer's own checks, so one that leads nowhere (RFC 5737) does.
_NOWHERE: Final = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"


@dataclass(kw_only=True, slots=True)
class CameraHandle:
    """What is known of a camera by now; the listing keeps it up to date for the objects that use it.

    `extends` is None until it was tried.
    """

    client: Client
    unit: Unit
    extends: bool | None = None

    def live(self, ability: str) -> CameraLiveStreamTrait:
        """Return the trait that streams; raises Unsupported where the camera streams another way now."""
        trait = self.unit.device.camera_live_stream
        if trait is None or not self.unit.can(ability):
            raise Unsupported("another way of watching is due", reason="protocol_changed")
        return trait

    async def command[T](self, name: str, rank: Rank, call: Callable[[], Awaitable[T]], *, ahead: int = 0) -> T:
        """Return what a command returns; raises HubError."""
        return await self.client.command(self.unit.id, name, rank, call, ahead=ahead)

    def until(self, told: datetime) -> datetime:
        """Return until when a session holds (aware)."""
        aware = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        return max(aware, self.client.clock.now() + SHORTEST)


class SessionRtsp(Rtsp):
    """Addresses whose tokens are extended again and again; each is for one viewer."""

    def __init__(self, handle: CameraHandle, rank: Rank = Rank.LIVE) -> None:
        """Read `handle` each time."""
        self._handle = handle
        self._rank = rank

    @override
    def peek(self) -> str | None:
        """Return None: an address costs a call."""
        return None

    @override
    async def open(self) -> Lease[str]:
        """Return an address; raises HubError, Throttled where the quota is used up."""
        trait = self._handle.live("rtsp")
        stream = await self._handle.command("GenerateRtspStream", self._rank, trait.generate_rtsp_stream, ahead=1)
        return self._lease(stream)

    def _lease(self, stream: RtspStream) -> Lease[str]:
        handle = self._handle

        async def renew() -> Lease[str]:
            return self._lease(await handle.command("ExtendRtspStream", Rank.LIVE, stream.extend_rtsp_stream))

        async def release() -> None:
            await handle.command("StopRtspStream", Rank.LIVE, stream.stop_rtsp_stream)

        return Lease(
            value=stream.rtsp_stream_url,
            expires_at=handle.until(stream.expires_at),
            renew=renew,
            release=release,
        )


@dataclass(slots=True)
class Answered(WebRtcSession):
    """A conversation that was answered at once, with all candidates."""

    answer: str = field(repr=False)

    @override
    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Do nothing: the service takes none later, it finds the viewer by the viewer's own checks."""


class SessionWebRtc(WebRtc):
    """Answers offers; a camera that refuses to extend its sessions is asked once and never again."""

    def __init__(self, handle: CameraHandle, rank: Rank = Rank.LIVE) -> None:
        """Read `handle` each time."""
        self._handle = handle
        self._rank = rank

    @property
    @override
    def data_channel(self) -> str:
        return CHANNEL

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        """Answer an offer; raises HubError, Throttled where the quota is used up."""
        trait = self._handle.live("webrtc")

        async def generate() -> WebRtcStream:
            return await trait.generate_web_rtc_stream(_with_address(offer))

        stream = await self._handle.command("GenerateWebRtcStream", self._rank, generate, ahead=1)
        if not stream.answer_sdp.startswith("v="):
            raise Malformed("no answer to the offer")
        return self._lease(Answered(stream.answer_sdp), stream)

    def _lease(self, session: WebRtcSession, stream: WebRtcStream) -> Lease[WebRtcSession]:
        handle = self._handle

        async def renew() -> Lease[WebRtcSession]:
            return self._lease(session, await self._extended(stream))

        async def release() -> None:
            await handle.command("StopWebRtcStream", Rank.LIVE, stream.stop_stream)

        until = handle.until(stream.expires_at)
        return Lease(value=session, expires_at=until, renew=None if handle.extends is False else renew, release=release)

    async def _extended(self, stream: WebRtcStream) -> WebRtcStream:
        handle = self._handle
        rank = Rank.LIVE if handle.extends else Rank.PROBE
        try:
            extended = await handle.command("ExtendWebRtcStream", rank, stream.extend_stream)
        except Unsupported:
            handle.extends = False
            raise
        handle.extends = True
        return extended


def _with_address(offer: str) -> str:
    """Return an offer that holds an address: its own, else one behind the first medium."""
    if "\r\na=candidate:" in offer:
        return offer
    session, *media = offer.split("\r\nm=")
    first = [f"{media[0].rstrip()}\r\n{_NOWHERE.rstrip()}", *media[1:]] if media else []
    return "\r\nm=".join([session, *first]).rstrip() + "\r\n"


class CameraStills(Stills):
    """The picture of what was just seen, else one out of a stream of its own."""

    def __init__(self, handle: CameraHandle, pictures: EventPictures) -> None:
        """Read `handle` each time."""
        self._handle = handle
        self._pictures = pictures
        client = handle.client
        grabber, clock = client.context.grabber, client.clock
        self._by_rtsp = Grabbed(SessionRtsp(handle, Rank.STILL), grabber, clock, GRAB_S)
        self._by_webrtc = GrabbedLive(SessionWebRtc(handle, Rank.STILL), grabber, clock, GRAB_LIVE_S)

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture; raises HubError, Throttled where live view needs what is left of the quota."""
        if (image := await self._pictures.latest(self._handle.unit.id)) is not None:
            return image
        way = self._by_rtsp if self._handle.unit.can("rtsp") else self._by_webrtc
        return await way.take(width)

"""A camera's pictures and live streams."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
import re
from typing import Final, override
from urllib.parse import quote

from ...kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ...kernel.jpeg import JPEG_START
from ...kernel.lease import Lease
from ...kernel.mjpeg import JpegReader
from ...kernel.model import Image
from ...kernel.provider import Hls, Mjpeg, Rtsp, Stills, WebRtc, WebRtcSession
from ...kernel.reading import child, text
from . import parse
from .client import Client
from .features import Features
from .parse import Stats, Unit

# Figures older than this (seconds) are asked for again; the server itself keeps them for as long.
FRESH_S: Final = 5.0
STARTING_S: Final = 30.0
FPS: Final = 5
QUALITY: Final = 80
_PLAYLIST: Final = "stream.m3u8"
_PARTS: Final = re.compile(r"hls/(?:playlist\.m3u8|init\.mp4|segment\.(?:ts|m4s))", re.ASCII)


@dataclass(kw_only=True, slots=True)
class LatestStats:
    """What the server does, as last heard, whoever asked; `heard` is monotonic seconds."""

    client: Client
    stats: Stats = field(default_factory=lambda: Stats(cameras={}))
    heard: float | None = None

    def take(self, stats: Stats) -> None:
        """Keep what was heard."""
        self.stats, self.heard = stats, self.client.clock.monotonic()

    async def ask(self) -> Stats:
        """Return the figures of now; raises HubError."""
        self.take(parse.stats(await self.client.json("api/stats")))
        return self.stats

    async def recent(self) -> Stats:
        """Return figures of the last seconds; raises HubError."""
        if self.heard is None or self.client.clock.monotonic() - self.heard >= FRESH_S:
            return await self.ask()
        return self.stats

    def down(self, unit: Unit) -> str | None:
        """Return the slug of why a camera is dark, None if it is not."""
        if not unit.enabled:
            return "camera_switched_off"
        figures = self.stats.cameras.get(unit.id)
        if figures is None or figures.fps is None or figures.fps > 0:
            return None
        uptime = self.stats.uptime
        return "camera_starting" if uptime is not None and uptime < STARTING_S else "camera_offline"


@dataclass(kw_only=True, slots=True)
class CameraHandle:
    """What is known of a camera by now; the listing keeps it up to date for the objects that use it."""

    client: Client
    latest: LatestStats
    features: Features
    unit: Unit

    def check(self) -> None:
        """Raise Unreachable while the camera gives no pictures of its own."""
        if (reason := self.latest.down(self.unit)) is not None:
            raise Unreachable("the server has no picture of its own", reason=reason)

    def stream(self) -> str:
        """Return the camera's go2rtc stream; raises Unsupported."""
        if self.unit.stream is None:
            raise Unsupported("not restreamed", reason="not_restreamed")
        return self.unit.stream

    @property
    def path(self) -> str:
        """Return the camera's name as a part of an address."""
        return quote(self.unit.id, safe="")


class LatestStills(Stills):
    """The newest frame; what the server sends in place of one while a camera is down is never taken for it."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take the newest frame, near `width` pixels wide; raises HubError, Unreachable while the camera is down."""
        handle = self._handle
        asked = {"quality": str(QUALITY)}
        if width and handle.unit.size and width < handle.unit.size[0]:
            full, height = handle.unit.size
            asked[handle.features.height] = str(max(1, round(height * width / full)))
        taken_at = handle.client.clock.now()
        answer = await handle.client.get(f"api/{handle.path}/latest.jpg", asked)
        if answer.headers.get("x-frigate-offline", "").lower() == "true":
            raise Unreachable("an old preview", reason="camera_offline")
        # It is 200 with an error picture or an old preview while a camera is down (protocols.md 5.4).
        await handle.latest.recent()
        handle.check()
        if not answer.body.startswith(JPEG_START):
            raise Malformed("no JPEG", reason="not_a_picture")
        return Image(content=answer.body, taken_at=taken_at)


class RestreamRtsp(Rtsp):
    """The restream's address."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time: the stream may be called otherwise later."""
        self._handle = handle

    @override
    def peek(self) -> str | None:
        """Return the address, None where the camera is no longer restreamed."""
        stream = self._handle.unit.stream
        return None if stream is None else self._handle.client.settings.stream_address(stream)

    @override
    async def open(self) -> Lease[str]:
        """Return the address for ever; raises Unsupported."""
        return Lease(value=self._handle.client.settings.stream_address(self._handle.stream()))


class DetectMjpeg(Mjpeg):
    """The frames that the server looks at; it sends black ones while nothing comes, which end the stream here."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def frames(self) -> AsyncGenerator[bytes]:
        """Open the stream and yield whole frames; raises HubError, Unreachable while the camera is down."""
        handle = self._handle
        await handle.latest.recent()
        handle.check()
        async with handle.client.stream(f"api/{handle.path}", {"fps": str(FPS)}) as response:
            reader = JpegReader(response.headers.get("Content-Type", ""))
            while chunk := await handle.client.read_chunk(response):
                for frame in reader.feed(chunk):
                    handle.check()
                    yield frame
        raise Unreachable("the server ended the stream", reason="stream_ended")


@dataclass(slots=True)
class Answered(WebRtcSession):
    """A conversation that the server answered at once, with all of its candidates."""

    answer: str = field(repr=False)

    @override
    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Do nothing: the server takes none later over HTTP, it finds the viewer by the viewer's own checks."""


class RestreamWebRtc(WebRtc):
    """go2rtc's answers, by the stream's name."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        """Answer an offer; the viewer hangs up by closing its side; raises HubError."""
        said = await self._handle.client.post(
            "api/go2rtc/webrtc", {"src": self._handle.stream()}, {"type": "offer", "sdp": offer}
        )
        answer = child(said).get("sdp")
        if not isinstance(answer, str) or text(answer) is None:
            raise Malformed("no answer to the offer")
        return Lease(value=Answered(answer))


class RestreamHls(Hls):
    """go2rtc's playlist and segments (up to 0.17); every viewer needs a playlist of its own."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def open(self, path: str) -> AsyncGenerator[bytes]:
        """Open the playlist (an empty path, or `stream.m3u8`) or what one names; raises HubError."""
        client = self._handle.client
        name, _, query = path.partition("?")
        if name in {"", _PLAYLIST}:
            content = _body(client, f"api/go2rtc/api/{_PLAYLIST}", {"src": self._handle.stream()})
        elif _PARTS.fullmatch(name):
            pairs = (pair.partition("=") for pair in query.split("&"))
            asked = {key: value for key, _, value in pairs if key in {"id", "n"}}
            content = _body(client, f"api/go2rtc/api/{name}", asked)
        else:
            raise Unsupported("no part of a stream", reason="not_on_server")
        return await _begun(content)


async def _body(client: Client, path: str, query: dict[str, str]) -> AsyncGenerator[bytes]:
    async with client.stream(path, query) as response:
        while chunk := await client.read_chunk(response):
            yield chunk


async def _begun(content: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Return content that has begun to come: a source that does not open is an empty success (protocols.md 5.7)."""
    first: bytes | HubError
    try:
        first = await anext(content, b"")
    except BaseException:
        # Also when whoever waits gives up: nothing may stay open.
        await content.aclose()
        raise
    if not first:
        raise Unreachable("an empty playlist", reason="camera_offline")
    return _continued(first, content)


async def _continued(first: bytes, content: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(content):
        yield first
        async for chunk in content:
            yield chunk

"""A channel's pictures and the addresses of its streams."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from ...kernel.errors import HubError, Unsupported
from ...kernel.lease import Lease
from ...kernel.model import EventKind, Image
from ...kernel.provider import Context
from ...kernel.secret import Credentials
from .answers import DeviceFault
from .client import IsapiClient
from .parse import DEFAULT_RTSP_PORT, Stream

GRAB_S: Final = 10.0
# In this order; many recorders know only the second for their IP channels (peers.md H1).
_WAYS: Final = ("Streaming/channels/{id}/picture", "ContentMgmt/StreamingProxy/channels/{id}/picture")


@dataclass(kw_only=True, slots=True)
class CameraHandle:
    """What is known of a channel's streams by now; the listing keeps it up to date for the objects that use it."""

    main: Stream
    sub: Stream | None = None
    rtsp_port: int = DEFAULT_RTSP_PORT
    online: bool | None = None
    kinds: frozenset[EventKind] = frozenset()


class ChannelRtsp:
    """The RTSP address of a channel's main stream, or of its sub stream where `prefer_sub` and there is one."""

    def __init__(
        self, client: IsapiClient, credentials: Credentials, handle: CameraHandle, *, prefer_sub: bool
    ) -> None:
        """Read `handle` each time: ids and port may be learned later."""
        self._client = client
        self._credentials = credentials
        self._handle = handle
        self._prefer_sub = prefer_sub

    @property
    def substream(self) -> ChannelRtsp | None:
        """Return the smaller stream of the same channel, if there is one."""
        if self._handle.sub is None:
            return None
        return ChannelRtsp(self._client, self._credentials, self._handle, prefer_sub=True)

    def peek(self) -> str | None:
        """Return the address; None after a refused login, which a player would repeat until the account is locked."""
        try:
            self._client.gate()
        except HubError:
            return None
        return self._address()

    async def open(self) -> Lease[str]:
        """Return the address, good for ever; raises AuthError and Throttled after a refused login."""
        self._client.gate()
        return Lease(value=self._address())

    def _address(self) -> str:
        stream = (self._handle.sub if self._prefer_sub else None) or self._handle.main
        user = quote(self._credentials.text("username"), safe="")
        password = quote(self._credentials.text("password"), safe="")
        host = self._client.base.host_subcomponent
        return f"rtsp://{user}:{password}@{host}:{self._handle.rtsp_port}/Streaming/Channels/{stream.id}"


class ChannelStills:
    """Takes pictures the way that worked last: by `Streaming`, by `StreamingProxy`, or from the stream itself."""

    def __init__(self, context: Context, client: IsapiClient, handle: CameraHandle, rtsp: ChannelRtsp) -> None:
        """Read `handle` each time: the stream's id and size may be learned later."""
        self._context = context
        self._client = client
        self._handle = handle
        self._rtsp = rtsp
        self._ways: tuple[str, ...] = _WAYS
        self._sizes = True

    @property
    def paths(self) -> int:
        """Return how many paths are to be tried next: 1 when one is known to work, 0 when only the stream does."""
        return len(self._ways)

    async def take(self, width: int | None = None) -> Image:
        """Take a picture, about `width` pixels wide where the device scales; raises HubError."""
        with self._context.counters.timed("picture"):
            return Image(content=await self._take(width), taken_at=self._context.clock.now())

    async def _take(self, width: int | None) -> bytes:
        refused: HubError | None = None
        for way in self._ways:
            try:
                picture = await self._by(way.format(id=self._handle.main.id), width)
            except (Unsupported, DeviceFault) as error:
                refused = refused or error
            else:
                self._ways = (way,)
                return picture
        # What worked before and fails now is a camera that is away, not a missing function; next time all is tried.
        known, self._ways = len(self._ways) == 1, _WAYS
        if refused is not None and (known or self._handle.online is False):
            raise refused
        return await self._from_stream(refused)

    async def _from_stream(self, refused: HubError | None) -> bytes:
        lease = await self._rtsp.open()
        try:
            picture = await self._context.grabber.grab(lease.value, GRAB_S)
        except HubError as error:
            raise refused or error from error
        self._ways = ()
        return picture

    async def _by(self, path: str, width: int | None) -> bytes:
        size = self._size(width)
        if not size:
            return await self._client.picture(path, {})
        try:
            return await self._client.picture(path, size)
        except Unsupported:
            picture = await self._client.picture(path, {})
            self._sizes = False
            return picture

    def _size(self, width: int | None) -> dict[str, str]:
        """Return the query for a smaller picture; nothing where it would not be one or the device refused it before."""
        main = self._handle.main
        if not self._sizes or not width or not main.width or not main.height or width >= main.width:
            return {}
        height = max(1, round(width * main.height / main.width))
        return {"videoResolutionWidth": str(width), "videoResolutionHeight": str(height)}

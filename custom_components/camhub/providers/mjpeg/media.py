"""The capabilities: a stream of JPEGs, one JPEG, an address for players."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, override

import aiohttp
from yarl import URL

from ...kernel.body import read_chunk
from ...kernel.clock import Clock
from ...kernel.errors import HubError, Unreachable
from ...kernel.jpeg import with_tables
from ...kernel.lease import Lease
from ...kernel.mjpeg import JpegReader
from ...kernel.model import Image
from ...kernel.provider import Mjpeg, Rtsp, Stills
from ...kernel.raw_body import stream_raw
from .client import Client, picture_of, translated

# A picture of a watched stream that came within so many seconds is as good as one taken now.
STILL_FRESH: Final = 2.0


class HttpMjpeg(Mjpeg):
    """A multipart stream over HTTP; one that answers with a single picture gives that one and ends.

    `opened` tells that the camera let us in, `single` that it gave one picture, `seen_at` (monotonic seconds) when the
    last one came.
    """

    def __init__(self, client: Client, url: URL, clock: Clock) -> None:
        """Prepare; nothing is opened yet."""
        self._client = client
        self._url = url
        self._clock = clock
        self.opened = False
        self.single = False
        self.seen_at: float | None = None
        self._current: bytes | None = None

    def fresh(self, age: float) -> bool:
        """Return whether a picture came within the last `age` seconds."""
        return self.seen_at is not None and self._clock.monotonic() - self.seen_at < age

    def recent(self) -> Image | None:
        """Return what a watched stream shows now, so that it need not be opened a second time for a picture."""
        if self._current is None or not self.fresh(STILL_FRESH):
            return None
        return Image(content=self._current, taken_at=self._clock.now())

    @override
    async def frames(self) -> AsyncGenerator[bytes]:
        """Open the stream and yield whole pictures; raises Unreachable when it ends or falls silent."""
        async with self._opened() as response:
            if self.single:
                yield self._seen(await picture_of(response, self._clock))
            else:
                reader = _reader(response)
                while chunk := await _more(response):
                    for frame in reader.feed(chunk):
                        yield self._seen(with_tables(frame))
        raise Unreachable("the camera ended the stream", reason="stream_ended")

    async def push(self, deliver: Callable[[bytes], None]) -> None:
        """Do as `frames`, but hand whole pictures over; raises Unreachable when it ends."""
        async with self._opened() as response:
            if self.single:
                deliver(self._seen(await picture_of(response, self._clock)))
            else:
                reader = _reader(response)

                def take(chunk: bytes) -> None:
                    for frame in reader.feed(chunk):
                        deliver(self._seen(with_tables(frame)))

                if not await stream_raw(response, take):
                    while chunk := await _more(response):
                        take(chunk)
        raise Unreachable("the camera ended the stream", reason="stream_ended")

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open the stream and note what kind of answer it is; what it showed is not current once it is closed."""
        try:
            async with self._client.open(self._url) as response:
                self.opened = True
                self.single = response.content_type.startswith("image/")
                yield response
        finally:
            self._current = None

    def _seen(self, frame: bytes) -> bytes:
        self.seen_at = self._clock.monotonic()
        self._current = frame
        return frame


def _reader(response: aiohttp.ClientResponse) -> JpegReader:
    """Return a reader for the answer's own boundary; raises Malformed where it is no stream."""
    return JpegReader(response.headers.get("Content-Type", ""))


async def _more(response: aiohttp.ClientResponse) -> bytes:
    """Return what arrived, nothing at the end; raises Unreachable after the silence that the timeout allows."""
    try:
        with translated():
            return await read_chunk(response)
    except Unreachable as error:
        if error.reason != "timeout":
            raise
    raise Unreachable("connected, but no pictures come", reason="no_frames")


class HttpStill(Stills):
    """One picture by its own address."""

    def __init__(self, client: Client, url: URL, clock: Clock) -> None:
        """Prepare; nothing is asked yet."""
        self._client = client
        self._url = url
        self._clock = clock

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture in the camera's own size: nothing may be added to its address; raises HubError."""
        content = await self._client.picture(self._url)
        return Image(content=content, taken_at=self._clock.now())


class Remembered(Stills):
    """Pictures of another source, and how the last attempt went."""

    def __init__(self, stills: Stills) -> None:
        """Begin without a failure."""
        self._stills = stills
        self.failure: HubError | None = None
        self.placeholder = False

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture; raises HubError, also while the server is known to show a placeholder."""
        try:
            if self.placeholder:
                raise Unreachable("the server shows a placeholder for its camera", reason="no_signal")
            image = await self._stills.take(width)
        except HubError as error:
            self.failure = error
            raise
        self.failure = None
        return image


class RtspAddress(Rtsp):
    """An address that is known and always holds."""

    def __init__(self, address: str) -> None:
        """Keep the address, login included."""
        self._address = address

    @override
    def peek(self) -> str | None:
        """Return the address."""
        return self._address

    @override
    async def open(self) -> Lease[str]:
        """Return the address for ever."""
        return Lease(value=self._address)

"""Stills derived from other capabilities, for cameras without stills of their own."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import override

from .clock import Clock
from .errors import HubError, Malformed, Unreachable
from .jpeg import is_whole_jpeg
from .model import Image
from .provider import FrameGrabber, Mjpeg, Rtsp, Stills, WebRtc

type Recent = Callable[[], Image | None]


class FirstFrame(Stills):
    """Takes the first whole frame of an MJPEG stream and disconnects.

    `limit_s` bounds connecting and reading, in seconds. `recent` is tried first, so that a relay of the same stream can
    save a connection: `lambda: relay.still(max_age)`.
    """

    def __init__(self, mjpeg: Mjpeg, clock: Clock, limit_s: float = 10.0, *, recent: Recent | None = None) -> None:
        """Connect to nothing yet."""
        self._mjpeg = mjpeg
        self._clock = clock
        self._limit = limit_s
        self._recent = recent

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture now, in the stream's size; raises Unreachable(no_frame) when none came in time."""
        if self._recent is not None and (image := self._recent()) is not None:
            return image
        try:
            async with asyncio.timeout(self._limit):
                return Image(content=await self._first(), taken_at=self._clock.now())
        except TimeoutError:
            raise Unreachable(f"no frame within {self._limit:g} s", reason="no_frame") from None

    async def _first(self) -> bytes:
        async with aclosing(self._mjpeg.frames()) as frames:
            async for jpeg in frames:
                return jpeg
        raise Unreachable("the stream ended before a frame", reason="no_frame")


class Grabbed(Stills):
    """Takes a picture from an RTSP stream; the address is released afterwards."""

    def __init__(self, rtsp: Rtsp, grabber: FrameGrabber, clock: Clock, limit_s: float = 10.0) -> None:
        """Open nothing yet; `limit_s` bounds the grab, in seconds."""
        self._rtsp = rtsp
        self._grabber = grabber
        self._clock = clock
        self._limit = limit_s

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture now, in the stream's size; raises HubError."""
        lease = await self._rtsp.open()
        try:
            jpeg = await self._grabber.grab(lease.value, self._limit)
        finally:
            # A lease that cannot be released expires by itself, and must not cost the picture.
            with suppress(HubError):
                await lease.release()
        if not is_whole_jpeg(jpeg):
            raise Malformed("what was grabbed is no whole picture")
        return Image(content=jpeg, taken_at=self._clock.now())


class GrabbedLive(Stills):
    """Takes a picture from a WebRTC session of its own, for cameras with neither stills nor RTSP."""

    def __init__(self, webrtc: WebRtc, grabber: FrameGrabber, clock: Clock, limit_s: float = 25.0) -> None:
        """Open nothing yet; `limit_s` bounds the whole session, in seconds."""
        self._webrtc = webrtc
        self._grabber = grabber
        self._clock = clock
        self._limit = limit_s

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture now, in the stream's size; raises HubError."""
        jpeg = await self._grabber.grab_live(self._webrtc, self._limit)
        if not is_whole_jpeg(jpeg):
            raise Malformed("what was grabbed is no whole picture")
        return Image(content=jpeg, taken_at=self._clock.now())

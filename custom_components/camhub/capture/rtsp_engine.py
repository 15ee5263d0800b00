"""One JPEG from an RTSP address, in a worker thread.

FFmpeg (through PyAV) signs in itself, Basic or Digest, with the name and password in the address. Its exceptions
carry the whole address, so none of them is chained or quoted here.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
import threading
from typing import Any, Final

import av
from av.codec.context import Flags

from ..kernel.addresses import look_up
from ..kernel.errors import AuthError, HubError, Malformed, Unreachable
from ..kernel.stills import PIXEL_LIMIT
from .picture import jpeg

# TCP only: packets over UDP get lost and firewalls drop them. Certificates are not checked, as in Home Assistant's own
# stream: FFmpeg 9 would, but cameras sign their own, and PyAV's TLS looks for authorities where few systems have them.
# The rest keeps FFmpeg from studying the stream for seconds before it lets go of the first picture.
_OPTIONS: Final = {"rtsp_transport": "tcp", "tls_verify": "0", "analyzeduration": "100000", "fpsprobesize": "0"}
# A picture that would ask for gigabytes is not decoded.
_BOUND: Final = {"max_pixels": str(PIXEL_LIMIT)}
_SCHEMES: Final = ("rtsp://", "rtsps://")
_CONCURRENT: Final = 4


class RtspGrabber:
    """Takes pictures from RTSP addresses, at most `concurrent` at the same time."""

    def __init__(self, *, concurrent: int = _CONCURRENT) -> None:
        """Start idle."""
        self._slots = asyncio.Semaphore(concurrent)

    def grab(self, address: str, timeout: float) -> Coroutine[Any, Any, bytes]:
        """Return the first key frame as JPEG within `timeout` seconds; raises AuthError, Unreachable, Malformed."""
        return self._within(timeout, address)

    async def _within(self, seconds: float, address: str) -> bytes:
        stop = threading.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
                worker = asyncio.ensure_future(asyncio.to_thread(_grab, address, seconds, stop))
                # The slot is released when the thread has really ended, which may be after the limit.
                worker.add_done_callback(self._ended)
                return await asyncio.shield(worker)
        except TimeoutError:
            raise Unreachable("no picture in time", reason="timeout") from None
        finally:
            stop.set()

    def _ended(self, worker: asyncio.Future[bytes]) -> None:
        self._slots.release()
        if not worker.cancelled():
            # Retrieve the exception of a picture that came too late.
            worker.exception()


@contextmanager
def opened(address: str, timeout: float) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a stream's video; blocks at most about twice `timeout` seconds, and as long at each read.

    Raises AuthError, Unreachable, Malformed, there and inside, and Unsupported for where nobody may be led.
    """
    if not address.startswith(_SCHEMES):
        raise Malformed("not an RTSP address", reason="unsupported_address")
    look_up(address)
    try:
        with av.open(address, "r", options=_OPTIONS | _BOUND, timeout=(timeout, timeout)) as container:
            if not container.streams.video:
                raise Malformed("a stream without video", reason="not_a_camera")
            stream = container.streams.video[0]
            # One thread and no reordering: the decoder gives a picture as soon as it has been fed one.
            stream.codec_context.thread_count = 1
            stream.codec_context.options = dict(_BOUND)
            stream.codec_context.flags |= Flags.low_delay
            yield container, stream
            return
    except av.FFmpegError as error:
        failure = _translated(error)
    raise failure


def _grab(address: str, timeout: float, stop: threading.Event) -> bytes:
    """Open, decode one frame and close again."""
    with opened(address, timeout) as (container, stream):
        begun = False
        for packet in container.demux(stream):
            if stop.is_set():
                break
            begun = begun or packet.is_keyframe
            if begun and (frames := packet.decode()):
                return jpeg(frames[0])
    raise Unreachable("the stream ended before a picture", reason="no_frames")


def _translated(error: av.FFmpegError) -> HubError:
    """Return the error of our own tree for one of FFmpeg's, without its text: that holds the address."""
    kind = type(error).__name__
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return AuthError(f"refused: {kind}")
        case av.error.HTTPNotFoundError():
            return Malformed("no stream at this path", reason="not_found")
        case av.error.ExitError() | av.error.TimeoutError():
            return Unreachable(f"gave up waiting: {kind}", reason="timeout")
        case (
            av.error.InvalidDataError()
            | av.error.HTTPClientError()
            | av.error.DecoderNotFoundError()
            | av.error.ArgumentError()
        ):
            return Malformed(f"no stream that can be read: {kind}", reason="not_a_camera")
        case av.error.EOFError():
            return Unreachable("the stream ended before a picture", reason="no_frames")
        case _:
            return Unreachable(f"no connection: {kind}")

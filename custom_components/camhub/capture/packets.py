"""The packets of an RTSP stream, not decoded, for recordings."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
import threading
from typing import Final

from av.packet import Packet as AnyPacket
from av.video.stream import VideoStream

from ..kernel.clock import Clock
from ..kernel.samples import Sample, Track
from .rtsp_engine import opened
from .thread_reader import read_in_thread

type Packet = AnyPacket[VideoStream]

# Seconds without anything from the camera after which the stream counts as dead.
_PATIENCE: Final = 20.0
# A consumer that is this many packets behind has stopped reading.
_MOST: Final = 2000
# A camera whose timestamps are off by this many seconds has set its clock.
_ASTRAY: Final = 2.0
_START_CODE: Final = b"\x00\x00\x00\x01"


async def packets(address: str, clock: Clock) -> AsyncGenerator[Sample]:
    """Yield the video's packets; raises AuthError, Unreachable, Malformed, the first two also at its end."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Sample] = asyncio.Queue(_MOST)
    stop = threading.Event()
    timing = _Timing(clock)

    def keep(packet: Packet, stream: VideoStream) -> None:
        if waiting.full():
            stop.set()
        else:
            waiting.put_nowait(timing.sample(packet, stream))

    def deliver(packet: Packet, stream: VideoStream) -> None:
        loop.call_soon_threadsafe(keep, packet, stream)

    work = partial(_read, address, stop, deliver)
    async with aclosing(read_in_thread(work, stop, waiting, reason="stream_ended")) as samples:
        async for sample in samples:
            yield sample


def _read(address: str, stop: threading.Event, deliver: Callable[[Packet, VideoStream], object]) -> None:
    """Read packets until told to stop; blocks."""
    with opened(address, _PATIENCE) as (container, stream):
        for packet in container.demux(stream):
            if stop.is_set():
                return
            if packet.size:
                deliver(packet, stream)


class _Timing:
    """Maps the camera's timestamps to our clock, keeping their distances whatever the arrival times."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset: float | None = None

    def sample(self, packet: Packet, stream: VideoStream) -> Sample:
        now = self._clock.monotonic()
        scale = float(packet.time_base or 0)
        shown, decoded = packet.pts, packet.dts if packet.dts is not None else packet.pts
        at = now if decoded is None else decoded * scale + (self._offset or 0.0)
        if decoded is not None and (self._offset is None or abs(at - now) > _ASTRAY):
            self._offset = now - decoded * scale
            at = now
        delay = (shown - decoded) * scale if shown is not None and decoded is not None else 0.0
        context = stream.codec_context
        return Sample(
            track=Track(codec=context.name, width=context.width, height=context.height),
            data=_with_sets(bytes(packet), context.extradata or b"", key=packet.is_keyframe),
            at=at,
            key=packet.is_keyframe,
            delay=delay,
        )


def _with_sets(data: bytes, sets: bytes, *, key: bool) -> bytes:
    """Return a key picture with the parameter sets that a camera may tell beforehand only (RFC 6184 section 8.2.1)."""
    return sets + data if key and sets.startswith(_START_CODE) and sets not in data else data

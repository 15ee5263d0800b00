"""The source of a camera's recordings: its RTSP packets, else the frames of its MJPEG relay."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from .capture.packets import packets
from .kernel.clock import Clock
from .kernel.errors import Unsupported
from .kernel.jpeg import jpeg_size
from .kernel.provider import Camera, Rtsp
from .kernel.relay import Relay
from .kernel.samples import Sample, Track
from .relays import Relays


def can_be_recorded(camera: Camera) -> bool:
    """Return whether a camera has a stream that can be recorded."""
    return camera.rtsp is not None or camera.mjpeg is not None


async def camera_samples(camera: Camera | None, relays: Relays, clock: Clock) -> AsyncGenerator[Sample]:
    """Read a camera's stream in the cheapest way; raises HubError, Unsupported if it has none."""
    if camera is not None and camera.rtsp is not None:
        source = _packets(camera.rtsp, clock)
    elif camera is not None and (relay := relays.of(camera)) is not None:
        source = _frames(relay, clock)
    else:
        raise Unsupported("nothing to record", reason="recording_unsupported")
    async with aclosing(source) as samples:
        async for sample in samples:
            yield sample


async def _packets(rtsp: Rtsp, clock: Clock) -> AsyncGenerator[Sample]:
    lease = await rtsp.open()
    try:
        async with aclosing(packets(lease.value, clock)) as samples:
            async for sample in samples:
                yield sample
    finally:
        await lease.release()


async def _frames(relay: Relay, clock: Clock) -> AsyncGenerator[Sample]:
    track: Track | None = None
    opened = clock.monotonic()
    async with aclosing(relay.frames()) as frames:
        async for frame in frames:
            # The first frame may be older than the recording; unreadable ones are left out.
            if frame.at < opened or (size := jpeg_size(frame.jpeg)) is None:
                continue
            if track is None or size != (track.width, track.height):
                track = Track(codec="mjpeg", width=size[0], height=size[1])
            yield Sample(track=track, data=frame.jpeg, at=frame.at)

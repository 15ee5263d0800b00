"""The key frames of an RTSP stream: one every second or so, and the only ones that are cheap to decode."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
import threading
from typing import Final

from av.video.frame import VideoFrame
import numpy as np
from numpy.typing import NDArray

from ..kernel.clock import Clock
from .picture import jpeg
from .rtsp_engine import opened
from .thread_reader import read_in_thread

# How wide the grey picture is; its height follows.
WIDTH: Final = 160
# Seconds without anything from the camera after which the stream counts as dead.
_PATIENCE: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFrame:
    """One picture; both methods are slow, so they are for another thread. `taken_at` is aware."""

    taken_at: datetime
    frame: VideoFrame = field(repr=False)

    def grey(self) -> NDArray[np.uint8]:
        """Return it small and grey."""
        height = max(1, round(self.frame.height * WIDTH / self.frame.width))
        small = self.frame.reformat(width=WIDTH, height=height, format="gray").to_ndarray()
        return small.astype(np.uint8, copy=False)

    def jpeg(self) -> bytes:
        """Return it as a JPEG of its own size."""
        return jpeg(self.frame)


async def key_frames(address: str, clock: Clock) -> AsyncGenerator[KeyFrame]:
    """Yield key frames, always the newest; raises AuthError, Unreachable, Malformed, the first two also at its end."""
    loop = asyncio.get_running_loop()
    newest: asyncio.Queue[VideoFrame] = asyncio.Queue(1)
    stop = threading.Event()

    def keep(frame: VideoFrame) -> None:
        if newest.full():
            newest.get_nowait()
        newest.put_nowait(frame)

    def deliver(frame: VideoFrame) -> None:
        loop.call_soon_threadsafe(keep, frame)

    work = partial(_read, address, stop, deliver)
    async with aclosing(read_in_thread(work, stop, newest, reason="no_frames")) as frames:
        async for frame in frames:
            yield KeyFrame(taken_at=clock.now(), frame=frame)


def _read(address: str, stop: threading.Event, deliver: Callable[[VideoFrame], object]) -> None:
    """Decode key frames until told to stop; blocks."""
    with opened(address, _PATIENCE) as (container, stream):
        stream.codec_context.skip_frame = "NONKEY"
        for packet in container.demux(stream):
            if stop.is_set():
                return
            if packet.is_keyframe:
                for frame in packet.decode():
                    deliver(frame)

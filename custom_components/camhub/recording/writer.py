"""One run of samples on its way through ffmpeg into a file."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Final

from ..kernel.clock import Clock
from ..kernel.counters import Counters
from ..kernel.errors import Unreachable
from ..kernel.samples import Sample, Track
from ..kernel.waiting import first_of
from .encoding import Encoding, arguments
from .ffmpeg import Ffmpeg
from .mux import Muxer

# What waits for an ffmpeg that is too slow; more than that is left out of the recording.
MOST_WAITING: Final = 64 * 2**20
# Seconds for what waits to be taken when the recording ends.
_DRAIN_S: Final = 2.0


class FfmpegWriter:
    """Feeds ffmpeg, which is started with the first sample; `feed` never waits."""

    def __init__(self, part: Path, encoding: Encoding, *, binary: str, clock: Clock, counters: Counters) -> None:
        """Start nothing yet."""
        self._part = part
        self._encoding = encoding
        self._binary = binary
        self._clock = clock
        self._counters = counters
        self._waiting: deque[Sample] = deque()
        self._size = 0
        self._arrived = asyncio.Event()
        self._over = False
        self._skipping = True
        self._track: Track | None = None
        self._writing: asyncio.Task[None] | None = None
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.encoder: Ffmpeg | None = None

    def feed(self, sample: Sample) -> None:
        """Take a sample. It begins with a key picture, also after some had to be left out."""
        if self._over or (self._skipping and not sample.key):
            return
        if self._track is not None and sample.track != self._track:
            # Another picture size cannot go on in the same file.
            self.end()
            return
        if self._size > MOST_WAITING:
            self._counters.count("recorder.left_out")
            self._skipping = True
            return
        self._skipping = False
        self._track = sample.track
        self._waiting.append(sample)
        self._size += len(sample.data)
        self._arrived.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(sample.track), name="recording")
            self._writing.add_done_callback(lambda _: self.ended.set())

    def end(self) -> None:
        """Take no more."""
        self._over = True
        self._arrived.set()
        if self._writing is None:
            self.ended.set()

    def abandon(self) -> None:
        """End at once, whatever becomes of the file."""
        self.end()
        if self._writing is not None:
            self._writing.cancel()
        if self.encoder is not None:
            self.encoder.kill()

    async def finish(self) -> bool:
        """End ffmpeg and return whether it ended by itself; raises HubError where it failed or had nothing to do."""
        self.end()
        try:
            await self._drain()
        finally:
            if self.encoder is not None:
                await self.encoder.stop()
        if self._writing is None:
            raise Unreachable("not one picture came", reason="no_frames")
        if self._writing.done() and not self._writing.cancelled() and (error := self._writing.exception()) is not None:
            raise error
        return self.encoder is not None and not self.encoder.killed

    async def _drain(self) -> None:
        """Wait until what waits was taken, within reason."""
        if (writing := self._writing) is None:
            return
        try:
            await first_of(writing, self._clock.sleep(_DRAIN_S))
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, track: Track) -> None:
        """Hand samples on until there are no more or ffmpeg takes none; raises HubError."""
        encoder = self.encoder = await Ffmpeg.start(
            self._binary, arguments(track, self._encoding, self._part), self._clock
        )
        encoder.on_end(self.end)
        muxer = Muxer(track)
        self.begun.set()
        while (sample := await self._next()) is not None:
            if not await encoder.feed(muxer.wrap(sample)):
                return
        await encoder.feed(muxer.close())

    async def _next(self) -> Sample | None:
        while not self._waiting:
            if self._over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        sample = self._waiting.popleft()
        self._size -= len(sample.data)
        return sample

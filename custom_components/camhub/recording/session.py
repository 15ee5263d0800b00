"""One recording, from its start to a playable file."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
import random
from typing import Final

from ..kernel.clock import Clock
from ..kernel.counters import Counters
from ..kernel.errors import HubError, Unreachable
from ..kernel.model import CameraEvent, Clip
from ..kernel.policy import Chance
from ..kernel.samples import Sample
from ..kernel.waiting import first_of
from .encoding import Encoding
from .ffmpeg import FFMPEG, located
from .finish import Seen, finish, part_of, unwritten
from .library import Library
from .retention import RetentionLimits, short_of, sweep
from .writer import FfmpegWriter

# Seconds between two looks at whether it is over, and at the disk meanwhile.
_LOOK_S: Final = 1.0
_DISK_S: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What all recorders of an account share.

    `on_change` is told of a camera that begins or ends to be recorded, `on_finished` of what came of it, `on_problem`
    why a recording failed (a slug), or None where one went well.
    """

    library: Library
    limits: RetentionLimits
    clock: Clock
    counters: Counters
    on_change: Callable[[str], None]
    on_finished: Callable[[Clip, CameraEvent | None], None]
    on_problem: Callable[[str | None], None]
    program: str = FFMPEG
    chance: Chance = field(default=random.random)

    async def ffmpeg(self) -> str:
        """Return the path of ffmpeg; raises Unsupported (`ffmpeg_missing`)."""
        return await located(self.program)

    async def make_room(self) -> None:
        """Delete what is over the limits; raises Unreachable (`disk_full`) where too little is free then."""
        try:
            gone = await asyncio.to_thread(sweep, self.library, self.limits, self.clock.now())
            short = await asyncio.to_thread(short_of, self.library.root, self.limits)
        except OSError as error:
            raise unwritten(error) from None
        for _ in gone:
            self.counters.count("recorder.deleted")
        if short:
            raise Unreachable("too little is free on the disk", reason="disk_full")


class RecordingSession:
    """A recording that is being made; `until` and `latest` are monotonic, and no later than `latest` it ends."""

    def __init__(self, tools: Tools, encoding: Encoding, *, until: float, latest: float) -> None:
        """Write nothing yet."""
        self._tools = tools
        self._encoding = encoding
        self.until = until
        self.latest = latest
        self._lasts: Callable[[], bool] = lambda: False
        self._stopping = asyncio.Event()
        self.writer: FfmpegWriter | None = None
        self.file: Path | None = None
        self.begun = asyncio.Event()

    def put_off(self, until: float) -> None:
        """End later, never sooner."""
        self.until = max(self.until, until)

    def stop(self) -> None:
        """End now."""
        self._stopping.set()

    def while_lasting(self, lasts: Callable[[], bool]) -> None:
        """Do not end, but for `latest`, while that is so."""
        self._lasts = lasts

    async def into_library(
        self, place: Callable[[], Path], kept: Callable[[], Sequence[Sample]], start: datetime
    ) -> Seen:
        """Record where `place`, which blocks, says, beginning with what was `kept`; raises HubError."""
        binary = await self._tools.ffmpeg()
        await self._tools.make_room()
        try:
            self.file = await asyncio.to_thread(place)
        except OSError as error:
            raise unwritten(error) from None
        return await self._record(binary, self.file, kept, start)

    async def into_file(self, file: Path, kept: Callable[[], Sequence[Sample]]) -> Seen:
        """Record into a file that somebody named; raises HubError."""
        binary = await self._tools.ffmpeg()
        try:
            await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritten(error) from None
        self.file = file
        return await self._record(binary, file, kept, None)

    async def _record(
        self, binary: str, file: Path, kept: Callable[[], Sequence[Sample]], start: datetime | None
    ) -> Seen:
        tools = self._tools
        part = part_of(file)
        writer = FfmpegWriter(part, self._encoding, binary=binary, clock=tools.clock, counters=tools.counters)
        try:
            for sample in kept():
                writer.feed(sample)
            self.writer = writer
            full = await self._until_over(writer)
            self.writer = None
            whole = await writer.finish()
        except HubError:
            # What is there by then is better than nothing; what the disk does not take now is mended at the next start.
            with suppress(HubError):
                await asyncio.to_thread(finish, file, start=start, whole=False)
            if start is None:
                # In somebody else's folder nobody would mend it.
                await asyncio.to_thread(part.unlink, missing_ok=True)
            raise
        finally:
            self.writer = None
            writer.abandon()
        seen = await asyncio.to_thread(finish, file, start=start, whole=whole)
        if full is not None:
            raise full
        return seen

    async def _until_over(self, writer: FfmpegWriter) -> HubError | None:
        """Return at the end; what is wrong with the disk, if that ends it."""
        clock, looked = self._tools.clock, self._tools.clock.monotonic()
        while not (self._stopping.is_set() or writer.ended.is_set()):
            now = clock.monotonic()
            if now >= self.latest or (now >= self.until and not self._lasts()):
                break
            if now - looked >= _DISK_S:
                looked = now
                try:
                    await self._tools.make_room()
                except HubError as error:
                    return error
            if writer.begun.is_set():
                self.begun.set()
            left = self.latest if self._lasts() else min(self.until, self.latest)
            await self._pause(min(_LOOK_S, max(0.0, left - now)), writer)
        if writer.begun.is_set():
            self.begun.set()
        return None

    async def _pause(self, seconds: float, writer: FfmpegWriter) -> None:
        """Wait so long, or until it stops, or begins."""
        waits = [self._stopping.wait(), writer.ended.wait(), self._tools.clock.sleep(seconds)]
        if not writer.begun.is_set():
            waits.append(writer.begun.wait())
        await first_of(*waits)

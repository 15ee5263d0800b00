"""What the tests of recordings share: a camera that a test feeds, and a look into what came of it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

import av
from PIL import Image

from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.model import CameraEvent, Clip
from custom_components.camhub.kernel.samples import Sample, Track
from custom_components.camhub.recording.library import Library
from custom_components.camhub.recording.retention import RetentionLimits
from custom_components.camhub.recording.session import Tools
from tests.fake_clock import FakeClock, settle

TRACK: Final = Track(codec="mjpeg", width=64, height=48)
NO_LIMITS: Final = RetentionLimits(days=0, size=0, free=0)


def jpeg(number: int = 0, width: int = 64, height: int = 48) -> bytes:
    """Return a picture whose brightness tells its number."""
    content = BytesIO()
    Image.new("RGB", (width, height), (number * 20 % 256,) * 3).save(content, "JPEG")
    return content.getvalue()


def sample(at: float, number: int = 0, *, key: bool = True, track: Track = TRACK, size: int = 0) -> Sample:
    return Sample(track=track, data=bytes(size) or jpeg(number), at=at, key=key)


@dataclass(frozen=True)
class Played:
    """What a player finds in a file: times in seconds."""

    codec: str
    size: tuple[int, int]
    times: Sequence[float]
    duration: float

    @property
    def length(self) -> float:
        return self.times[-1] - self.times[0]


def played(file: Path) -> Played:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        context = stream.codec_context
        return Played(
            codec=context.name,
            size=(context.width, context.height),
            times=times,
            duration=(container.duration or 0) / 1_000_000,
        )


class Yard:
    """A camera whose pictures a test puts in, at the clock's time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened = 0
        self.open = 0
        self.shown = 0
        self._samples: asyncio.Queue[Sample | Exception | None] = asyncio.Queue()

    async def source(self) -> AsyncGenerator[Sample]:
        self.opened += 1
        self.open += 1
        try:
            while (one := await self._samples.get()) is not None:
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.open -= 1

    def put(self, one: Sample | Exception | None) -> None:
        self._samples.put_nowait(one)

    async def show(self, seconds: float, fps: float = 5, track: Track = TRACK) -> None:
        """Let so much time pass, with pictures."""
        for _ in range(round(seconds * fps)):
            self.shown += 1
            self.put(Sample(track=track, data=jpeg(self.shown, track.width, track.height), at=self.clock.monotonic()))
            await settle()
            await self.clock.advance(1 / fps)


@dataclass
class Desk:
    """Keeps what recorders tell."""

    root: Path
    clock: FakeClock
    limits: RetentionLimits = NO_LIMITS
    changed: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    finished: list[tuple[Clip, CameraEvent | None]] = field(default_factory=list)
    problems: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.library = Library(self.root, "account")
        self.counters = Counters(self.clock)
        self.tools = Tools(
            library=self.library,
            limits=self.limits,
            clock=self.clock,
            counters=self.counters,
            on_change=self.changed.append,
            on_finished=self._finished,
            on_problem=self._problem,
            chance=lambda: 0.0,
        )

    def _finished(self, clip: Clip, event: CameraEvent | None) -> None:
        self.finished.append((clip, event))
        self.told.set()

    def _problem(self, reason: str | None) -> None:
        self.problems.append(reason)
        if reason is not None:
            self.told.set()

    def files(self) -> list[str]:
        """Return the names of all that lies there."""
        return sorted(path.name for path in self.root.rglob("*") if path.is_file())

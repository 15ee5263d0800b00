"""Recordings: what encoding a camera's pictures costs while it is recorded, ffmpeg and our own part together."""

import asyncio
from collections.abc import AsyncGenerator
from io import BytesIO
from pathlib import Path
import resource
import tempfile
from typing import Final

from PIL import Image

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.samples import Sample, Track
from custom_components.camhub.recording.library import Library
from custom_components.camhub.recording.recorder import Recorder, RecordingSettings
from custom_components.camhub.recording.retention import RetentionLimits
from custom_components.camhub.recording.session import Tools
from simulators.scenes import shots

from .figure import Figure
from .plan import FULL, Plan

FPS: Final = 15
SIZE: Final = (640, 480)
SCENE: Final = "someone near"
GOAL: Final = 40.0
# Windows as long as those of other figures would be mostly the start of ffmpeg.
LONGER: Final = 4


def _pictures() -> list[bytes]:
    """Return pictures of VGA size, whatever the size of the scene's own."""
    pictures = []
    for shot in list(shots(SCENE, size=SIZE))[:60]:
        content = BytesIO()
        Image.open(BytesIO(shot.jpeg)).resize(SIZE).save(content, "JPEG", quality=80)
        pictures.append(content.getvalue())
    return pictures


def _spent() -> float:
    """Return CPU seconds of this process and of those it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


async def _percent(pictures: list[bytes], seconds: float) -> float:
    """Record for so long; return what that took of one core."""
    clock = SystemClock()
    track = Track(codec="mjpeg", width=SIZE[0], height=SIZE[1])

    async def source() -> AsyncGenerator[Sample]:
        begun = clock.monotonic()
        for number in range(round(3600 * FPS)):
            yield Sample(track=track, data=pictures[number % len(pictures)], at=clock.monotonic())
            await clock.sleep(max(0.0, begun + (number + 1) / FPS - clock.monotonic()))

    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(
            library=Library(Path(folder), "bench"),
            limits=RetentionLimits(days=0, size=0, free=0),
            clock=clock,
            counters=Counters(clock),
            on_change=lambda _: None,
            on_finished=lambda _clip, _event: None,
            on_problem=lambda _: None,
        )
        recorder = Recorder("bench", source, RecordingSettings(), tools)
        before, begun = _spent(), clock.monotonic()
        await recorder.start(3600)
        await clock.sleep(seconds)
        await recorder.stop()
        spent, took = _spent() - before, clock.monotonic() - begun
        await recorder.close()
    return 100 * spent / took


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure it, start and end included; the lowest of the rounds is the one that others disturbed least."""
    pictures = await asyncio.to_thread(_pictures)
    rounds = [await _percent(pictures, plan.seconds * LONGER) for _ in range(plan.rounds)]
    return [
        Figure(
            figure="cpu_percent_vga_15fps",
            value=min(rounds),
            unit="% of a core",
            goal=GOAL,
            better="lower",
            against="MJPEG into webm (VP8) of medium quality, a person walking, ffmpeg included",
        )
    ]

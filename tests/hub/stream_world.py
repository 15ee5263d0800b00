"""Cameras of every kind behind the stream routes, and whoever asks."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np

from custom_components.camhub.kernel.errors import HubError
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.model import Clip, EventKind, Image

from .fake_provider import FakeProvider
from .pictures import jpeg

ODD = "Hof/Tür ✓?#"
"""A camera's name that a path has to encode."""
FILM = bytes(range(256)) * 40
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FakeClips:
    """A recording of known size, one that goes on and one whose size is not told."""

    def __init__(self) -> None:
        self.error: HubError | None = None
        self.broken: HubError | None = None
        self.short = False
        self.closed = 0

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        if self.error is not None:
            raise self.error
        long = Clip(
            id="A/1",
            camera="gate",
            start=START,
            end=START + timedelta(minutes=1),
            kind=EventKind.MOTION,
            size=len(FILM),
        )
        clips = (
            long,
            Clip(id="B", camera="gate", start=START + timedelta(minutes=2)),
            Clip(id="C", camera="gate", start=START + timedelta(minutes=3), end=START + timedelta(minutes=4)),
        )
        return [clip for clip in clips if clip.start < end and (clip.end or clip.start) > start]

    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        try:
            for at in range(0, len(FILM), 1000):
                if at and self.broken is not None:
                    raise self.broken
                yield FILM[at : at + 1000]
                if self.short:
                    return
        finally:
            self.closed += 1


class PicturedFakeClips(FakeClips):
    """The same with pictures, and with a word for what was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = 0

    async def thumbnail(self, clip: Clip) -> Image:
        self.pictures += 1
        if self.error is not None:
            raise self.error
        return Image(content=jpeg(4), taken_at=clip.start, source="event")


class FakeHls:
    """A camera's own HLS."""

    def __init__(self) -> None:
        self.reading = 0
        first = b"#EXTM3U\nvideo/live.m3u8?session=s3cret\n"
        self.files = {
            "": first,
            "index.m3u8": first,
            "video/live.m3u8?session=s3cret": b'#EXTM3U\n#EXT-X-MAP:URI="../init.mp4"\n#EXTINF:2,\n1.ts\n',
            "video/1.ts": b"seg" * 1000,
            "elsewhere.m3u8": b"#EXTM3U\nhttp://192.0.2.9/1.ts\n",
            "endless.m3u8": bytes(2**20 + 1),
            "empty.bin": b"",
        }

    async def open(self, path: str) -> AsyncGenerator[bytes]:
        return self._chunks(self.files[path])

    async def _chunks(self, data: bytes) -> AsyncGenerator[bytes]:
        self.reading += 1
        try:
            for at in range(0, len(data), 1000):
                yield data[at : at + 1000]
        finally:
            self.reading -= 1


class Never:
    """A camera that is asked for anything and does not answer."""

    async def take(self, width: int | None = None) -> Image:
        return await asyncio.Future()

    async def open(self, *_: object) -> Any:
        return await asyncio.Future()

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        return await asyncio.Future()

    async def thumbnail(self, clip: Clip) -> Image:
        return await asyncio.Future()

    def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        raise NotImplementedError


class FilmRtsp:
    """Hands a film to Home Assistant's stream in the place of an address."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def peek(self) -> str | None:
        return None

    async def open(self) -> Lease[str]:
        return Lease(value=str(self.path))


def film(path: Path, seconds: int = 20) -> None:
    """Write a film with a key frame every second."""
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=2, options={"preset": "ultrafast", "g": "2"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(2 * seconds):
            picture = np.full((48, 64, 3), number % 256, dtype=np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)


def every_kind(provider: FakeProvider) -> None:
    """List a camera of each kind."""
    provider.listed = [
        provider.camera("yard"),
        provider.camera("street", mjpeg=provider.mjpeg, stills=None),
        provider.camera("gate", rtsp=provider.rtsp, clips=PicturedFakeClips()),
        provider.camera("door", webrtc=provider.webrtc, stills=None),
        provider.camera("barn", hls=FakeHls(), stills=None),
        provider.camera("dark", online=False, offline_reason="no_signal"),
        provider.camera(ODD),
    ]

"""The format of a video segment."""

from dataclasses import dataclass
from io import BytesIO

import av
from av.error import FFmpegError

from ..kernel.errors import Malformed


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """Size in pixels, frames a second and the codec's short name."""

    width: int
    height: int
    fps: float | None
    codec: str


def probe(film: bytes, seconds: float) -> Film:
    """Return what the video of so many seconds of a film is; raises Malformed. It reads all, so not in the loop."""
    try:
        with av.open(BytesIO(film), "r") as container:
            (video, *_) = container.streams.video
            frames = sum(packet.size > 0 for packet in container.demux(video))
            codec = video.codec_context
            fps = round(frames / seconds, 1) if seconds > 0 else None
            return Film(width=codec.width, height=codec.height, fps=fps, codec=codec.name)
    except (FFmpegError, ValueError) as error:
        raise Malformed(type(error).__name__) from None

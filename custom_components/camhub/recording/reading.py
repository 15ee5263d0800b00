"""Opening a film. One from elsewhere may be a playlist that names other files or addresses; none of those is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..kernel.errors import Malformed
from ..kernel.stills import PIXEL_LIMIT

# What cameras and recorders hand out, and nothing that leads elsewhere.
FORMATS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,h264,hevc,dhav"
# For FFmpeg, of all that is opened: nothing but the film itself, and no picture that asks for gigabytes.
BOUNDED: Final[Mapping[str, str]] = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "max_pixels": str(PIXEL_LIMIT),
}


@contextmanager
def opened(path: Path, reason: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Give the film and its pictures; raises Malformed(`reason`) where it is none, or cannot be read on. Blocking."""
    try:
        with av.open(str(path), options=dict(BOUNDED)) as container:
            if not container.streams.video:
                raise Malformed("no picture in it", reason=reason)
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": BOUNDED["max_pixels"]}
            yield container, stream
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise Malformed(type(error).__name__, reason=reason) from None

"""What a file from a vendor is, and a film of it that everything plays: H.264 in MP4, copied wherever possible.

A file from elsewhere may be a playlist that names other files; neither reader follows one.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import av

from ..kernel.clock import Clock
from ..kernel.errors import Malformed, Unreachable, Unsupported
from .ffmpeg import Ffmpeg, located
from .reading import BOUNDED, opened

MP4: Final = "video/mp4"
ENDINGS: Final = {"mp4": ".mp4", "matroska": ".mkv", "mpegts": ".ts", "mpeg": ".mpg", "avi": ".avi"}
TYPES: Final = {
    ".mp4": MP4,
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".mpg": "video/mpeg",
    ".avi": "video/x-msvideo",
}
# Sound that players find in MP4; anything else becomes AAC.
_SOUNDS: Final = frozenset({"aac", "mp3", "ac3"})
# A film that lost more than this share of its length was cut.
_SHORTEST: Final = 0.9
# Seconds that converting may take: at least, and for each second of film.
_LEAST: Final = 300.0
_EACH: Final = 20.0
_CHUNK: Final = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A file as it is; `container` as FFmpeg calls it, `seconds` None where the file does not say."""

    container: str
    video: str
    audio: str | None
    seconds: float | None

    @property
    def plays(self) -> bool:
        """Return whether everything plays it as it is."""
        return "mp4" in self.container.split(",") and self.video == "h264"

    @property
    def ending(self) -> str:
        """Return the ending of its name."""
        kinds = self.container.split(",")
        return next((ending for kind, ending in ENDINGS.items() if kind in kinds), ".mp4")


def probe(path: Path) -> Facts:
    """Return what a file is; raises Malformed (`clip_not_a_film`). Blocking."""
    with opened(path, "clip_not_a_film") as (container, video):
        audio = container.streams.audio
        return Facts(
            container=container.format.name,
            video=video.codec_context.name,
            audio=audio[0].codec_context.name if audio else None,
            seconds=container.duration / av.time_base if container.duration else None,
        )


def digest(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file; raises OSError. Blocking."""
    size, running = 0, sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            running.update(chunk)
    return size, running.hexdigest()


async def convert(program: str, source: Path, target: Path, facts: Facts, clock: Clock) -> None:
    """Make a film that everything plays; raises Malformed (`clip_not_converted`).

    Raises Unreachable where there is no room, no process or no ffmpeg: it waits until there is.
    """
    try:
        binary = await located(program)
    except Unsupported as error:
        raise Unreachable(str(error), reason=error.reason) from error
    process = await Ffmpeg.start(binary, _arguments(source, target, facts), clock)
    try:
        await process.work(max(_LEAST, (facts.seconds or 0.0) * _EACH))
    except Malformed as error:
        raise Malformed(str(error), reason="clip_not_converted") from error


def check_length(before: Facts, after: Facts) -> None:
    """Raise Malformed where a converted film has lost a part."""
    if before.seconds and (after.seconds or 0.0) < before.seconds * _SHORTEST:
        raise Malformed("the converted film is shorter", reason="clip_not_converted")


def _arguments(source: Path, target: Path, facts: Facts) -> list[str]:
    # One thread: a film more or less late harms nobody, a slow Home Assistant does.
    video = ["copy"] if facts.video == "h264" else ["libx264", "-preset", "veryfast", "-crf", "23", "-threads", "1"]
    pixels = [] if facts.video == "h264" else ["-pix_fmt", "yuv420p"]
    audio = "copy" if facts.audio in _SOUNDS else "aac"
    return [
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        *(part for key, value in BOUNDED.items() for part in (f"-{key}", value)),
        *("-i", f"file:{source}"),
        *("-map", "0:v:0", "-map", "0:a:0?", "-c:v", *video, *pixels, "-c:a", audio),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{target}"),
    ]

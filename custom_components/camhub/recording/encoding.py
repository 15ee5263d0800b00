"""How a recording is encoded: what ffmpeg is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ..kernel.samples import Track


class Quality(StrEnum):
    """How much is kept of a picture."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Container(StrEnum):
    """The kind of file; also its suffix."""

    WEBM = "webm"
    MP4 = "mp4"


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """Quality and kind of a recording."""

    quality: Quality = Quality.MEDIUM
    container: Container = Container.WEBM


# Constant quality of VP8 (4 to 63, less is better) and its most bits per second at 640x480.
_VP8: Final[Mapping[Quality, tuple[int, int]]] = MappingProxyType(
    {Quality.LOW: (36, 500_000), Quality.MEDIUM: (24, 1_200_000), Quality.HIGH: (12, 3_000_000)}
)
# Constant quality of H.264 (0 to 51).
_H264: Final[Mapping[Quality, int]] = MappingProxyType({Quality.LOW: 30, Quality.MEDIUM: 25, Quality.HIGH: 20})
_VGA: Final = 640 * 480
# What fits into the file as it comes.
_COPIED: Final = frozenset({"h264", "hevc"})
# A crash loses no more than this of what was recorded, in milliseconds.
_PIECE_MS: Final = 1000


def arguments(track: Track, encoding: Encoding, file: Path) -> Sequence[str]:
    """Return what ffmpeg is told: NUT from its standard input, the recording into `file`."""
    return (
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "nut", "-i", "pipe:0", "-an"),
        *_codec(track, encoding),
        *_file(encoding.container),
        f"file:{file}",
    )


def _codec(track: Track, encoding: Encoding) -> Sequence[str]:
    if encoding.container is Container.MP4 and track.codec in _COPIED:
        return ("-c:v", "copy", *(("-tag:v", "hvc1") if track.codec == "hevc" else ()))
    # Pictures keep their own times; a key picture every two seconds lets players jump.
    times = ("-fps_mode", "vfr", "-force_key_frames", "expr:gte(t,n_forced*2)", "-pix_fmt", "yuv420p")
    if encoding.container is Container.MP4:
        even = ("-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2")
        return ("-c:v", "libx264", "-preset", "superfast", "-crf", str(_H264[encoding.quality]), *even, *times)
    crf, bits = _VP8[encoding.quality]
    rate = round(bits * max(1.0, track.width * track.height / _VGA))
    speed = ("-deadline", "realtime", "-cpu-used", "8")
    return ("-c:v", "libvpx", *speed, "-crf", str(crf), "-b:v", str(rate), *times)


def _file(container: Container) -> Sequence[str]:
    if container is Container.MP4:
        # In pieces while it is written, so that a crash leaves something to play; `finish` makes one of them.
        pieces = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", f"{_PIECE_MS}000")
        return (*pieces, "-flush_packets", "1", "-f", "mp4")
    return ("-cluster_time_limit", str(_PIECE_MS), "-flush_packets", "1", "-f", "webm")

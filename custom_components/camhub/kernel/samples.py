"""Encoded pictures as they come from a camera, whatever carries them."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """What the pictures are encoded with (`mjpeg`, `h264`, `hevc`), and their size in pixels."""

    codec: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One encoded picture.

    `at` is monotonic seconds, `delay` how much later it is shown than decoded; decoding may begin at a `key` one.
    """

    track: Track
    data: bytes = field(repr=False)
    at: float
    key: bool = True
    delay: float = 0.0


type Source = Callable[[], AsyncGenerator[Sample]]

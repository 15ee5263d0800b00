"""Samples wrapped for ffmpeg's standard input, each with its own time, so that what is late does not play late.

The container is NUT: FFmpeg's own, for any codec, made for pipes, and without a wait between a picture and its bytes.
"""

from fractions import Fraction
from typing import Final

import av

from ..kernel.samples import Sample, Track

_TICKS: Final = 1000
_BASE: Final = Fraction(1, _TICKS)


class _Sink:
    """Takes what the container writes."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self.written)
        self.written.clear()
        return taken


class Muxer:
    """Wraps the samples of one track; times count from the first."""

    def __init__(self, track: Track) -> None:
        """Write nothing yet."""
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format="nut", options={"flush_packets": "1"})
        self._stream = self._container.add_mux_stream(track.codec, width=track.width, height=track.height)
        self._stream.time_base = _BASE
        self._begin: float | None = None
        self._last = -1

    def wrap(self, sample: Sample) -> bytes:
        """Return the bytes of one sample; time that stands still or runs back is set right."""
        if self._begin is None:
            self._begin = sample.at
        ticks = max(self._last + 1, round((sample.at - self._begin) * _TICKS))
        self._last = ticks
        packet = av.Packet(sample.data)
        packet.stream = self._stream
        packet.time_base = _BASE
        packet.dts = ticks
        packet.pts = ticks + max(0, round(sample.delay * _TICKS))
        packet.is_keyframe = sample.key
        self._container.mux(packet)
        return self._sink.take()

    def close(self) -> bytes:
        """Return the last bytes."""
        self._container.close()
        return self._sink.take()

"""A decoded frame turned into a JPEG, upright; a blank one is told from a real one."""

from fractions import Fraction
from typing import Final

import av
from av.video.reformatter import ColorRange
import numpy as np

# The quantiser of the JPEG encoder, 2 (best) to 31; 4 is near quality 85 elsewhere.
_QUANTISER: Final = 4
_FORMAT: Final = "yuvj420p"
# Brightness from 0 to 255. A sensor in the dark makes noise; what an encoder sends before it has a picture is even.
_DARK: Final = 24
_EVEN: Final = 4
# Every so many pixels are looked at: enough to find anything a person would see.
_STEP: Final = 4


def jpeg(frame: av.VideoFrame) -> bytes:
    """Return a frame as JPEG, turned as its stream says."""
    return _encoded(_full_range(_upright(frame)))


def jpeg_unless_blank(frame: av.VideoFrame) -> bytes | None:
    """Return a frame as JPEG, None if nothing can be seen in it."""
    picture = _full_range(frame)
    return None if _blank(picture) else _encoded(_full_range(_upright(frame)) if frame.rotation else picture)


def _full_range(frame: av.VideoFrame) -> av.VideoFrame:
    return frame.reformat(format=_FORMAT, dst_color_range=ColorRange.JPEG)


def _blank(picture: av.VideoFrame) -> bool:
    """Return whether a picture is all dark or all of one shade."""
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    seen = rows[: picture.height : _STEP, : picture.width : _STEP]
    darkest, brightest = int(seen.min()), int(seen.max())
    return brightest < _DARK or brightest - darkest <= _EVEN


def _upright(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a frame turned by the quarter turns that its display matrix asks for, anticlockwise."""
    if not (turns := round(frame.rotation / 90) % 4):
        return frame
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns)), "rgb24")


def _encoded(picture: av.VideoFrame) -> bytes:
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, _FORMAT
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": str(_QUANTISER), "qmax": str(_QUANTISER)}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])

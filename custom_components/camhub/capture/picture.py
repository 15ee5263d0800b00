"""Encodes a decoded frame as an upright JPEG, and recognises blank ones.

Pillow encodes: FFmpeg's encoder allocates ten megabytes for a 720p picture, which raises glibc's trim threshold in
every thread.
"""

import io
from typing import Final

import av
from av.video.reformatter import ColorRange
import numpy as np
from PIL import Image

from ..kernel.errors import Malformed
from ..kernel.stills import PIXEL_LIMIT

_QUALITY: Final = 85
# Brightness from 0 to 255. A sensor in the dark makes noise; what an encoder sends before it has a picture is even.
_DARK: Final = 24
_EVEN: Final = 4
# Only every nth pixel is examined, enough to find anything visible.
_STEP: Final = 4


def jpeg(frame: av.VideoFrame) -> bytes:
    """Return a frame as JPEG, turned as its stream says; raises Malformed for one that is too large."""
    return _encoded(_pixels(frame), frame.rotation)


def jpeg_unless_blank(frame: av.VideoFrame) -> bytes | None:
    """Return a frame as JPEG, None if nothing can be seen in it; raises Malformed for one that is too large."""
    pixels = _pixels(frame)
    return None if _blank(pixels) else _encoded(pixels, frame.rotation)


def _pixels(frame: av.VideoFrame) -> Image.Image:
    if frame.width * frame.height > PIXEL_LIMIT:
        raise Malformed(f"a picture of {frame.width} x {frame.height} pixels", reason="picture_too_large")
    rgb = frame.reformat(format="rgb24", dst_color_range=ColorRange.JPEG)
    plane = rgb.planes[0]
    rows = np.frombuffer(plane, np.uint8)
    return Image.frombuffer("RGB", (rgb.width, rgb.height), rows, "raw", "RGB", plane.line_size, 1)


def _blank(pixels: Image.Image) -> bool:
    """Return whether a picture is all dark or all of one shade."""
    seen = np.asarray(pixels)[::_STEP, ::_STEP].max(axis=2)
    darkest, brightest = int(seen.min()), int(seen.max())
    return brightest < _DARK or brightest - darkest <= _EVEN


def _encoded(pixels: Image.Image, rotation: int) -> bytes:
    """Return a JPEG, after the quarter turns that the stream's display matrix asks for, anticlockwise."""
    turns = round(rotation / 90) % 4
    upright = pixels.rotate(90 * turns, expand=True) if turns else pixels
    content = io.BytesIO()
    upright.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()

"""A short moving picture, encoded once as H.264 and played for ever."""

from collections.abc import Sequence
import colorsys
from dataclasses import dataclass, field
from fractions import Fraction
import math
import re

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_START_CODE = re.compile(rb"\x00\x00\x00?\x01")
_SPS, _PPS, _KEY_SLICE = 7, 8, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One picture as NAL units without start codes; a key frame begins with its parameter sets."""

    units: tuple[bytes, ...] = field(repr=False)
    key: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Frames to be sent `fps` to the second, over and over; `sps` and `pps` go into the description."""

    frames: tuple[Frame, ...] = field(repr=False)
    fps: int
    sps: bytes
    pps: bytes


def _picture(label: str, width: int, height: int, turn: float) -> Image.Image:
    """Draw a background of the label's own colour, its name and a ball at `turn` (0 to 1) of its round."""
    hue = sum(label.encode()) * 37 % 360 / 360
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.5, 0.45))
    picture = Image.new("RGB", (width, height), (red, green, blue))
    draw = ImageDraw.Draw(picture)
    x = width / 2 + width / 3 * math.cos(2 * math.pi * turn)
    y = height / 2 + height / 3 * math.sin(2 * math.pi * turn)
    size = height / 10
    draw.ellipse((x - size, y - size, x + size, y + size), fill="white")
    draw.text((width / 20, height / 20), label, fill="white", font=ImageFont.load_default(height / 12))
    return picture


def _units(data: bytes) -> tuple[bytes, ...]:
    return tuple(unit for unit in _START_CODE.split(data) if unit)


def _frame(units: Sequence[bytes]) -> Frame:
    return Frame(units=tuple(units), key=any(unit[0] & 0x1F == _KEY_SLICE for unit in units))


def encode(label: str, *, width: int = 640, height: int = 360, fps: int = 12, seconds: int = 4) -> Clip:
    """Encode a clip with a key frame each second; blocks for some tenths of a second."""
    encoder = av.CodecContext.create("libx264", "w")
    if not isinstance(encoder, av.VideoCodecContext):
        raise TypeError(encoder)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.thread_count = 1
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": f"keyint={fps}:min-keyint={fps}:scenecut=0:repeat-headers=1:bframes=0:slices=1",
    }
    packets = []
    for number in range(fps * seconds):
        picture = _picture(label, width, height, number / (fps * seconds))
        frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = tuple(_frame(_units(bytes(packet))) for packet in packets)
    first = {unit[0] & 0x1F: unit for unit in frames[0].units}
    return Clip(frames=frames, fps=fps, sps=first[_SPS], pps=first[_PPS])

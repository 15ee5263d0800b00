"""Tells a picture of one colour from any other, without decoding it."""

from typing import Final
import zlib

_SCAN: Final = b"\xff\xda"
# Bytes that even the emptiest picture takes, compressed again.
_LEAST: Final = 64


def is_blank(jpeg: bytes) -> bool:
    """Return whether a JPEG shows one colour only.

    Its blocks then repeat, so that it shrinks to a hundredth when compressed again; a picture of anything, also a dark
    one with a sensor's noise, keeps a third or more.
    """
    scan = jpeg[max(0, jpeg.rfind(_SCAN)) :]
    return len(zlib.compress(scan)) <= _LEAST + len(scan) // 10

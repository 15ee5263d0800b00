"""Tells a picture of one colour from any other, without decoding it."""

from typing import Final
import zlib

_SCAN: Final = b"\xff\xda"
# Bytes that even the emptiest picture takes, compressed again.
_LEAST: Final = 64
_STEP: Final = 8192


def is_blank(jpeg: bytes) -> bool:
    """Return whether a JPEG shows one colour only.

    Its blocks then repeat, so that it shrinks to a hundredth when compressed again; a picture of anything, also a dark
    one with a sensor's noise, keeps a third or more.
    """
    scan = memoryview(jpeg)[max(0, jpeg.rfind(_SCAN)) :]
    most = _LEAST + len(scan) // 10
    packer, packed = zlib.compressobj(level=1), 0
    for begin in range(0, len(scan), _STEP):
        packed += len(packer.compress(scan[begin : begin + _STEP]))
        if packed > most:
            # The rest would only hold the event loop up.
            return False
    return packed + len(packer.flush()) <= most

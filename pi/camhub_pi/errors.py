"""What goes wrong with a camera."""

from __future__ import annotations


class CameraError(Exception):
    """The camera gives no pictures; the text says why, in words for its owner."""

"""Small camera servers and what they get wrong: only the requests they know, and streams of every style."""

from .answers import Answer, Frames, Style, burst, page, picture, raw, redirect, silence, stream
from .server import MjpegServer, Request

__all__ = [
    "Answer",
    "Frames",
    "MjpegServer",
    "Request",
    "Style",
    "burst",
    "page",
    "picture",
    "raw",
    "redirect",
    "silence",
    "stream",
]

"""What a browser plays, and how what it does not play is made so."""

from typing import Final

from ..kernel.model import Clip
from .film_cache import Convert
from .remux import MP4, to_mp4

PLAYABLE: Final = frozenset({MP4, "video/webm"})


def played_as(clip: Clip) -> str:
    """Return the type that a clip is handed out as."""
    return clip.content_type if clip.content_type in PLAYABLE else MP4


def conversion(clip: Clip) -> Convert | None:
    """Return what makes an MP4 of a clip, None where it is played as it is."""
    return None if clip.content_type in PLAYABLE else to_mp4

"""Keeps the disk from filling: what is too old or too much goes, oldest first. Blocking: call it in a thread."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
import shutil

from .finish import picture_of
from .library import Library, Recording


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionLimits:
    """What an account's recordings may take, each 0 for no limit; `free` is what is to stay free on the disk."""

    days: float = 14
    size: int = 10 * 10**9
    free: int = 2 * 10**9


def sweep(library: Library, limits: RetentionLimits, now: datetime) -> Sequence[Path]:
    """Delete what is over the limits and return it. One that is being written is none yet, so it stays."""
    kept = library.recordings()
    gone: list[Path] = []
    if limits.days:
        oldest = now - timedelta(days=limits.days)
        while kept and kept[0].end < oldest:
            gone.append(_delete(kept.pop(0)))
    taken = sum(recording.size for recording in kept)
    while kept and limits.size and taken > limits.size:
        taken -= kept[0].size
        gone.append(_delete(kept.pop(0)))
    while kept and short_of(library.root, limits):
        gone.append(_delete(kept.pop(0)))
    return gone


def short_of(root: Path, limits: RetentionLimits) -> bool:
    """Return whether less is free on the disk than is to stay free."""
    return limits.free > 0 and free_bytes(root) < limits.free


def free_bytes(folder: Path) -> int:
    """Return what is free where a folder is, or will be; raises OSError."""
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def _delete(recording: Recording) -> Path:
    for path in (recording.path, picture_of(recording.path)):
        # Somebody else may have been quicker, or forbids it; the next one is tried then.
        with suppress(OSError):
            path.unlink()
    # Of its day it may have been the last.
    with suppress(OSError):
        recording.path.parent.rmdir()
    return recording.path

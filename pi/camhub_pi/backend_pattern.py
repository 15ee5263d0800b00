"""The moving test picture as a camera."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    import threading

    from .settings import Settings


class PatternBackend:
    """Draws test pictures at the pace asked for; needs Pillow."""

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now

    def frames(self, stopping: threading.Event) -> Generator[bytes, None, None]:
        """Yield test pictures until `stopping` is set; raises CameraError without Pillow."""
        try:
            from .pattern import Pattern
        except ImportError as error:
            raise CameraError("the test picture needs Pillow: sudo apt install python3-pil") from error
        settings = self._settings
        size = (settings.width, settings.height) if settings.upright else (settings.height, settings.width)
        pattern = Pattern(*size, settings.label)
        interval = 1 / settings.fps
        due = time.monotonic()
        while not stopping.wait(max(0.0, due - time.monotonic())):
            yield pattern.jpeg(self._now(), settings.quality)
            # After a pause (a suspended machine) the pace starts anew instead of catching up.
            due = max(due + interval, time.monotonic())

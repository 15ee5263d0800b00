"""What a source of pictures is, and which one suits this machine."""

from __future__ import annotations

from pathlib import Path
import shutil
from typing import TYPE_CHECKING, Protocol

from .backend_ffmpeg import FfmpegBackend
from .backend_pattern import PatternBackend
from .backend_picamera import PicameraBackend, cameras
from .errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Generator
    import threading

    from .settings import Settings

BACKENDS = ("auto", "picamera2", "v4l2", "pattern")


class Backend(Protocol):
    """A source of pictures."""

    def frames(self, stopping: threading.Event) -> Generator[bytes, None, None]:
        """Yield whole JPEGs until `stopping` is set; raises CameraError when there are no more."""
        ...


class AutoBackend:
    """Takes the camera that is there, looking again at every start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def frames(self, stopping: threading.Event) -> Generator[bytes, None, None]:
        """Yield the frames of the camera found; raises CameraError when there is none."""
        yield from self._found().frames(stopping)

    def _found(self) -> Backend:
        try:
            found = cameras()
            missing = "picamera2 lists no camera"
        except CameraError as error:
            found = []
            missing = str(error)
        if found:
            return PicameraBackend(self._settings)
        device = self._settings.device
        if not Path(device).exists():
            missing += f"; there is no {device}"
        elif shutil.which("ffmpeg"):
            return FfmpegBackend(self._settings)
        else:
            missing += f"; {device} needs ffmpeg: sudo apt install ffmpeg"
        raise CameraError(f"no camera: {missing}. `camhub-pi check` says what to do")


def backend_of(settings: Settings) -> Backend:
    """Return the backend the settings name; nothing is opened yet."""
    if settings.backend == "picamera2":
        return PicameraBackend(settings)
    if settings.backend == "v4l2":
        return FfmpegBackend(settings)
    if settings.backend == "pattern":
        return PatternBackend(settings)
    return AutoBackend(settings)

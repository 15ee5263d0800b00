"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8000
STORE_PORT = 3002
STREAM = f"http://127.0.0.1:{DEFAULT_PORT}/stream.mjpg"
RECORD_FPS = 10
LONGEST_S = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Choices of one camera server; sizes in pixels, rotation in degrees clockwise, times in seconds."""

    host: str = "0.0.0.0"
    port: int = DEFAULT_PORT
    backend: str = "auto"
    width: int = 640
    height: int = 480
    fps: int = 30
    quality: int = 75
    rotate: int = 0
    device: str = "/dev/video0"
    label: str = "camhub-pi"
    token: str | None = field(default=None, repr=False)
    max_clients: int = 20
    stale_after: float = 5.0
    disk_path: str = "/"
    announce: bool = True

    @property
    def upright(self) -> bool:
        """Return whether the picture keeps its width and height when rotated."""
        return self.rotate in {0, 180}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """Choices of one store of recordings; sizes in bytes, times in seconds, 0 of what is kept is without end."""

    videos: Path
    host: str = "0.0.0.0"
    port: int = STORE_PORT
    token: str | None = field(default=None, repr=False)
    largest: int = 2 * 2**30
    spare: int = 512 * 2**20
    keep_days: int = 0
    keep_bytes: int = 0
    source: str = STREAM
    source_token: str | None = field(default=None, repr=False)
    fps: int = RECORD_FPS
    longest: float = LONGEST_S
    announce: bool = True

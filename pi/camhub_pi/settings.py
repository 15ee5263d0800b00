"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_PORT = 8000


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

    @property
    def upright(self) -> bool:
        """Return whether the picture keeps its width and height when rotated."""
        return self.rotate in {0, 180}

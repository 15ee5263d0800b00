"""What a server sends as pictures and films."""

from camhub_pi.pattern import Pattern


class Pictures:
    """Test pictures of each camera; the last size asked for is kept ready."""

    def __init__(self) -> None:
        """Begin with none drawn."""
        self._patterns: dict[tuple[str, int, int], Pattern] = {}

    def of(self, label: str, size: tuple[int, int], at: float, height: int | None = None, quality: int = 70) -> bytes:
        """Return the picture of a moment (seconds), as high as asked for."""
        width, full = size
        if height is not None and height != full:
            width, full = max(16, round(width * height / full)), height
        key = (label, width, full)
        if key not in self._patterns:
            self._patterns[key] = Pattern(width, full, label)
        return self._patterns[key].jpeg(at, quality)

    def error(self, size: tuple[int, int], height: int | None = None) -> bytes:
        """Return the picture that stands for a camera that is down; the same at all times."""
        return self.of("No frames have been received", size, 0.0, height)

    def black(self, size: tuple[int, int]) -> bytes:
        """Return the picture of nothing known; the same at all times."""
        return self.of("", size, 0.0)


def film(name: str) -> bytes:
    """Return bytes that begin as an MP4 does; nothing plays them."""
    return b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + name.encode() * 4096

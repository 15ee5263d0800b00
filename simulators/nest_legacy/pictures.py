"""What the camera hosts send as pictures."""

from io import BytesIO

from camhub_pi.pattern import Pattern
from PIL import Image

_SHAPE = (16, 9)


class Pictures:
    """Test pictures of each camera, as wide as asked for."""

    def __init__(self) -> None:
        """Begin with none drawn."""
        self._patterns: dict[tuple[str, int], Pattern] = {}

    def of(self, label: str, width: int, at: float, *, blank: bool = False) -> bytes:
        """Return the picture of a moment (seconds), or one that shows nothing."""
        wide = max(64, min(width, 1920))
        height = wide * _SHAPE[1] // _SHAPE[0]
        if blank:
            output = BytesIO()
            Image.new("RGB", (wide, height), (8, 8, 8)).save(output, "JPEG")
            return output.getvalue()
        if (label, wide) not in self._patterns:
            self._patterns[label, wide] = Pattern(wide, height, label)
        return self._patterns[label, wide].jpeg(at)

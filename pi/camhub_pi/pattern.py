"""A moving picture with a clock, for when there is no camera."""

from __future__ import annotations

from datetime import UTC, datetime
import io
import math

from PIL import Image, ImageDraw, ImageFont

SKY_TOP = (18, 28, 58)
SKY_BOTTOM = (214, 120, 84)
HILLS = ((58, 56, 92), (40, 42, 70), (24, 28, 48))
INK = (250, 248, 240)
SHADOW = (12, 16, 30)
BALL = (255, 214, 92)
SAMPLES = 4
ORBIT_S = 8.0


class Pattern:
    """Draws the picture of any moment: hills, the time of day, a label, a ball that never rests."""

    def __init__(self, width: int, height: int, label: str = "") -> None:
        self._size = (width, height)
        self._label = label
        self._landscape = _landscape(width, height)
        self._ball = _ball(max(8, min(width, height) // 6))
        self._second: int | None = None
        self._background = self._landscape

    def jpeg(self, at: float, quality: int = 75) -> bytes:
        """Return the JPEG of that moment, `at` in seconds since the epoch; no two moments look the same."""
        second = math.floor(at)
        if second != self._second:
            self._background = self._with_text(second)
            self._second = second
        picture = self._background.copy()
        self._draw_moving(picture, at)
        output = io.BytesIO()
        picture.save(output, "JPEG", quality=quality)
        return output.getvalue()

    def _draw_moving(self, picture: Image.Image, at: float) -> None:
        width, height = self._size
        side = self._ball.width
        phase = math.tau * math.fmod(at, ORBIT_S) / ORBIT_S
        x = round((width - side) * (0.5 + 0.46 * math.sin(phase)))
        y = round((height - side) * (0.4 + 0.22 * math.sin(2 * phase)))
        picture.paste(self._ball, (x, y), self._ball)
        draw = ImageDraw.Draw(picture)
        unit = max(2, height // 96)
        part = at - math.floor(at)
        draw.rectangle((0, height - unit, round(part * (width - 1)), height), fill=BALL)
        # The milliseconds as ten squares: two frames within one pixel of the bar still differ.
        for bit in range(10):
            left = width - (10 - bit) * 2 * unit
            lit = int(part * 1000) >> (9 - bit) & 1
            draw.rectangle((left, unit, left + unit, 2 * unit), fill=INK if lit else SHADOW)

    def _with_text(self, second: int) -> Image.Image:
        width, height = self._size
        picture = self._landscape.copy()
        draw = ImageDraw.Draw(picture)
        moment = datetime.fromtimestamp(second, UTC).astimezone()
        margin = max(2, height // 30)
        _text(draw, (margin, margin), self._label, height // 16)
        _text(draw, (margin, round(height * 0.72)), f"{moment:%H:%M:%S}", height // 7)
        _text(draw, (margin, round(height * 0.88)), f"{moment:%Y-%m-%d}  {width}x{height}", height // 20)
        return picture


def _landscape(width: int, height: int) -> Image.Image:
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(Image.new("RGB", sky.size, SKY_BOTTOM), Image.new("RGB", sky.size, SKY_TOP), sky)
    draw = ImageDraw.Draw(picture)
    for row, colour in enumerate(HILLS):
        base = height * (0.62 + 0.12 * row)
        ridge = [
            (x, base + height * 0.05 * (math.sin(x / width * (7 + 3 * row) + 2 * row) + 0.4 * math.sin(x / width * 23)))
            for x in range(0, width + 8, 8)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    return picture


def _ball(side: int) -> Image.Image:
    big = Image.new("RGBA", (side * SAMPLES, side * SAMPLES), (*BALL, 0))
    draw = ImageDraw.Draw(big)
    edge = side * SAMPLES - 1
    draw.ellipse((0, 0, edge, edge), fill=(*BALL, 60))
    draw.ellipse((edge * 0.14, edge * 0.14, edge * 0.86, edge * 0.86), fill=(*BALL, 255))
    return big.resize((side, side), Image.Resampling.BILINEAR)


def _text(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int) -> None:
    font = _font(max(8, size))
    offset = max(1, size // 20)
    draw.text((at[0] + offset, at[1] + offset), text, font=font, fill=SHADOW)
    draw.text(at, text, font=font, fill=INK)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1, as bookworm has it, knows one size
        return ImageFont.load_default()

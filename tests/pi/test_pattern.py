import io

from camhub_pi.pattern import Pattern
from PIL import Image, ImageChops, ImageFont
import pytest

NOON = 1_767_355_200.0


def decoded(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (64, 48), (16, 16)])
def test_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    jpeg = Pattern(*size).jpeg(NOON)
    assert jpeg.startswith(b"\xff\xd8")
    assert jpeg.endswith(b"\xff\xd9")
    assert decoded(jpeg).size == size


def test_same_moment_same_picture_and_no_two_frames_alike() -> None:
    pattern = Pattern(640, 480, "Front door")
    frames = [pattern.jpeg(NOON + number / 60) for number in range(120)]
    assert len(set(frames)) == len(frames)
    assert Pattern(640, 480, "Front door").jpeg(NOON) == frames[0]


def test_clock_and_label_are_drawn() -> None:
    def changed(first: Image.Image, second: Image.Image, box: tuple[int, int, int, int]) -> bool:
        difference = ImageChops.difference(first, second).convert("L").crop(box)
        return any(difference.histogram()[100:])

    clock_box, label_box = (0, 340, 300, 420), (0, 0, 300, 50)
    now = decoded(Pattern(640, 480, "Garden").jpeg(NOON))
    # One orbit of the ball later only the clock has changed.
    later = decoded(Pattern(640, 480, "Garden").jpeg(NOON + 8))
    unnamed = decoded(Pattern(640, 480).jpeg(NOON))
    assert changed(now, later, clock_box)
    assert not changed(now, later, label_box)
    assert changed(now, unnamed, label_box)
    assert not changed(now, unnamed, clock_box)


def test_lower_quality_is_smaller() -> None:
    pattern = Pattern(640, 480)
    assert len(pattern.jpeg(NOON, 30)) < len(pattern.jpeg(NOON, 90))


def test_old_pillow_has_one_font_size(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = ImageFont.load_default

    def oldest() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return newest(10)

    monkeypatch.setattr(ImageFont, "load_default", oldest)
    assert decoded(Pattern(320, 240, "Old").jpeg(NOON)).size == (320, 240)

"""Short scenes before a camera that does not exist, each picture labelled: something moves in it, or not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

type Picture = NDArray[np.float32]
type Paint = Callable[[Stage, Picture, int], bool]

FPS: Final = 5
# The first seconds are for learning what is usual: nothing happens in them.
QUIET: Final = 4 * FPS
LENGTH: Final = 16 * FPS


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A yard of a size, seen by a sensor with some noise (grey levels); `random` is its own."""

    width: int
    height: int
    noise: float
    random: np.random.Generator
    yard: Picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """One picture and whether something moves in it."""

    jpeg: bytes
    moves: bool


def _yard(width: int, height: int, random: np.random.Generator) -> Picture:
    """Return a house, a path, a lawn: flat and rough places."""
    rough = Image.fromarray((random.random((height // 4, width // 4)) * 60 + 70).astype(np.uint8))
    picture = rough.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, height * 0.3), fill=165)
    draw.rectangle((width * 0.1, height * 0.12, width * 0.45, height * 0.55), fill=120)
    for column in range(3):
        left = width * (0.14 + 0.1 * column)
        draw.rectangle((left, height * 0.2, left + width * 0.06, height * 0.35), fill=60 + 20 * column)
    draw.polygon([(width * 0.4, height), (width * 0.7, height), (width * 0.58, height * 0.5)], fill=140)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), np.float32)


def _figure(picture: Picture, box: tuple[float, float, float, float], brightness: float) -> bool:
    """Paint a body; return whether any of it is in view."""
    left, top, right, bottom = (round(side) for side in box)
    height, width = picture.shape
    left, right = max(0, left), min(width, right)
    top, bottom = max(0, top), min(height, bottom)
    if left >= right or top >= bottom:
        return False
    picture[top:bottom, left:right] = brightness
    picture[top : top + max(1, (bottom - top) // 4), left:right] = brightness * 0.6 + 70
    return True


def _walks(size: float, brightness: float, speed: float = 0.1) -> Paint:
    """Someone `size` of the picture's height tall crosses, `speed` of its width a second."""

    def paint(stage: Stage, picture: Picture, number: int) -> bool:
        tall = stage.height * size
        left = stage.width * (-0.1 + speed * (number - QUIET) / FPS)
        top = stage.height * 0.92 - tall
        return number >= QUIET and _figure(picture, (left, top, left + tall * 0.4, top + tall), brightness)

    return paint


def _nothing(stage: Stage, picture: Picture, number: int) -> bool:
    """Leave the sensor's noise."""
    return False


def _light(stage: Stage, picture: Picture, number: int) -> bool:
    """Turn a lamp on and off that shines more on one side."""
    if (number - QUIET) // (3 * FPS) % 2 == 0 and number >= QUIET:
        picture *= np.linspace(1.15, 1.6, stage.width, dtype=np.float32)
    return False


def _dusk(stage: Stage, picture: Picture, number: int) -> bool:
    """Let it get dark within twelve seconds."""
    picture *= 1 - 0.6 * max(0, number - QUIET) / (LENGTH - QUIET)
    return False


def _cloud(stage: Stage, picture: Picture, number: int) -> bool:
    """Let the soft shadow of a cloud drift across."""
    middle = stage.width * (-0.5 + 0.15 * (number - QUIET) / FPS)
    across = np.arange(stage.width, dtype=np.float32)
    picture *= 1 - 0.35 * np.exp(-(((across - middle) / (0.25 * stage.width)) ** 2))
    return False


def _exposure(stage: Stage, picture: Picture, number: int) -> bool:
    """Hunt for the right exposure, as some cameras do."""
    if number >= QUIET:
        picture *= 1 + 0.2 * np.sin(number / 3)
    return False


def _rain(stage: Stage, picture: Picture, number: int) -> bool:
    """Draw streaks at other places in every picture."""
    for _ in range(60 if number >= QUIET else 0):
        left, top = stage.random.integers(0, (stage.width - 2, stage.height - 12))
        picture[top : top + 12, left : left + 1] += 45
    return False


def _shake(stage: Stage, picture: Picture, number: int) -> bool:
    """Let the wind move the mast."""
    if number >= QUIET:
        most = max(1, stage.width // 128)
        by = tuple(int(part) for part in stage.random.integers(-most, most + 1, 2))
        picture[:] = np.roll(picture, by, (0, 1))
    return False


def _tree(stage: Stage, picture: Picture, number: int) -> bool:
    """Let a bush sway the whole time."""
    left, top = int(stage.width * 0.8), int(stage.height * 0.35)
    by = round(3 * np.sin(number / 2.3))
    bush = picture[top : top + stage.height // 4, left : left + stage.width // 8]
    bush[:] = np.roll(bush, by, 1)
    return False


def _both(first: Paint, second: Paint) -> Paint:
    def paint(stage: Stage, picture: Picture, number: int) -> bool:
        moved = first(stage, picture, number)
        return second(stage, picture, number) or moved

    return paint


SCENES: Final[Mapping[str, tuple[Paint, float]]] = MappingProxyType(
    {
        "still": (_nothing, 2.0),
        "still, at night": (_nothing, 9.0),
        "a lamp": (_light, 3.0),
        "dusk": (_dusk, 3.0),
        "a cloud": (_cloud, 3.0),
        "exposure": (_exposure, 3.0),
        "rain": (_rain, 3.0),
        "a shaken camera": (_shake, 3.0),
        "a bush in the wind": (_tree, 3.0),
        "someone near": (_walks(0.7, 40), 3.0),
        "someone far": (_walks(0.22, 45), 3.0),
        "someone pale": (_walks(0.45, 185), 3.0),
        "someone at night": (_walks(0.5, 60), 9.0),
        "a car": (_walks(0.35, 210, 0.5), 3.0),
        "a cat": (_walks(0.1, 35, 0.15), 3.0),
        "someone in the rain": (_both(_walks(0.5, 40), _rain), 3.0),
        "someone under a cloud": (_both(_walks(0.5, 40), _cloud), 3.0),
        "someone and a lamp": (_both(_walks(0.5, 40), _light), 3.0),
        "someone before a shaken camera": (_both(_walks(0.5, 40), _shake), 3.0),
    }
)


def shots(name: str, *, size: tuple[int, int] = (640, 480), seed: int = 1, quality: int = 80) -> Iterator[Shot]:
    """Yield the pictures of a scene, the same ones for the same seed."""
    paint, noise = SCENES[name]
    random = np.random.default_rng(seed)
    width, height = size
    stage = Stage(width=width, height=height, noise=noise, random=random, yard=_yard(width, height, random))
    for number in range(LENGTH):
        picture = stage.yard.copy()
        moves = paint(stage, picture, number)
        picture += random.normal(0, noise, picture.shape).astype(np.float32)
        encoded = BytesIO()
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=quality)
        yield Shot(jpeg=encoded.getvalue(), moves=moves)

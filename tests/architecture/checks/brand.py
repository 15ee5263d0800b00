"""reference/validation.md §10: the images that Home Assistant and HACS show."""

from pathlib import Path
import struct

from . import PACKAGE, Check

BRAND = PACKAGE / "brand"
ICON_SIZES = {"": 256, "@2x": 512}
NAMES = tuple(f"{mode}{kind}{scale}.png" for mode in ("", "dark_") for kind in ("icon", "logo") for scale in ICON_SIZES)
MAXIMUM_BYTES = 40_000
ALPHA = frozenset({4, 6})


def _header(path: Path) -> tuple[int, int, int] | None:
    """Return width, height and colour type of a PNG."""
    head = path.read_bytes()[:26]
    if len(head) < 26 or not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    width, height, _, colour = struct.unpack(">IIBB", head[16:26])
    return width, height, colour


def names(root: Path) -> list[str]:
    """All images are there, and none that nobody serves."""
    there = {path.name for path in (root / BRAND).glob("*")}
    problems = [f"brand/{name} is missing" for name in NAMES if name not in there]
    return problems + [f"brand/{name} is served by nobody" for name in sorted(there - set(NAMES))]


def images(root: Path) -> list[str]:
    """Images are small PNGs with transparency; icons are square, a logo's shorter side lies within bounds."""
    problems: list[str] = []
    for path in sorted((root / BRAND).glob("*.png")):
        header = _header(path)
        size = ICON_SIZES["@2x" if path.stem.endswith("@2x") else ""]
        if header is None or header[2] not in ALPHA:
            problems.append(f"brand/{path.name}: no PNG with transparency")
            continue
        sides = header[:2]
        if "icon" in path.name and sides != (size, size):
            problems.append(f"brand/{path.name}: {sides}, not {size} pixels square")
        if "logo" in path.name and not size // 2 <= min(sides) <= size:
            problems.append(f"brand/{path.name}: the shorter side has {min(sides)} pixels")
        if path.stat().st_size > MAXIMUM_BYTES:
            problems.append(f"brand/{path.name}: {path.stat().st_size} bytes, at most {MAXIMUM_BYTES}")
    return problems


CHECKS: tuple[Check, ...] = (names, images)

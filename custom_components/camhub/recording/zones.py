"""Parts of a picture in which motion counts, as polygons in per cent of its width and height."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..kernel.errors import Unsupported

type Cells = NDArray[np.bool_]
type Point = tuple[float, float]

_CORNERS = 3
_WHOLE = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """A polygon of at least three points, each (x, y) of 0 to 100 from the upper left corner."""

    name: str
    points: tuple[Point, ...]

    @classmethod
    def read(cls, name: str, points: Sequence[Sequence[float]]) -> Self:
        """Check what a user drew; raises Unsupported (`invalid_zone`, with the zone's name)."""
        read = tuple((float(point[0]), float(point[1])) for point in points if len(point) == len(("x", "y")))
        inside = all(0 <= part <= _WHOLE for point in read for part in point)
        if not inside or len(read) != len(points) or len(set(read)) < _CORNERS:
            raise _no_polygon(name)
        return cls(name=name, points=read)

    def cells(self, shape: tuple[int, int]) -> Cells:
        """Return which cells of a grid (rows, columns) have their middle inside, by the even-odd rule."""
        rows, columns = shape
        x = (np.arange(columns) + 0.5) / columns * _WHOLE
        y = ((np.arange(rows) + 0.5) / rows * _WHOLE)[:, np.newaxis]
        inside = np.zeros(shape, dtype=np.bool_)
        for (x1, y1), (x2, y2) in zip(self.points, (*self.points[1:], self.points[0]), strict=True):
            if y1 != y2:
                crosses = (y1 > y) != (y2 > y)
                inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return inside


type Stored = Mapping[str, Sequence[Sequence[float]]]


def read_zones(stored: Stored) -> tuple[Zone, ...]:
    """Return the zones of an account's options; raises Unsupported for one that is no polygon."""
    return tuple(Zone.read(name, points) for name, points in stored.items())


def typed_zones(text: str) -> Stored:
    """Return zones as they are stored from lines `name: x,y x,y x,y`; raises Unsupported (`invalid_zone`)."""
    zones: dict[str, list[list[float]]] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, points = (part.strip() for part in line.rpartition(":"))
        try:
            zones[name] = [[float(part) for part in point.split(",")] for point in points.split()]
        except ValueError:
            raise _no_polygon(line) from None
        if not name:
            raise _no_polygon(line)
        Zone.read(name, zones[name])
    return zones


def zone_lines(stored: Stored) -> str:
    """Return zones as `typed_zones` reads them."""
    return "\n".join(
        f"{name}: {' '.join(','.join(f'{part:g}' for part in point) for point in points)}"
        for name, points in stored.items()
    )


def _no_polygon(name: str) -> Unsupported:
    return Unsupported("not a polygon", reason="invalid_zone", placeholders={"zone": name})

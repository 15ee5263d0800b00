"""What a camera usually sees, and how a picture differs from it.

A picture is looked at in cells of 4x4 pixels, whose means carry a quarter of the sensor's noise. Each has a running
background and a running deviation, so that a tree in the wind or rain raises its own threshold. Two kinds of
change are not motion, though they are everywhere at once: light, which keeps the structure of what it falls on, and a
shaken camera, whose picture fits the background again when it is moved back.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from .grey import Grey
from .zones import Cells

type Plane = NDArray[np.float32]

CELL: Final = 4
# How fast the background follows, in seconds: what stands still disappears into it, what moves does so slowly.
_FOLLOWS: Final = 4.0
_FOLLOWS_CHANGED: Final = 40.0
# A cell has changed when it differs by this many of its usual deviations, beyond the threshold.
_DEVIATIONS: Final = 3.0
# From these parts of the picture on it is asked whether it was light, and whether it was a shake.
_LARGE: Final = 0.04
_WIDESPREAD: Final = 0.12
# It was, when no more than this part of the difference is left without it.
_EXPLAINED: Final = 1 / 3
# Light changes little from one cell to those so near.
_LIGHT_REACHES: Final = 8
# The largest shake that is looked for, in pixels of the small picture.
_SHAKE: Final = 6
# A cell counts when so many of the nine around it have changed: rain and noise are lonely.
_COMPANY: Final = 4


class Background:
    """Learns one camera's usual picture; not to be used by two threads at once."""

    def __init__(self, threshold: float) -> None:
        """Know nothing yet; `threshold` is in grey levels of a cell's mean."""
        self._threshold = threshold
        self._usual: Plane = np.zeros((0, 0), np.float32)
        self._deviation: Plane = self._usual
        self._before: Cells = self._usual > 0
        # The last picture in which little was different, pixel by pixel.
        self._still: Grey = np.zeros((0, 0), np.uint8)

    def compare(self, grey: Grey, seconds: float) -> Cells:
        """Return which cells move in a picture that came `seconds` after the last, and learn from it."""
        rows, columns = (side // CELL * CELL for side in grey.shape)
        grey = grey[:rows, :columns]
        if self._still.shape != grey.shape or grey.size == 0:
            return self._begin(grey)
        now = _cells(grey)
        residual = now - self._usual
        changed = self._changed(residual)
        if (area := int(np.count_nonzero(changed))) > _LARGE * changed.size:
            residual, changed = self._explain(grey, now, residual, changed, area)
        else:
            self._still = grey
        self._learn(now, residual, changed, seconds)
        company = _crowded(changed, _COMPANY)
        # What moves is near where it was; a drop of rain is not.
        moving = company & _crowded(self._before, 1)
        self._before = company
        return moving

    def _begin(self, grey: Grey) -> Cells:
        self._still = grey
        self._usual = _cells(grey)
        self._deviation = np.full_like(self._usual, self._threshold / _DEVIATIONS / 2)
        self._before = np.zeros(self._usual.shape, np.bool_)
        return self._before

    def _changed(self, residual: Plane) -> Cells:
        # The whole picture getting a little brighter is the camera's own doing.
        middle = np.partition(residual, residual.size // 2, axis=None)[residual.size // 2]
        changed: Cells = np.abs(residual - middle) > self._threshold + _DEVIATIONS * self._deviation
        return changed

    def _explain(self, grey: Grey, now: Plane, residual: Plane, changed: Cells, area: int) -> tuple[Plane, Cells]:
        """Take a shake and a change of light out of a large difference."""
        widespread = area > _WIDESPREAD * changed.size
        if widespread:
            down, right = _shift(grey, self._still)
            shaken = now - _cells(np.roll(self._still, (down, right), (0, 1)))
            # What came into view at the edge is unknown.
            left = self._changed(shaken) & _inner(changed.shape, down, right)
            if np.count_nonzero(left) < _EXPLAINED * area:
                return shaken, left
        lit = _unlit(now, self._usual)
        left = self._changed(lit) & changed
        if np.count_nonzero(left) >= _EXPLAINED * area:
            return residual, changed
        if widespread:
            # It is the new usual: learn it at once, but for what moves in it.
            self._usual = np.where(left, self._usual, now)
            self._still = grey
        return lit, left

    def _learn(self, now: Plane, residual: Plane, changed: Cells, seconds: float) -> None:
        """Follow what is seen, slowly where it moves."""
        slow, fast = (np.float32(min(1.0, seconds / span)) for span in (_FOLLOWS_CHANGED, _FOLLOWS))
        pace = np.where(changed, slow, fast)
        self._usual = self._usual + (now - self._usual) * pace
        self._deviation += (np.minimum(np.abs(residual), 2 * self._threshold) - self._deviation) * pace / 2


def _cells(grey: Grey) -> Plane:
    """Return the mean of each cell."""
    if grey.size == 0:
        return np.zeros((0, 0), np.float32)
    return np.asarray(Image.fromarray(grey).reduce(CELL), np.float32)


def _crowded(cells: Cells, least: int) -> Cells:
    """Return the cells of whose 3x3 neighbourhood at least so many are set."""
    rows, columns = cells.shape
    padded = np.zeros((rows + 2, columns + 2), np.uint8)
    padded[1:-1, 1:-1] = cells
    across = padded[:-2] + padded[1:-1] + padded[2:]
    crowd: Cells = across[:, :-2] + across[:, 1:-1] + across[:, 2:] >= least
    return crowd


def _shift(now: Grey, still: Grey) -> tuple[int, int]:
    """Return by how many pixels down and right the still picture has to move to be this one."""
    return _slide(_profile(now, 1), _profile(still, 1)), _slide(_profile(now, 0), _profile(still, 0))


def _profile(grey: Grey, axis: int) -> Plane:
    profile: Plane = grey.mean(axis, dtype=np.float32)
    return profile


def _slide(now: Plane, usual: Plane) -> int:
    """Return the same along one side, from the profile of its brightness."""
    now, usual = now - now.mean(), usual - usual.mean()
    middle = now[_SHAKE:-_SHAKE]
    if middle.size == 0:
        return 0
    # All the places where it may fit at once, from `_SHAKE` too far to `_SHAKE` too near.
    windows = sliding_window_view(usual, middle.size)
    return _SHAKE - int(np.argmin(np.abs(windows - middle).sum(1)))


def _inner(shape: tuple[int, int], down: int, right: int) -> Cells:
    """Return the cells that were in view before a shake as well."""
    rows, columns = -(-abs(down) // CELL), -(-abs(right) // CELL)
    inner = np.zeros(shape, np.bool_)
    inner[rows : shape[0] - rows, columns : shape[1] - columns] = True
    return inner


def _unlit(now: Plane, usual: Plane) -> Plane:
    """Return how cells differ when each is lit as those around it are."""
    lighter: Plane = now - _around(now) / np.maximum(_around(usual), 1) * usual
    return lighter


def _around(cells: Plane) -> Plane:
    """Return the sum of the cells within reach of each."""
    reach = 2 * _LIGHT_REACHES + 1
    sums = np.pad(cells, (_LIGHT_REACHES + 1, _LIGHT_REACHES), mode="edge").cumsum(0).cumsum(1)
    around: Plane = sums[reach:, reach:] - sums[:-reach, reach:] - sums[reach:, :-reach] + sums[:-reach, :-reach]
    return around

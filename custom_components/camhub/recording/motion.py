"""Motion in a camera's pictures: from what differs to when it begins and ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..kernel.model import EventPhase
from .background import Background
from .grey import Grey
from .zones import Cells, Zone

DEFAULT_SENSITIVITY: Final = 50
# At sensitivity 0 and at 100, and evenly by ratio between them: grey levels, and parts per thousand of the picture.
_THRESHOLDS: Final = (40.0, 5.0)
_AREAS: Final = (50.0, 1.7)
# The score of just as much as is called motion.
_ENOUGH: Final = 0.5
# A pause this short does not break a movement, in seconds.
_BREATH: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionSettings:
    """What counts as motion: `sensitivity` 0 to 100, `minimum` and `cool_down` in seconds, no `zones` is everywhere."""

    sensitivity: float = DEFAULT_SENSITIVITY
    minimum: float = 0.4
    cool_down: float = 10.0
    zones: tuple[Zone, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one picture shows: how surely something moves (0 to 1, 0.5 is just enough) and where."""

    score: float
    zones: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Return whether it is enough to be called motion."""
        return self.score >= _ENOUGH


class Detector:
    """Looks at one camera's pictures, one after the other; not to be used by two threads at once."""

    def __init__(self, settings: MotionSettings) -> None:
        """Know nothing yet."""
        self._settings = settings
        self._background = Background(_between(_THRESHOLDS, settings.sensitivity))
        self._part = _between(_AREAS, settings.sensitivity) / 1000
        self._masks: dict[str, Cells] = {}
        self._shape = (0, 0)

    def look(self, grey: Grey, seconds: float) -> Reading:
        """Return what moves in a picture that came `seconds` after the last."""
        moving = self._background.compare(grey, seconds)
        if moving.shape != self._shape:
            self._shape = (moving.shape[0], moving.shape[1])
            self._masks = {zone.name: zone.cells(self._shape) for zone in self._settings.zones}
        enough = max(2.0, self._part * moving.size)
        if not self._masks:
            return Reading(score=_score(moving, enough))
        scores = {name: _score(moving & mask, enough) for name, mask in self._masks.items()}
        return Reading(
            score=max(scores.values()), zones=tuple(name for name, score in scores.items() if score >= _ENOUGH)
        )


class Spell:
    """One movement from beginning to end: tells when it has lasted long enough and when it is over."""

    def __init__(self, settings: MotionSettings) -> None:
        """Start at rest."""
        self._settings = settings
        self._first: float | None = None
        self._last = 0.0
        self.begun = False

    def feed(self, reading: Reading, at: float) -> EventPhase | None:
        """Take what was seen at a moment (monotonic seconds); return START or END when it is one."""
        if reading.moves:
            if self._first is None or (not self.begun and at - self._last > _BREATH):
                self._first = at
            self._last = at
            if not self.begun and at - self._first >= self._settings.minimum:
                self.begun = True
                return EventPhase.START
        elif self.begun and at - self._last >= self._settings.cool_down:
            self.begun, self._first = False, None
            return EventPhase.END
        return None


def _between(ends: Sequence[float], sensitivity: float) -> float:
    """Return the value at a sensitivity, each step the same ratio."""
    low, high = ends
    return float(low * (high / low) ** (min(100.0, max(0.0, sensitivity)) / 100))


def _score(moving: Cells, enough: float) -> float:
    area = int(np.count_nonzero(moving))
    return area / (area + enough)

"""How fast something grows, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, linear_regression
from typing import Final

# Neighbouring values know of each other; means of so many parts of the time hardly do.
PARTS: Final = 12
# Student's t for 95 % with PARTS - 2 degrees of freedom.
STUDENT: Final = 2.228


@dataclass(frozen=True, kw_only=True, slots=True)
class Slope:
    """Growth a minute, half the width of its 95 % interval, and the mean of what grows."""

    per_minute: float
    sure_within: float
    mean: float

    @property
    def surely(self) -> float:
        """Return the least growth a minute that the values leave open, 0 where they may as well not grow."""
        return max(0.0, self.per_minute - self.sure_within)

    @classmethod
    def of(cls, values: Sequence[tuple[float, float]]) -> Slope:
        """Return the slope of values by their time in seconds, in order; raises ValueError for fewer than `PARTS`."""
        if len(values) < PARTS:
            raise ValueError(f"{len(values)} values, {PARTS} are needed")
        cuts = [round(number * len(values) / PARTS) for number in range(PARTS + 1)]
        parts = [values[begin:end] for begin, end in pairwise(cuts)]
        times = [fmean(at / 60 for at, _ in part) for part in parts]
        means = [fmean(value for _, value in part) for part in parts]
        found = linear_regression(times, means)
        left = sum((value - found.intercept - found.slope * at) ** 2 for at, value in zip(times, means, strict=True))
        middle = fmean(times)
        error = sqrt(left / (PARTS - 2) / sum((at - middle) ** 2 for at in times))
        return cls(per_minute=found.slope, sure_within=STUDENT * error, mean=fmean(means))

"""How long and how often is measured."""

from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Rounds of each case, interleaved; seconds of one window; what takes much longer is left out where `quick`.

    `minutes` is how long the soak takes, `seed` decides what happens in it, by chance where there is none.
    """

    rounds: int = 3
    seconds: float = 3.0
    quick: bool = False
    minutes: float = 20.0
    seed: int | None = None


FULL: Final = Plan()
QUICK: Final = Plan(rounds=1, seconds=1.0, quick=True, minutes=1.0)


def p95(values: list[float]) -> float:
    """Return the 95th percentile; raises ValueError for less than one value."""
    return quantiles(values, n=20)[-1] if len(values) > 1 else median(values)


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the rounds' ratios: both sides of one round met the same noise."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))

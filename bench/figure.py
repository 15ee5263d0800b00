"""What a measurement says, in one shape for all of them."""

from dataclasses import dataclass
import operator
from typing import Final, Literal

type Better = Literal["lower", "higher"]
type JsonFigure = dict[str, str | float]

COMPARED: Final = {"lower": operator.le, "higher": operator.ge}


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One measured value and its goal, in the same unit; `against` says in words what it was measured against."""

    figure: str
    value: float
    unit: str
    goal: float
    better: Better
    against: str

    @property
    def met(self) -> bool:
        """Return whether the value reaches its goal."""
        return bool(COMPARED[self.better](self.value, self.goal))

    def as_json(self) -> JsonFigure:
        """Return all of it as plain values."""
        return {
            "figure": self.figure,
            "value": round(self.value, 4),
            "unit": self.unit,
            "goal": self.goal,
            "better": self.better,
            "against": self.against,
        }

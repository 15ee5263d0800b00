"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report, with the steps that mend it."""

    title: str
    grade: Grade
    detail: str
    steps: tuple[str, ...] = ()

"""The page that a run writes: what each provider made of each fault."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
from typing import Final

from custom_components.camhub.providers import PROVIDERS

from .matrix import ABSENT, ROWS, absent
from .stages import Stage

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN: Final = "<!-- What follows is written by a run of `python -m tests.faults`. -->"
NOT_THERE: Final = "\u2013"

type Cells = Mapping[str, Mapping[str, Mapping[Stage, str]]]
"""Outcomes by provider, fault and stage."""


def name_of(key: str) -> str:
    """Return a provider's name as its documentation gives it."""
    first = (PAGE.parent / "providers" / f"{key}.md").read_text().partition("\n")[0]
    return first.removeprefix("# ")


def written(cells: Cells) -> str:
    """Return the part of the page that a run writes."""
    parts = [BEGIN, ""]
    for key in PROVIDERS:
        parts += [f"## {name_of(key)}", "", f"| what goes wrong | {' | '.join(Stage)} |", "| --- " * 7 + "|"]
        parts += [f"| {row} | {' | '.join(_cell(cells, key, row, stage) for stage in Stage)} |" for row in ROWS]
        reasons = [f"{stage}: {reason}" for (of, stage), reason in ABSENT.items() if of == key]
        parts += ["", f"{NOT_THERE} {'; '.join(reasons)}.", ""] if reasons else [""]
    return "\n".join(parts)


def _cell(cells: Cells, key: str, row: str, stage: Stage) -> str:
    return NOT_THERE if absent(key, stage) else cells.get(key, {}).get(row, {}).get(stage, "?")


def read(text: str) -> Cells:
    """Return the cells of a page that was written."""
    names = {name_of(key): key for key in PROVIDERS}
    found: dict[str, dict[str, dict[Stage, str]]] = {}
    key = ""
    for line in text.partition(BEGIN)[2].splitlines():
        if line.startswith("## "):
            key = names[line.removeprefix("## ")]
        elif cells := re.fullmatch(r"\| (.*) \|", line):
            row, *outcomes = cells[1].split(" | ")
            if row in set(ROWS):
                told = dict(zip(Stage, outcomes, strict=True))
                known = {stage: outcome for stage, outcome in told.items() if outcome != NOT_THERE}
                found.setdefault(key, {})[row] = known
    return found


def write(cells: Cells) -> None:
    """Write what a run found below the words that stand above it."""
    words = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text(words + written(cells))


def as_text(cells: Cells) -> str:
    """Return cells as text that can be compared."""
    return json.dumps(cells, indent=1, sort_keys=True)

"""Figures of the last full run of the benches, out of bench/README.md."""

from collections.abc import Sequence
from pathlib import Path
import re
from typing import Final

from .markdown import rows

_FIGURE: Final = re.compile(
    r"^\| `(?P<bench>\w+)`: `(?P<name>\w+)` "
    r"\| (?P<value>[^|]*) \| (?P<goal>[^|]*) \| (?P<verdict>[^|]*) \| (?P<against>.*) \|$",
    re.MULTILINE,
)


def _read(root: Path) -> list[re.Match[str]]:
    return list(_FIGURE.finditer((root / "bench/README.md").read_text()))


def _table(found: Sequence[re.Match[str]]) -> str:
    body = [
        (f"`{one['bench']}`: `{one['name']}`", one["value"], one["goal"], one["verdict"].strip(), one["against"])
        for one in found
    ]
    return rows(("figure", "measured", "goal", "", "of what"), body)


def chosen(root: Path, names: Sequence[str]) -> str:
    """Return the figures of these names, each `bench:name`; raises KeyError where there is none."""
    known = {f"{one['bench']}:{one['name']}": one for one in _read(root)}
    return _table([known[name] for name in names])


def missed(root: Path) -> str:
    """Return the figures that miss their goal."""
    return _table([one for one in _read(root) if one["verdict"].strip() == "missed"])

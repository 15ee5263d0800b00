"""The translations, read as plain dictionaries."""

from collections.abc import Iterator
import json
from pathlib import Path
from string import Formatter
from typing import Any

from . import PACKAGE

TRANSLATIONS = PACKAGE / "translations"


def english(root: Path) -> dict[str, Any]:
    """Return translations/en.json, empty if there is none."""
    return language(root, "en")


def language(root: Path, code: str) -> dict[str, Any]:
    """Return one language's file, empty if there is none."""
    path = root / TRANSLATIONS / f"{code}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def languages(root: Path) -> list[str]:
    """Return the codes of the languages besides English."""
    return sorted(path.stem for path in (root / TRANSLATIONS).glob("*.json") if path.stem != "en")


def lookup(root: Path, dotted: str) -> Any:
    """Return what stands at `config.error`, None where there is nothing."""
    found: Any = english(root)
    for part in dotted.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every text with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def placeholders(text: str) -> set[str]:
    """Return the names in braces; raises ValueError on unbalanced braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

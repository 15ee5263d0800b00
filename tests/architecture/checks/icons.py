"""reference/validation.md §6: icons.json as hassfest reads it, and against the words."""

import json
from pathlib import Path
import re
from typing import Any

from . import PACKAGE, Check
from .shapes import Shape, mismatches
from .texts import lookup

ICONS = PACKAGE / "icons.json"


def icon(value: Any) -> str | None:
    """Return what is wrong with the name of an icon."""
    good = isinstance(value, str) and re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", value)
    return None if good else f"no icon: {value!r}"


# Home Assistant draws the level.
BY_DEVICE_CLASS = frozenset({"entity.sensor.battery_2"})
ON_OR_OFF = frozenset({"binary_sensor", "switch"})
ANY: Shape = {"*": icon}
ENTITY: Shape = {
    "default": icon,
    "state": ANY,
    "range": ANY,
    "state_attributes": {"*": {"default!": icon, "state": ANY}},
}
SHAPE: Shape = {
    "entity": {"*": {"*": ENTITY}},
    "services": {"*": {"service!": icon, "sections": ANY}},
    "config": {"step": {"*": {"sections": ANY}}},
    "options": {"step": {"*": {"sections": ANY}}},
    "issues": {"*": {"fix_flow": {"step": {"*": {"sections": ANY}}}}},
    "triggers": {"*": {"trigger!": icon}},
    "conditions": {"*": {"condition!": icon}},
}


def read(root: Path) -> dict[str, Any]:
    """Return icons.json, empty if there is none."""
    path = root / ICONS
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def shape(root: Path) -> list[str]:
    """Every key is one that Home Assistant knows, every value an icon of Material Design."""
    return mismatches(read(root), SHAPE) if read(root) else ["icons.json is missing"]


def ranges(root: Path) -> list[str]:
    """A range goes by numbers."""
    return [
        f"entity.{platform}.{key}.range.{bound}: no number"
        for platform, entities in read(root).get("entity", {}).items()
        for key, entity in entities.items()
        for bound in entity.get("range", {})
        if not re.fullmatch(r"-?\d+(\.\d+)?", bound)
    ]


def translated(root: Path) -> list[str]:
    """An icon belongs to an entity and a state that have words."""
    problems: list[str] = []
    for platform, entities in read(root).get("entity", {}).items():
        for key, entity in entities.items():
            path = f"entity.{platform}.{key}"
            if not lookup(root, path):
                problems.append(f"icons: {path} has no translation")
            known = lookup(root, f"{path}.state")
            if known:
                problems += [
                    f"icons: {path}.state.{state} has no word"
                    for state in entity.get("state", {})
                    if state not in known
                ]
    return problems


def complete(root: Path) -> list[str]:
    """An entity that has words has an icon, one for each state that has a word, and two where it is on or off."""
    problems: list[str] = []
    for platform, entities in (lookup(root, "entity") or {}).items():
        for key, words in entities.items():
            path = f"entity.{platform}.{key}"
            icons = read(root).get("entity", {}).get(platform, {}).get(key, {})
            if path in BY_DEVICE_CLASS:
                continue
            if "default" not in icons:
                problems.append(f"icons: {path} has none")
            if platform in ON_OR_OFF and not icons.get("state", {}).keys() & {"on", "off"}:
                problems.append(f"icons: {path} looks the same on and off")
            missing = set(words.get("state", {})) - set(icons.get("state", {}))
            told = words.get("state_attributes", {}).get("event_type", {}).get("state", {})
            drawn = icons.get("state_attributes", {}).get("event_type", {}).get("state", {})
            # With one kind of event the entity's own icon says it.
            missing |= set(told) - set(drawn) if len(told) > 1 else set()
            problems += [f"icons: {path} has none for {state}" for state in sorted(missing)]
    return problems


CHECKS: tuple[Check, ...] = (shape, ranges, translated, complete)

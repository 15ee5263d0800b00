"""reference/validation.md §7: services.yaml as hassfest reads it, in step with code, words, icons and docs."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

from annotatedyaml import load_yaml_dict

from . import PACKAGE, Check
from .icons import read as icons
from .literals import Literals
from .source import called, calls, keyword, modules
from .texts import lookup

SERVICES = PACKAGE / "services.yaml"
# Where the action's name stands among the arguments.
REGISTERING = {
    "async_register_admin_service": 2,
    "async_register_entity_service": 0,
    "async_register_platform_entity_service": 2,
}
SERVICE_KEYS = frozenset({"name", "description", "target", "fields", "response"})
FIELD_KEYS = frozenset(
    {"name", "description", "example", "default", "required", "advanced", "selector", "filter", "fields", "collapsed"}
)


def read(root: Path) -> dict[str, Any]:
    """Return services.yaml, empty if there is none."""
    path = root / SERVICES
    return dict(load_yaml_dict(str(path))) if path.exists() else {}


def registered(root: Path) -> set[str]:
    """Return the names of the actions that the code registers."""
    found = modules(root)
    names: set[str] = set()
    for module in found:
        literals = Literals(module, found)
        for node in calls(module):
            if (service := _named(node)) is not None:
                names.update(name for name in literals.strings(service) if name != PACKAGE.name)
    return names


def _named(node: ast.Call) -> ast.expr | None:
    """Return the argument that names the action, if this call registers one."""
    of_services = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value).endswith("services")
    position = 1 if of_services and called(node) in {"async_register", "register"} else REGISTERING.get(called(node))
    if position is None:
        return None
    return keyword(node, "service_name") or (node.args[position] if len(node.args) > position else None)


def agree(root: Path) -> list[str]:
    """The actions of the code are those of services.yaml, en.json and icons.json."""
    wanted = registered(root)
    places = {
        "services.yaml": set(read(root)),
        "en.json services": set(lookup(root, "services") or ()),
        "icons.json services": set(icons(root).get("services", ())),
    }
    return [
        f"{place}: {name} is {'missing' if name in wanted else 'registered by nothing'}"
        for place, names in places.items()
        for name in sorted(names ^ wanted)
    ]


def fields(root: Path) -> list[str]:
    """The fields of services.yaml have their words, and no words lack their field."""
    problems: list[str] = []
    for name, service in read(root).items():
        ours = {key for key, _ in _fields((service or {}).get("fields") or {})}
        words = lookup(root, f"services.{name}.fields") or {}
        problems += [
            f"services.{name}.fields.{key}: en.json and services.yaml differ" for key in sorted(ours ^ set(words))
        ]
        problems += [
            f"services.{name}.fields.{key}: no description" for key in words if not words[key].get("description")
        ]
    return problems


def _fields(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, field in found.items():
        if field and "fields" in field:
            yield from _fields(field["fields"])
        else:
            yield key, field or {}


def shape(root: Path) -> list[str]:
    """Every key is one that Home Assistant knows; examples and defaults are values."""
    problems: list[str] = []
    for name, service in read(root).items():
        problems += [f"services.yaml: {name}.{key} is not known" for key in service or () if key not in SERVICE_KEYS]
        target = (service or {}).get("target")
        if target and "device" in target:
            problems.append(f"services.yaml: {name}.target filters by device")
        for key, field in _fields((service or {}).get("fields") or {}):
            place = f"services.yaml: {name}.{key}"
            problems += [f"{place}.{part} is not known" for part in field if part not in FIELD_KEYS]
            problems += [f"{place}.{part} is empty" for part in ("example", "default") if field.get(part, "") is None]
            if "filter" in field and not target:
                problems.append(f"{place}.filter without a target")
            options = (field.get("selector") or {}).get("select") or {}
            chosen = options.get("translation_key")
            if chosen and not lookup(root, f"selector.{chosen}"):
                problems.append(f"{place}: selector.{chosen} has no words")
    return problems


def documented(root: Path) -> list[str]:
    """The README or a page of the documentation names every action and every field."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    text = "\n".join(path.read_text() for path in pages if path.exists())
    wanted = list(read(root))
    wanted += [key for service in read(root).values() for key, _ in _fields((service or {}).get("fields") or {})]
    return [f"documentation: {name} is not described" for name in wanted if not re.search(rf"\b{name}\b", text)]


CHECKS: tuple[Check, ...] = (agree, fields, shape, documented)

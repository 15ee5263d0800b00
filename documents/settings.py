"""The pages of settings, as the dialog words them."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.architecture.checks.literals import Literals
from tests.architecture.checks.source import Module, called, calls, keyword, modules
from tests.architecture.checks.texts import lookup

from .markdown import cell, rows

# Where one page asks for the camera and the next for its settings.
_OF = "_of"
# Where `number_selector` is told the unit.
_UNIT = 2


def table(root: Path) -> str:
    """Return a table for each page of *Configure*."""
    steps, usual = lookup(root, "options.step"), _defaults(root)
    menu = lookup(root, "options.step.init.menu_options")
    parts: list[str] = []
    for page, name in menu.items():
        parts += [
            f"### {name}",
            cell(steps[page].get("description", "")),
            _fields(steps.get(page + _OF, steps[page]), usual),
        ]
        for deeper, shown in steps.items():
            if deeper.startswith(f"{page}_") and deeper not in {*menu, page + _OF} and shown.get("data"):
                parts += [f"**{shown['title']}**", _fields(shown, usual)]
    return "\n\n".join(part for part in parts if part)


def _fields(shown: Mapping[str, Any], usual: Mapping[str, str]) -> str:
    """Return a table of what one page asks for."""
    told = shown.get("data_description", {})
    body = [(cell(label), cell(told.get(key, "")), usual.get(key, "")) for key, label in shown.get("data", {}).items()]
    return rows(("setting", "what it does", "at first"), body)


def _defaults(root: Path) -> dict[str, str]:
    """Return what settings are at first, with their unit, as far as the code says it beside them."""
    found, usual = modules(root), dict[str, str]()
    for module in found:
        if not module.path.stem.startswith("options") and "providers" not in module.path.parts:
            continue
        literals = Literals(module, found)
        units = dict(_units(module))
        for node in calls(module):
            default, unit = keyword(node, "default"), keyword(node, "unit") or units.get(node)
            name = keyword(node, "key") if called(node) == "Field" else next(iter(node.args), None)
            if called(node) in {"Field", "Required"} and default is not None and name is not None:
                value = _said(literals, default, unit)
                usual |= {key: value for key in literals.strings(name) if value}
    return usual


def _said(literals: Literals, default: ast.expr, unit: ast.expr | None) -> str:
    known = [leaf.value for leaf in literals.nodes(default) if isinstance(leaf, ast.Constant)]
    match known:
        case [bool(value)]:
            return "on" if value else "off"
        case [int(value) | float(value)]:
            return f"{value:g} {_unit(literals, unit)}".strip()
        case _:
            return ""


def _units(module: Module) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield what asks for a number, with the unit that its selector is given."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Call) and isinstance(value, ast.Call) and len(value.args) > _UNIT:
                    yield key, value.args[_UNIT]


def _unit(literals: Literals, unit: ast.expr | None) -> str:
    match unit:
        case None:
            return ""
        case ast.Attribute(attr=name):
            return name.lower().replace("_", " ")
        case _:
            return next(iter(literals.strings(unit)), "")

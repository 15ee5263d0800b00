"""What the registry of providers says, read without importing it."""

import ast
from pathlib import Path

from . import PACKAGE
from .source import assigned, called, keyword, modules, nodes

PROVIDERS = PACKAGE / "providers"


def registered(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the pages of every registered provider, by key."""
    for module in modules(root, PROVIDERS):
        if module.path == PROVIDERS / "__init__.py":
            for statement in module.tree.body:
                if (found := assigned(statement)) and found[0] == "PROVIDERS":
                    value = found[1].args[0] if isinstance(found[1], ast.Call) else found[1]
                    return {str(key): tuple(pages) for key, pages in ast.literal_eval(value).items()}
    return {}


def registry_lines(root: Path) -> range:
    """Return the lines of providers/__init__.py that hold the registry."""
    for module in modules(root, PROVIDERS):
        if module.path == PROVIDERS / "__init__.py":
            for statement in module.tree.body:
                if (found := assigned(statement)) and found[0] == "PROVIDERS":
                    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    return range(0)


def folders(root: Path) -> list[str]:
    """Return the names of the providers' folders."""
    return sorted(path.parent.name for path in (root / PROVIDERS).glob("*/__init__.py"))


def display_names(root: Path) -> dict[str, str]:
    """Return the `name` that each SPEC gives, by key."""
    names: dict[str, str] = {}
    for module in modules(root, PROVIDERS):
        for node in nodes(module):
            if isinstance(node, ast.Call) and called(node) == "ProviderSpec":
                name = keyword(node, "name")
                if isinstance(name, ast.Constant):
                    names[module.path.parent.name] = str(name.value)
    return names

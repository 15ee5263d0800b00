"""Whatever is public says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

from . import PACKAGE, Check
from .source import modules

type Named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
EXEMPT = frozenset({"override", "overload", "setter"})


def undocumented(root: Path) -> list[str]:
    """Every public module, class, function and method has a docstring; an override inherits its own."""
    problems: list[str] = []
    for module in modules(root, PACKAGE, "pi", "simulators", "bench"):
        private = any(part.startswith("_") and part != "__init__" for part in module.path.with_suffix("").parts)
        if module.text.strip() and not private and not ast.get_docstring(module.tree):
            problems.append(f"{module.path}: the module has no docstring")
        problems += [f"{module.at(node)}: {node.name} has no docstring" for node in _bare(module.tree.body)]
    return problems


def _bare(body: list[ast.stmt]) -> Iterator[Named]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node) and not _exempt(node):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from _bare(node.body)


def _exempt(node: Named) -> bool:
    return any(ast.unparse(decorator).rpartition(".")[2] in EXEMPT for decorator in node.decorator_list)


CHECKS: tuple[Check, ...] = (undocumented,)

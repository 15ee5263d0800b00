"""Python sources as trees: which modules there are, what they import, which literals they hold."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
import io
from pathlib import Path
import tokenize

from . import PACKAGE

DOMAIN = ".".join(PACKAGE.parts)


@dataclass(frozen=True, slots=True)
class Module:
    """One file; `name` is dotted, `path` relative to the root."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def at(self, node: ast.stmt | ast.expr | ast.ExceptHandler | int) -> str:
        """Return `path:line`."""
        return f"{self.path}:{node if isinstance(node, int) else node.lineno}"

    def comments(self) -> dict[int, str]:
        """Return the comments by line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, wherever the statement stands."""

    target: str
    line: int
    names: tuple[str, ...]
    typing_only: bool


def modules(root: Path, *folders: Path | str) -> list[Module]:
    """Return every Python file below the folders (default: the integration), in order."""
    found: list[Module] = []
    for folder in folders or (PACKAGE,):
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if "__pycache__" not in relative.parts and not any(part.startswith(".") for part in relative.parts):
                found.append(_parsed(root, relative, path.stat().st_mtime_ns))
    return found


@cache
def _parsed(root: Path, path: Path, stamp: int) -> Module:
    text = (root / path).read_text()
    parts = path.with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return Module(path, ".".join(parts), text, ast.parse(text, str(path)))


@cache
def nodes(module: Module) -> tuple[ast.AST, ...]:
    """Return every node of a module."""
    return tuple(ast.walk(module.tree))


def inside(module: Module) -> str:
    """Return the name within the integration: `kernel.errors`; empty for its `__init__`."""
    return module.name.removeprefix(DOMAIN).removeprefix(".")


def imports(module: Module, known: frozenset[str]) -> Iterator[Import]:
    """Yield every import, also inside functions; `known` names the modules of the tree."""
    yield from _imports(module, known)


@cache
def _imports(module: Module, known: frozenset[str]) -> tuple[Import, ...]:
    return tuple(_found(module, known))


def _found(module: Module, known: frozenset[str]) -> Iterator[Import]:
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node, typing_only in _statements(module.tree, typing_only=False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, (), typing_only)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield Import(deeper if deeper in known else base, node.lineno, (alias.name,), typing_only)


def _statements(node: ast.AST, *, typing_only: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        guarded = typing_only or (isinstance(node, ast.If) and is_typing(node) and child in node.body)
        yield child, guarded
        yield from _statements(child, typing_only=guarded)


def is_typing(node: ast.If) -> bool:
    """Return whether this is the bare `if TYPE_CHECKING:`."""
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def called(node: ast.Call) -> str:
    """Return the last part of what is called: `Field` of `signin.Field(...)`."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def calls(module: Module) -> Iterator[ast.Call]:
    """Yield every call of a module."""
    return (node for node in nodes(module) if isinstance(node, ast.Call))


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument."""
    return next((item.value for item in node.keywords if item.arg == name), None)


def strings(module: Module) -> frozenset[str]:
    """Return every string literal of a module, docstrings too."""
    return frozenset(
        node.value for node in nodes(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def assigned(statement: ast.stmt) -> tuple[str, ast.expr, ast.expr | None] | None:
    """Return name, value and annotation of a plain assignment to one name."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value, None
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value, annotation=annotation):
            return name, value, annotation
        case _:
            return None

"""Which string literals an expression can come to: through conditions, constants, tables and small functions."""

import ast
from collections.abc import Iterable, Sequence

from .source import Module, assigned, imports, nodes

DEPTH = 6


class Literals:
    """Resolves expressions of one module; what it cannot follow, it leaves out."""

    def __init__(self, module: Module, every: Sequence[Module]) -> None:
        self._module = module
        self._every = {other.name: other for other in every}
        self._values: dict[str, list[ast.expr]] = {}
        self._returns: dict[str, list[ast.expr]] = {}
        for node in nodes(module):
            if isinstance(node, ast.stmt) and (found := assigned(node)):
                self._values.setdefault(found[0], []).append(found[1])
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._returns.setdefault(node.name, []).extend(_returned(node))

    def strings(self, node: ast.expr) -> list[str]:
        """Return the string literals the expression may be, or may hold."""
        return [
            found.value
            for found in self.nodes(node)
            if isinstance(found, ast.Constant) and isinstance(found.value, str)
        ]

    def nodes(self, node: ast.expr, depth: int = DEPTH) -> list[ast.expr]:
        """Return what the expression may be once names, conditions, tables and containers are followed."""
        if depth == 0:
            return []
        inner = self._step(node)
        if inner is None:
            return [node]
        return [leaf for item in inner for leaf in self.nodes(item, depth - 1)]

    def _step(self, node: ast.expr) -> list[ast.expr] | None:
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                return [body, orelse]
            case ast.BoolOp(values=items) | ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return list(items)
            case ast.Starred(value=value) | ast.NamedExpr(value=value) | ast.Await(value=value):
                return [value]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return [left, right]
            case ast.GeneratorExp(elt=item) | ast.ListComp(elt=item) | ast.SetComp(elt=item):
                return [item]
            case ast.Dict(values=items):
                return list(items)
            case ast.Subscript(value=table):
                return [table]
            case ast.Name(id=name):
                return self._named(name)
            case ast.Call():
                return self._called(node)
            case _:
                return None

    def _called(self, node: ast.Call) -> list[ast.expr] | None:
        match node:
            case ast.Call(func=ast.Name(id="tuple" | "frozenset" | "MappingProxyType"), args=[first]):
                return [first]
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *default]):
                return [table, *default]
            case ast.Call(func=ast.Name(id=name)) if name in self._returns:
                return self._returns[name]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) if name in self._returns:
                return self._returns[name]
            case _:
                return None

    def _named(self, name: str) -> list[ast.expr]:
        if name in self._values:
            return self._values[name]
        for wanted in imports(self._module, frozenset(self._every)):
            if name in wanted.names and (other := self._every.get(wanted.target)):
                return [
                    found[1] for statement in other.tree.body if (found := assigned(statement)) and found[0] == name
                ]
        return []


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterable[ast.expr]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]

"""DESIGN.md §8: sizes, and what never stands in the code."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
from statistics import median, quantiles

from . import PACKAGE, Check
from .source import Module, assigned, called, calls, inside, is_typing, modules, nodes

OURS = (PACKAGE, "pi", "simulators", "bench")
MODULE_LINES, MEDIAN_MODULE = 400, 120
FUNCTION_LINES, FUNCTION_P95, MEDIAN_FUNCTION = 60, 30, 10
NOQAS = 2
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})
MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict", "count", "cycle", "iter"}
    | {"Lock", "RLock", "Event", "Condition", "Queue", "Semaphore", "WeakSet", "WeakKeyDictionary"}
    | {"WeakValueDictionary", "Random"}
)
CHANGING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
)
NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?(?P<reason>.*)")
BROAD = frozenset({"Exception", "BaseException"})
type Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Module) -> Iterator[Function]:
    """Yield every function and method."""
    return (node for node in nodes(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def module_sizes(root: Path) -> list[str]:
    """No module is long, and the middle one is short."""
    long = [module for module in modules(root, *OURS) if len(module.lines) > MODULE_LINES]
    problems = [f"{module.path}: {len(module.lines)} lines, at most {MODULE_LINES}" for module in long]
    middle = median([len(module.lines) for module in modules(root)] or [0])
    if middle > MEDIAN_MODULE:
        problems.append(f"the middle module has {middle:g} lines, at most {MEDIAN_MODULE}")
    return problems


def function_sizes(root: Path) -> list[str]:
    """No function is long, and most are short."""
    problems = [
        f"{module.at(node)}: {node.name} has {_length(node)} lines, at most {FUNCTION_LINES}"
        for module in modules(root, *OURS)
        for node in functions(module)
        if _length(node) > FUNCTION_LINES
    ]
    lengths = [_length(node) for module in modules(root) for node in functions(module)]
    if len(lengths) < 2:
        return problems
    if (high := quantiles(lengths, n=20)[-1]) > FUNCTION_P95:
        problems.append(f"one function in twenty has more than {high:.0f} lines, at most {FUNCTION_P95}")
    if (middle := median(lengths)) > MEDIAN_FUNCTION:
        problems.append(f"the middle function has {middle:g} lines, at most {MEDIAN_FUNCTION}")
    return problems


def silenced(root: Path) -> list[str]:
    """No `type: ignore`; hardly a `noqa`, and each says why."""
    problems: list[str] = []
    noqas: list[str] = []
    for module in modules(root, *OURS, "tests"):
        for line, comment in module.comments().items():
            if re.search(r"#\s*type:\s*ignore", comment):
                problems.append(f"{module.at(line)}: type: ignore")
            if found := NOQA.search(comment):
                if module.path.is_relative_to(PACKAGE):
                    noqas.append(module.at(line))
                explained = len(re.findall(r"\w+", found["reason"])) > 1 or line - 1 in module.comments()
                if not found["codes"] or not explained:
                    problems.append(f"{module.at(line)}: noqa without its code and its reason")
    return problems + ([f"{len(noqas)} noqa, at most {NOQAS}: {noqas}"] if len(noqas) > NOQAS else [])


def casts(root: Path) -> list[str]:
    """A cast stands only where a vendor's answer becomes a value of ours."""
    return [
        f"{module.at(node)}: cast outside parse.py"
        for module in modules(root)
        for node in calls(module)
        if called(node) == "cast" and module.path.name != "parse.py"
    ]


def vague_names(root: Path) -> list[str]:
    """A file is called after what it does."""
    found = modules(root, *OURS, "tests", "script")
    return [
        f"{module.path}: say what it does" for module in found if VAGUE_NAMES & set(module.path.with_suffix("").parts)
    ]


def module_state(root: Path) -> list[str]:
    """Nothing that changes lives in a module: a table is written once, in capitals."""
    problems: list[str] = []
    for module in modules(root, *OURS):
        changed = set(_changed(module))
        for statement in module.tree.body:
            if (found := assigned(statement)) and found[0] != "__all__" and _mutable(found[1]):
                name = found[0]
                if isinstance(found[1], ast.Call) or name in changed or not name.isupper():
                    problems.append(f"{module.at(statement)}: {name} can change")
        problems += [f"{module.at(node)}: global" for node in nodes(module) if isinstance(node, ast.Global)]
    return problems


def _mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return called(value) in MUTABLE_CALLS
    display = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
    return isinstance(value, display)


def _changed(module: Module) -> Iterator[str]:
    """Yield the names that something in the module is put into or taken out of."""
    for node in nodes(module):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=verb)) if verb in CHANGING:
                yield name
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name


def broad_excepts(root: Path) -> list[str]:
    """Whoever catches everything says why, on that line or next to it."""
    problems: list[str] = []
    for module in modules(root, *OURS):
        comments = set(module.comments())
        problems += [
            f"{module.at(node)}: catches everything without a reason"
            for node in nodes(module)
            if isinstance(node, ast.ExceptHandler | ast.Call) and _catches_all(node)
            if not comments & {node.lineno - 1, node.lineno, node.lineno + 1}
        ]
    return problems


def _catches_all(node: ast.ExceptHandler | ast.Call) -> bool:
    if isinstance(node, ast.ExceptHandler):
        return _broad(node.type)
    return called(node) == "suppress" and any(map(_broad, node.args))


def _broad(kind: ast.expr | None) -> bool:
    match kind:
        case None:
            return True
        case ast.Tuple(elts=kinds):
            return any(map(_broad, kinds))
        case _:
            return ast.unparse(kind) in BROAD


def at_import(root: Path) -> list[str]:
    """Importing the kernel, a provider or an engine defines names and does nothing else."""
    problems: list[str] = []
    for module in modules(root):
        if inside(module).partition(".")[0] in {"kernel", "providers", "capture", "recording"}:
            problems += [f"{module.at(node)}: runs at import" for node in module.tree.body if not _defines(node)]
    return problems


def _defines(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If():
            return is_typing(node)
        case _:
            quiet = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.TypeAlias
            return isinstance(node, quiet | ast.Assign | ast.AnnAssign)


CHECKS: tuple[Check, ...] = (
    module_sizes,
    function_sizes,
    silenced,
    casts,
    vague_names,
    module_state,
    broad_excepts,
    at_import,
)

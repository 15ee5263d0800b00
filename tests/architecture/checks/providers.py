"""A provider is registered, translated, documented and tested, or it does not land."""

import ast
from collections.abc import Iterator
from pathlib import Path

from . import Check
from .literals import Literals
from .registry import PROVIDERS, folders, registered
from .source import assigned, called, calls, keyword, modules, nodes
from .texts import lookup


def registry(root: Path) -> list[str]:
    """Folders and registry lines are the same, in order."""
    keys = list(registered(root))
    problems = [f"providers/{key}/ is not registered in PROVIDERS" for key in folders(root) if key not in keys]
    problems += [f"PROVIDERS names {key}, which has no folder" for key in keys if key not in folders(root)]
    return problems + (["PROVIDERS is not in order"] if keys != sorted(keys) else [])


def spec_only(root: Path) -> list[str]:
    """A provider's `__init__` holds imports and SPEC."""
    problems: list[str] = []
    for key in folders(root):
        path = PROVIDERS / key / "__init__.py"
        body = next(module.tree.body for module in modules(root, path.parent) if module.path == path)
        rest = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
        names = [found[0] for node in rest if (found := assigned(node))]
        if names != ["SPEC"] or len(rest) > 2:
            problems.append(f"{path}: defines more or less than SPEC")
    return problems


def spec_key(root: Path) -> list[str]:
    """SPEC carries the folder's name as its key."""
    problems: list[str] = []
    for key in folders(root):
        found = [
            str(ast.literal_eval(value))
            for module in modules(root, PROVIDERS / key)
            for node in calls(module)
            if called(node) == "ProviderSpec" and (value := keyword(node, "key"))
        ]
        if found != [key]:
            problems.append(f"providers/{key}: SPEC's key is {found}")
    return problems


def _forms(root: Path, key: str) -> Iterator[tuple[str, list[str]]]:
    """Yield page and field keys of every Form a provider makes."""
    for module in modules(root, PROVIDERS / key):
        literals = Literals(module, modules(root))
        for node in calls(module):
            if called(node) == "Form" and (page := keyword(node, "page")):
                fields = keyword(node, "fields")
                keys = _field_keys(literals.nodes(fields), literals) if fields else []
                for name in literals.strings(page):
                    yield name, keys


def _field_keys(nodes: list[ast.expr], literals: Literals) -> list[str]:
    return [
        name
        for node in nodes
        if isinstance(node, ast.Call) and called(node) == "Field" and (value := keyword(node, "key"))
        for name in literals.strings(value)
    ]


def _all_field_keys(root: Path, key: str) -> set[str]:
    found: set[str] = set()
    for module in modules(root, PROVIDERS / key):
        literals = Literals(module, modules(root))
        found.update(_field_keys(list(calls(module)), literals))
    return found


def pages(root: Path) -> list[str]:
    """The registry lists the pages that the sign-in shows, no more and no fewer."""
    problems: list[str] = []
    for key, listed in registered(root).items():
        shown = {page for page, _ in _forms(root, key)}
        if shown != set(listed):
            problems.append(f"PROVIDERS lists {sorted(listed)} for {key}, its sign-in shows {sorted(shown)}")
    return problems


def _described(root: Path, step: str) -> set[str]:
    """Return the fields of a page that have a label and a sentence."""
    return set(lookup(root, f"{step}.data_description") or ()) & set(lookup(root, f"{step}.data") or ())


def translated(root: Path) -> list[str]:
    """Each page has title, description and, for every field, a label and a sentence that explains it."""
    problems: list[str] = []
    for key, listed in registered(root).items():
        # A setting that needs no sign-in is explained on the page that all providers share.
        described = _described(root, "options.step.provider")
        for page in listed:
            step = f"config.step.{key}_{page}"
            problems += [
                f"{step}.{part} is missing" for part in ("title", "description") if not lookup(root, f"{step}.{part}")
            ]
            described |= _described(root, step)
        for page, fields in _forms(root, key):
            for part in ("data", "data_description"):
                known = lookup(root, f"config.step.{key}_{page}.{part}") or ()
                problems += [
                    f"config.step.{key}_{page}.{part}.{name} is missing" for name in fields if name not in known
                ]
        problems += [
            f"field {name} of {key} stands on no translated page"
            for name in sorted(_all_field_keys(root, key) - described)
        ]
    return problems


def documented(root: Path) -> list[str]:
    """Each provider has its page under docs/providers."""
    paths = [f"docs/providers/{key}.md" for key in registered(root)]
    return [f"{path} is missing or empty" for path in paths if not _text(root / path).strip()]


def tested(root: Path) -> list[str]:
    """Each provider has its folder of tests, with tests in it."""
    problems: list[str] = []
    for key in registered(root):
        folder = Path("tests/providers") / key
        if not any("def test_" in module.text for module in modules(root, folder)):
            problems.append(f"{folder} holds no tests")
    return problems


def under_contract(root: Path) -> list[str]:
    """The contract tests go over PROVIDERS, so that none is left out."""
    named = any(
        isinstance(node, ast.Name) and node.id == "PROVIDERS" and isinstance(node.ctx, ast.Load)
        for module in modules(root, "tests/contract")
        for node in nodes(module)
    )
    return [] if named else ["tests/contract does not run over PROVIDERS"]


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


CHECKS: tuple[Check, ...] = (registry, spec_only, spec_key, pages, translated, documented, tested, under_contract)

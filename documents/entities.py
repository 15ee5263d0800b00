"""The entities that there may be of a camera or an account."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.checks.imports import PLATFORMS, platform_of
from tests.architecture.checks.source import Module, assigned, called, calls, inside, keyword, modules
from tests.architecture.checks.texts import lookup

from .markdown import cell, rows

# Entities with neither words nor a class of device: named like the camera.
NAMELESS = frozenset({"camera"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the code says of one entity."""

    slug: str
    device_class: str
    hidden: bool
    diagnostic: bool


def table(root: Path) -> str:
    """Return a table of all, by kind."""
    body = [line for kind in PLATFORMS for line in _lines(root, kind)]
    return rows(("kind", "entity", "what it may be", ""), sorted(body))


def _lines(root: Path, kind: str) -> Iterator[tuple[str, str, str, str]]:
    words = lookup(root, f"entity.{kind}") or {}
    parts = [module for module in modules(root) if platform_of(inside(module)) == kind]
    found = {each.slug or each.device_class: each for module in parts for each in _found(module)}
    for slug in [*words, *(slug for slug in found if slug not in words)]:
        said = words.get(slug, {})
        name = said.get("name") or ("(the camera)" if slug in NAMELESS else slug.replace("_", " ").capitalize())
        each = found.get(slug)
        notes = [note for note, holds in _notes(each) if holds]
        yield kind.replace("_", " "), cell(str(name)), cell(", ".join(_states(said))), ", ".join(notes)


def _notes(each: Found | None) -> list[tuple[str, bool]]:
    return [("diagnostic", bool(each and each.diagnostic)), ("off at first", bool(each and each.hidden))]


def _states(said: dict[str, dict[str, dict[str, dict[str, str]]]]) -> list[str]:
    """Return the words for its states, or for the types of its event."""
    types = said.get("state_attributes", {}).get("event_type", {}).get("state", {})
    return [str(word) for word in (said.get("state") or types).values()]


def _found(module: Module) -> Iterator[Found]:
    """Yield what is described by a class of entities or by a description."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            given = {found[0].removeprefix("_attr_"): found[1] for each in node.body if (found := assigned(each))}
            if "translation_key" in given or "device_class" in given:
                yield _read(given)
    for call in calls(module):
        if called(call).endswith("Description") and keyword(call, "key"):
            yield _read({str(item.arg): item.value for item in call.keywords})


def _read(given: dict[str, ast.expr]) -> Found:
    def words(name: str) -> str:
        value = given.get(name)
        if value is None:
            return ""
        return str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value).rpartition(".")[2].lower()

    return Found(
        slug=words("translation_key"),
        device_class=words("device_class"),
        hidden=words("entity_registry_enabled_default") == "False",
        diagnostic=words("entity_category") == "diagnostic",
    )

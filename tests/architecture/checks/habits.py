"""What Home Assistant no longer wants, and what its quality scale asks of every module of a kind."""

import ast
from pathlib import Path

from . import Check
from .imports import PLATFORMS
from .source import Module, assigned, called, calls, imports, inside, keyword, modules, nodes

GONE_MODULES = {"voluptuous": "use probatio", "__future__": "annotations are lazy since 3.14"}
GONE_NAMES = {
    "via_device": "use via_device_id",
    "add_update_listener": "use OptionsFlowWithReload",
    "ClientSession": "Home Assistant owns the sessions",
}
UNTRANSLATED = frozenset(
    {"ConfigEntryAuthFailed", "ConfigEntryError", "ConfigEntryNotReady", "HomeAssistantError", "ServiceValidationError"}
    | {"UpdateFailed"}
)


def outdated(root: Path) -> list[str]:
    """Nothing is used that Home Assistant 2026.10 has left behind."""
    found = modules(root)
    known = frozenset(module.name for module in found)
    problems = [
        f"{module.at(wanted.line)}: {wanted.target}: {GONE_MODULES[wanted.target]}"
        for module in found
        for wanted in imports(module, known)
        if wanted.target in GONE_MODULES
    ]
    for module in found:
        for node in calls(module):
            names = {called(node), *(item.arg or "" for item in node.keywords)} & set(GONE_NAMES)
            problems += [f"{module.at(node)}: {name}: {GONE_NAMES[name]}" for name in sorted(names)]
    return problems


def parallel_updates(root: Path) -> list[str]:
    """Every platform says how many of its entities are updated at once."""
    return [
        f"{module.path}: PARALLEL_UPDATES is missing"
        for module in modules(root)
        if inside(module) in PLATFORMS and not _assigns(module, "PARALLEL_UPDATES")
    ]


def _assigns(module: Module, name: str) -> bool:
    return any((found := assigned(node)) and found[0] == name for node in module.tree.body)


def translated(root: Path) -> list[str]:
    """An exception of Home Assistant carries its sentence, not a text of its own."""
    return [
        f"{module.at(node)}: {called(node)} without translation_key"
        for module in modules(root)
        for node in calls(module)
        if called(node) in UNTRANSLATED
        if not keyword(node, "translation_key") and all(item.arg for item in node.keywords)
    ]


def entry_data(root: Path) -> list[str]:
    """What an entry needs at run time hangs on the entry."""
    return [
        f"{module.at(node)}: hass.data[DOMAIN]"
        for module in modules(root)
        for node in nodes(module)
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.slice) == "DOMAIN"
        and ast.unparse(node.value).endswith("hass.data")
    ]


CHECKS: tuple[Check, ...] = (outdated, parallel_updates, translated, entry_data)

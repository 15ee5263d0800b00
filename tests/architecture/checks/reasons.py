"""Whatever goes wrong has its sentence: reasons, problems, controls, exceptions, entities; and none is left over."""

import ast
from collections.abc import Iterator
from pathlib import Path

from . import PACKAGE, Check
from .imports import platform_of
from .literals import Literals
from .source import Module, assigned, called, calls, inside, keyword, modules, nodes, strings
from .texts import lookup, placeholders

CONTROLS = {"Switch": "switch", "Number": "number", "Press": "button"}
ISSUE_MAKERS = frozenset({"async_create_issue", "create_issue"})
ABORTS = frozenset({"async_abort", "async_update_reload_and_abort", "AbortFlow"})
# Spoken by Home Assistant's own flow manager, not by a literal of ours.
BUILT_IN = frozenset({"already_configured", "already_in_progress", "reauth_successful", "reconfigure_successful"}) | {
    "unique_id_mismatch"
}


def _keyword_slugs(root: Path, wanted: str, *, aborting: bool = False) -> Iterator[tuple[str, str]]:
    """Yield place and slug for every literal that reaches the keyword `wanted` of a call that aborts a flow, or not."""
    found = modules(root)
    for module in found:
        literals = Literals(module, found)
        for node in calls(module):
            if (called(node) in ABORTS) is aborting and (value := keyword(node, wanted)) is not None:
                yield from ((module.at(value), slug) for slug in literals.strings(value))


def _defaults(root: Path) -> Iterator[tuple[str, str]]:
    for module in modules(root):
        for node in nodes(module):
            if isinstance(node, ast.stmt) and (found := assigned(node)) and found[0] == "default_reason":
                yield module.at(node), str(ast.literal_eval(found[1]))


def _form_errors(root: Path) -> Iterator[tuple[str, str]]:
    found = modules(root)
    for module in found:
        literals = Literals(module, found)
        for node in calls(module):
            if called(node) in {"Form", "async_show_form", "replace"} and (value := keyword(node, "errors")):
                flow = "options" if any("OptionsFlow" in text for text in module.lines) else "config"
                yield from ((module.at(value), f"{flow}.error.{slug}") for slug in literals.strings(value))


def reasons(root: Path) -> list[str]:
    """Each reason of a HubError has a sentence in the dialog and one outside it."""
    slugs = [*_keyword_slugs(root, "reason"), *_defaults(root)]
    wanted = [(place, f"config.error.{slug}") for place, slug in slugs if slug not in BUILT_IN]
    wanted += [(place, path) for place, path in _form_errors(root) if path.rpartition(".")[2] not in BUILT_IN]
    wanted += [(place, f"exceptions.{slug}.message") for place, slug in slugs if slug not in BUILT_IN]
    return _missing(root, wanted)


def aborts(root: Path) -> list[str]:
    """Each end of a dialog without a result has its sentence, in that dialog."""
    flows = [lookup(root, flow) or {} for flow in ("config", "options")]
    flows += [issue.get("fix_flow", {}) for issue in (lookup(root, "issues") or {}).values()]
    said = {slug for flow in flows for slug in flow.get("abort", {})} | BUILT_IN
    slugs = _keyword_slugs(root, "reason", aborting=True)
    return [f"{place}: no dialog says why it ends with {slug}" for place, slug in slugs if slug not in said]


def offline(root: Path) -> list[str]:
    """Each reason for being offline has a sentence."""
    slugs = _keyword_slugs(root, "offline_reason")
    return _missing(root, [(place, f"exceptions.{slug}.message") for place, slug in slugs])


def problems(root: Path) -> list[str]:
    """Each problem of a camera has a title and a description, or a way to fix it."""
    slugs = list(_keyword_slugs(root, "problems"))
    missing = _missing(root, [(place, f"issues.{slug}.title") for place, slug in slugs])
    return missing + [
        f"{place}: issues.{slug} has neither description nor fix_flow"
        for place, slug in slugs
        if not (lookup(root, f"issues.{slug}.description") or lookup(root, f"issues.{slug}.fix_flow"))
    ]


def controls(root: Path) -> list[str]:
    """Each control of a camera has a name as an entity."""
    found = modules(root, PACKAGE / "providers")
    wanted = [
        (module.at(node), f"entity.{CONTROLS[called(node)]}.{slug}.name")
        for module in found
        for node in calls(module)
        if called(node) in CONTROLS and (value := keyword(node, "key"))
        for slug in Literals(module, found).strings(value)
    ]
    return _missing(root, wanted)


def event_kinds(root: Path) -> list[str]:
    """Each kind of event has its word in the event entity."""
    kinds = [
        str(found[1].value)
        for module in modules(root, PACKAGE / "kernel")
        for node in nodes(module)
        if isinstance(node, ast.ClassDef) and node.name == "EventKind"
        for statement in node.body
        if (found := assigned(statement)) and isinstance(found[1], ast.Constant)
    ]
    named = {
        kind
        for entity in (lookup(root, "entity.event") or {}).values()
        for kind in entity.get("state_attributes", {}).get("event_type", {}).get("state", {})
    }
    named |= set(lookup(root, "entity.event") or ())  # an entity of its own: Home Assistant names its types
    return [f"entity.event: no state {kind} of event_type" for kind in kinds if kind not in named]


def _raised(module: Module) -> Iterator[ast.Call]:
    """Yield the calls with a `translation_key` that make an exception: those with a `translation_domain`."""
    for node in calls(module):
        if keyword(node, "translation_domain") and called(node) not in ISSUE_MAKERS:
            yield node


def exceptions(root: Path) -> list[str]:
    """Each translated exception of the hub has its sentence, and is given what that needs."""
    found = modules(root)
    missing: list[str] = []
    for module in found:
        literals = Literals(module, found)
        for node in _raised(module):
            for slug in literals.strings(keyword(node, "translation_key") or ast.Constant(None)):
                missing += _missing(root, [(module.at(node), f"exceptions.{slug}.message")])
                missing += _unfilled(
                    root, f"exceptions.{slug}.message", module.at(node), node, "translation_placeholders"
                )
    return missing


def issues(root: Path) -> list[str]:
    """Each repair issue of the hub has its words, and is given what they need."""
    found = modules(root)
    missing: list[str] = []
    for module in found:
        literals = Literals(module, found)
        for node in calls(module):
            if called(node) in ISSUE_MAKERS and (value := keyword(node, "translation_key")):
                for slug in literals.strings(value):
                    place = module.at(node)
                    missing += _missing(root, [(place, f"issues.{slug}.title")])
                    for part in ("title", "description"):
                        missing += _unfilled(root, f"issues.{slug}.{part}", place, node, "translation_placeholders")
    return missing


def reason_placeholders(root: Path) -> list[str]:
    """An error is raised with the placeholders of its sentences."""
    found = modules(root)
    missing: list[str] = []
    for module in found:
        literals = Literals(module, found)
        for node in calls(module):
            value = keyword(node, "reason")
            for slug in literals.strings(value) if value else ():
                for text in (f"exceptions.{slug}.message", f"config.error.{slug}"):
                    missing += _unfilled(root, text, module.at(node), node, "placeholders")
    return missing


def _unfilled(root: Path, text: str, place: str, node: ast.Call, supplied: str) -> list[str]:
    """Compare a text's placeholders with those a call supplies as a literal; a computed mapping passes."""
    value = keyword(node, supplied)
    match value:
        case None:
            given: set[str] = set()
        case ast.Dict(keys=keys) if all(isinstance(key, ast.Constant) for key in keys):
            given = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
        case _:
            return []
    wanted = placeholders(str(lookup(root, text) or ""))
    return [f"{place}: {text} needs {{{name}}}" for name in sorted(wanted - given)]


def entities(root: Path) -> list[str]:
    """Each `translation_key` of a platform has its name under that platform."""
    wanted: list[tuple[str, str]] = []
    found = modules(root)
    for module in found:
        literals = Literals(module, found)
        if (name := platform_of(inside(module))) is None:
            continue
        for node in nodes(module):
            value: ast.expr | None = None
            if isinstance(node, ast.Call) and not keyword(node, "translation_domain"):
                value = keyword(node, "translation_key")
            elif isinstance(node, ast.stmt) and (given := assigned(node)) and given[0] == "_attr_translation_key":
                value = given[1]
            if value is not None:
                wanted += [(module.at(value), f"entity.{name}.{slug}") for slug in literals.strings(value)]
    return _missing(root, wanted)


def left_over(root: Path) -> list[str]:
    """No sentence is there that nothing can say."""
    said = {text for module in modules(root) for text in strings(module)} | BUILT_IN
    return [
        f"{section}.{slug} is said by nothing"
        for section in ("config.error", "config.abort", "options.error", "exceptions", "issues")
        for slug in lookup(root, section) or ()
        if slug not in said
    ]


def _missing(root: Path, wanted: list[tuple[str, str]]) -> list[str]:
    return [f"{place}: {path} is missing" for place, path in wanted if not lookup(root, path)]


CHECKS: tuple[Check, ...] = (
    reasons,
    reason_placeholders,
    aborts,
    offline,
    problems,
    controls,
    event_kinds,
    exceptions,
    issues,
    entities,
    left_over,
)

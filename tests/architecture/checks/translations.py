"""reference/validation.md §5: translations as hassfest reads them."""

from pathlib import Path
import re
from typing import Any

from . import PACKAGE, Check
from .shapes import Shape, mismatches
from .source import modules, strings
from .texts import english, language, languages, leaves, lookup, placeholders

SLUG = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
HTML = re.compile(r"</?[a-zA-Z][^>]*>")
ADDRESS = re.compile(r"\w+://")
QUOTED = re.compile(r"'\{[^}]*\}'")
MARKUP = re.compile(r"\*\*|`[^`]*`|\]\(|\n")
FILLED = re.compile(r"\{[^}]*\}")
WORD = re.compile(r"[^\W\d_]+")


def text(value: Any) -> str | None:
    """Return what is wrong with a text that people read."""
    if not isinstance(value, str):
        return "not a text"
    rules = {
        "is empty": not value,
        "begins or ends with a space": value != value.strip(),
        "holds HTML": bool(HTML.search(value)),
        "holds an address; pass it as a placeholder": bool(ADDRESS.search(value)),
        "holds a placeholder in single quotes": bool(QUOTED.search(value)),
        "refers to another key, which a custom integration cannot": "[%key:" in value,
    }
    if fault := next((name for name, broken in rules.items() if broken), None):
        return fault
    try:
        return None if all(name.isidentifier() for name in placeholders(value)) else "has a placeholder that is no name"
    except ValueError as error:
        return str(error)


def plain(value: Any) -> str | None:
    """Return what is wrong with a text that takes no placeholders: states and units."""
    if fault := text(value):
        return fault
    return "holds a placeholder" if placeholders(value) else None


TEXTS: Shape = {"*": text}
STATES: Shape = {"*": plain}
SECTION: Shape = {"name": text, "description": text, "data": TEXTS, "data_description": TEXTS}
STEP: Shape = {
    "title!": text,
    "description": text,
    "data": TEXTS,
    "data_description": TEXTS,
    "menu_options": TEXTS,
    "menu_option_descriptions": TEXTS,
    "submit": text,
    "sections": {"*": SECTION},
}
FLOW: dict[str, Shape] = {
    "flow_title": text,
    "step!": {"*": STEP},
    "error": TEXTS,
    "abort": TEXTS,
    "progress": TEXTS,
    "create_entry": TEXTS,
}
FIELD: Shape = {"name!": text, "description": text, "example": text}
SERVICE: Shape = {
    "name!": text,
    "description!": text,
    "fields": {"*": FIELD},
    "sections": {"*": {"name!": text, "description": text}},
}
ENTITY: Shape = {
    "name": text,
    "state": STATES,
    "state_attributes": {"*": {"name": text, "state": STATES}},
    "unit_of_measurement": plain,
}
SHAPE: Shape = {
    "title": text,
    "common": TEXTS,
    "config": {**FLOW, "initiate_flow": {"user!": text, "reconfigure": text}},
    "config_subentries": {"*": {**FLOW, "entry_type!": text, "initiate_flow!": {"user!": text, "reconfigure": text}}},
    "options": FLOW,
    "selector": {"*": {"options": TEXTS, "unit_of_measurement": STATES, "fields": {"*": TEXTS}}},
    "services": {"*": SERVICE},
    "entity": {"*": {"*": ENTITY}},
    "device": {"*": {"name": text}},
    "exceptions": {"*": {"message!": text}},
    "issues": {"*": {"title!": text, "short_title": text, "description": text, "fix_flow": FLOW}},
    "system_health": {"info!": TEXTS},
    "application_credentials": {"description!": text},
    "device_automation": {"*": TEXTS},
    "conditions": {"*": {"name!": text, "description!": text, "fields": {"*": FIELD}}},
    "triggers": {"*": {"name!": text, "description!": text, "fields": {"*": FIELD}}},
}
# Where a key is a state, an option or the key of an entity: `*` stands for any.
SLUG_PLACES = (
    "entity.*",
    "entity.*.*.state",
    "entity.*.*.state_attributes",
    "entity.*.*.state_attributes.*.state",
    "selector.*.options",
    "exceptions",
    "issues",
    "config.error",
    "config.abort",
    "config.step",
)


def shape(root: Path) -> list[str]:
    """Every key is one that Home Assistant knows, every text one that it shows."""
    return mismatches(english(root), SHAPE) if english(root) else ["translations/en.json is missing"]


def slugs(root: Path) -> list[str]:
    """States, options and keys are slugs."""
    problems: list[str] = []
    for place in SLUG_PLACES:
        for path, keys in _at(english(root), place.split(".")):
            problems += [f"{path}.{key}: no slug" for key in keys if not SLUG.fullmatch(key)]
    return problems


def _at(value: Any, parts: list[str], path: str = "") -> list[tuple[str, list[str]]]:
    if not isinstance(value, dict):
        return []
    if not parts:
        return [(path, list(value))]
    keys = list(value) if parts[0] == "*" else [parts[0]]
    return [found for key in keys for found in _at(value.get(key), parts[1:], f"{path}.{key}".lstrip("."))]


def issue_bodies(root: Path) -> list[str]:
    """An issue has a description or a way to fix it, never both."""
    return [
        f"issues.{key}: needs exactly one of description and fix_flow"
        for key, issue in (lookup(root, "issues") or {}).items()
        if ("description" in issue) == ("fix_flow" in issue)
    ]


def descriptions(root: Path) -> list[str]:
    """Every field of every dialog has a sentence that explains it, and no sentence lacks its field."""
    steps = {
        f"{flow}.step.{name}": step
        for flow in ("config", "options")
        for name, step in (lookup(root, f"{flow}.step") or {}).items()
    }
    for key, issue in (lookup(root, "issues") or {}).items():
        for name, step in issue.get("fix_flow", {}).get("step", {}).items():
            steps[f"issues.{key}.fix_flow.step.{name}"] = step
    for name, step in list(steps.items()):
        steps |= {f"{name}.sections.{key}": section for key, section in step.get("sections", {}).items()}
    return [
        f"{name}: data and data_description differ in {key}"
        for name, step in steps.items()
        for key in sorted(set(step.get("data", {})) ^ set(step.get("data_description", {})))
    ]


def supplied(root: Path) -> list[str]:
    """Every placeholder of a text is a name that the code knows."""
    said = {item for module in modules(root) for item in strings(module)}
    said |= {node for module in modules(root) for node in _keywords(module.text)}
    return [
        f"{'.'.join(path)}: nothing supplies {{{name}}}"
        for path, value in leaves(english(root))
        if isinstance(value, str)
        for name in sorted(placeholders(value))
        if name not in said
    ]


def _keywords(source: str) -> set[str]:
    return set(re.findall(r"\b(\w+)=", source))


def files(root: Path) -> list[str]:
    """One translations folder, no strings.json, which Home Assistant does not read for a custom integration."""
    wrong = [PACKAGE / "strings.json", PACKAGE / ".translations"]
    return [f"{path}: must not be there" for path in wrong if (root / path).exists()]


def same_keys(root: Path) -> list[str]:
    """Another language says the same things, with the same placeholders."""
    ours = dict(leaves(english(root)))
    problems: list[str] = []
    for code in languages(root):
        theirs = dict(leaves(language(root, code)))
        problems += [f"{code}: {'.'.join(path)} differs from en.json" for path in sorted(ours.keys() ^ theirs.keys())]
        problems += [
            f"{code}: {'.'.join(path)} has other placeholders"
            for path in ours.keys() & theirs.keys()
            if placeholders(ours[path]) != placeholders(theirs[path])
        ]
    return problems


def other_shapes(root: Path) -> list[str]:
    """Another language is shaped as English is, and no text of it is empty."""
    return [f"{code}: {fault}" for code in languages(root) for fault in mismatches(language(root, code), SHAPE)]


def same_markup(root: Path) -> list[str]:
    """Another language keeps the paragraphs, links, code and bold type of the English text."""
    ours = dict(leaves(english(root)))
    return [
        f"{code}: {'.'.join(path)} is marked up in another way"
        for code in languages(root)
        for path, theirs in leaves(language(root, code))
        if sorted(MARKUP.findall(theirs)) != sorted(MARKUP.findall(ours.get(path, theirs)))
    ]


def translated(root: Path) -> list[str]:
    """No language is English under another name: the same words are names or single words, and few of those."""
    ours = dict(leaves(english(root)))
    problems: list[str] = []
    for code in languages(root):
        same = {path: text for path, text in leaves(language(root, code)) if ours.get(path) == text}
        problems += [f"{code}: {'.'.join(path)} is English" for path, text in same.items() if not _may_stay(text)]
        if sum(bool(WORD.search(FILLED.sub("", text))) for text in same.values()) > max(20, len(ours) // 20):
            problems.append(f"{code}: too many words are the English ones")
    return problems


def _may_stay(text: str) -> bool:
    words = WORD.findall(FILLED.sub("", text))
    return len(words) <= 1 or all(word[0].isupper() for word in words)


CHECKS: tuple[Check, ...] = (
    shape,
    slugs,
    issue_bodies,
    descriptions,
    supplied,
    files,
    same_keys,
    other_shapes,
    same_markup,
    translated,
)

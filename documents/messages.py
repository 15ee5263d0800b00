"""Every sentence about what went wrong, with what to do about it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
import re
from typing import Final

from tests.architecture.checks.texts import lookup

from .markdown import cell, rows
from .providers import source, sources

_HEAD: Final = ("CamHub says", "and advises")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
# Of a repair whose dialog is put together while it is open.
_LOOK: Final = "Its dialog looks for the reason and says what to do."
_HAS_WORDS: Final = re.compile(r"[A-Za-z]")
_SECTIONS: Final = ("config.error", "options.error", "exceptions")


def sentence(root: Path, slug: str) -> str:
    """Return the words for a reason."""
    for section in _SECTIONS:
        found = lookup(root, f"{section}.{slug}")
        if found:
            return str(found["message"] if isinstance(found, dict) else found)
    raise KeyError(slug)


def _split(words: str) -> Sequence[str]:
    """Return what is wrong, and what to do where something is said of it."""
    first, *rest = _SENTENCE.split(words, maxsplit=1)
    return (cell(first), cell(" ".join(rest)))


def _messages(root: Path, slugs: Iterable[str]) -> str:
    return rows(_HEAD, sorted({tuple(_split(sentence(root, slug))) for slug in slugs}))


def of_provider(root: Path, key: str) -> str:
    """Return all sentences that come from one kind of camera."""
    return _messages(root, source(root, key).reasons)


def of_all(root: Path) -> str:
    """Return the sentences that any camera, account or setting may bring: those that no provider says."""
    every = {slug for section in _SECTIONS for slug in lookup(root, section)}
    return _messages(root, every - {slug for each in sources(root) for slug in each.reasons})


def _repairs(root: Path, slugs: Iterable[str]) -> str:
    issues = lookup(root, "issues")
    body = [(cell(issues[slug]["title"]), cell(_advice(issues[slug]))) for slug in sorted(slugs)]
    return rows(("repair", "what it says"), body) if body else "There are none of its own."


def _advice(issue: dict[str, object]) -> str:
    """Return the words of a repair, or those of the first page of its dialog that says something."""
    match issue:
        case {"description": str(words)}:
            return words
        case {"fix_flow": {"step": dict(steps)}}:
            said = (str(step.get("description", "")) for step in steps.values())
            return next((words for words in said if _HAS_WORDS.search(re.sub(r"\{\w+\}", "", words))), _LOOK)
        case _:
            return ""


def repairs_of_provider(root: Path, key: str) -> str:
    """Return the repairs of one kind of camera."""
    return _repairs(root, source(root, key).repairs)


def repairs_of_all(root: Path) -> str:
    """Return the repairs that no provider raises."""
    raised = {slug for each in sources(root) for slug in each.repairs}
    return _repairs(root, set(lookup(root, "issues")) - raised)

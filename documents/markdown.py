"""Tables, and links from one page to another."""

from collections.abc import Iterable, Sequence
import os
from pathlib import Path
import re
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{\w+\}")


def cell(text: str) -> str:
    """Return a text as it may stand in a table; what is filled in later becomes three dots."""
    flat = " ".join(_PLACEHOLDER.sub("…", text).split())
    return flat.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")


def rows(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table; an empty cell stays empty."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("".join(["|", *(f" {each} |" if each else " |" for each in line)]) for line in lines)


def link(words: str, target: Path, page: Path) -> str:
    """Return a link from a page to a file, both relative to the root."""
    return f"[{words}]({os.path.relpath(target, page.parent)})"

"""Every link and picture of the documentation leads to something that is there."""

from functools import cache
from pathlib import Path
import re
from urllib.parse import unquote

from . import Check

PAGES = ("README.md", "CHANGELOG.md", "docs/**/*.md", "pi/*.md", "bench/*.md", "*.md")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    """Return the pages, without those of the tools beside them."""
    found = {path for pattern in PAGES for path in root.glob(pattern)}
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


@cache
def anchors(text: str) -> frozenset[str]:
    """Return the names that GitHub gives the headings of a page."""
    seen: dict[str, int] = {}
    names: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        names.add(f"{name}-{count}" if count else name)
    return frozenset(names)


def targets(text: str) -> list[str]:
    """Return where a page links to within the repository."""
    plain = CODE.sub("", FENCE.sub("", text))
    return [target for target in (found["target"] for found in LINK.finditer(plain)) if not ELSEWHERE.match(target)]


def links(root: Path) -> list[str]:
    """Files that are linked or shown are there, and so are the headings."""
    problems: list[str] = []
    for page in pages(root):
        for target in targets(page.read_text()):
            name, _, anchor = unquote(target).partition("#")
            path = (page.parent / name).resolve() if name else page
            if not path.exists():
                problems.append(f"{page.relative_to(root)}: {target} is not there")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text()):
                problems.append(f"{page.relative_to(root)}: {target} names no heading")
    return problems


CHECKS: tuple[Check, ...] = (links,)

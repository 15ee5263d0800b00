"""Pages with made parts: each stands between `<!-- made: WHAT ARGUMENTS -->` and `<!-- end -->`."""

from collections.abc import Callable, Mapping
from pathlib import Path
import re
from types import MappingProxyType
from typing import Final

from . import abilities, actions, entities, figures, layers, messages, settings
from .pictures import picture

PART: Final = re.compile(r"(?P<head><!-- made: (?P<what>[^\n]*?) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL)
type Maker = Callable[[Path, Path, str], str]

MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "abilities": lambda root, page, _: abilities.table(root, page),
        "overview": lambda root, page, _: abilities.overview(root, page),
        "messages": lambda root, _, key: messages.of_provider(root, key),
        "repairs": lambda root, _, key: messages.repairs_of_provider(root, key),
        "messages-of-all": lambda root, _, __: messages.of_all(root),
        "repairs-of-all": lambda root, _, __: messages.repairs_of_all(root),
        "settings": lambda root, _, __: settings.table(root),
        "actions": lambda root, _, __: actions.table(root),
        "entities": lambda root, _, __: entities.table(root),
        "layers": lambda root, _, __: layers.drawing(root),
        "libraries": lambda root, _, __: layers.libraries(root),
        "figures": lambda root, _, names: figures.chosen(root, names.split()),
        "missed": lambda root, _, __: figures.missed(root),
        "picture": picture,
    }
)


def pages(root: Path) -> list[Path]:
    """Return the README and all of docs/, relative to the root."""
    return [Path("README.md"), *sorted(path.relative_to(root) for path in (root / "docs").rglob("*.md"))]


def made(root: Path) -> dict[Path, str]:
    """Return the pages that have made parts, as they should be; raises KeyError where nobody makes a part."""
    found = {page: (root / page).read_text() for page in pages(root)}
    return {page: _filled(root, page, text) for page, text in found.items() if PART.search(text)}


def stale(root: Path) -> list[Path]:
    """Return the pages whose made parts are not what the code says now."""
    return [page for page, text in made(root).items() if (root / page).read_text() != text]


def _filled(root: Path, page: Path, text: str) -> str:
    def fill(part: re.Match[str]) -> str:
        what, _, arguments = part["what"].partition(" ")
        inner = MAKERS[what](root, page, arguments.strip())
        return f"{part['head']}{inner.rstrip()}\n{part['tail']}".replace("-->\n\n<!--", "-->\n<!--")

    return PART.sub(fill, text)

"""A vendor's name stays in its own folder."""

from collections.abc import Iterator
from pathlib import Path
import re

from . import PACKAGE, Check
from .registry import PROVIDERS, display_names, registered, registry_lines

# Found anywhere in a word; the others only as a word, whole or in CamelCase.
DISTINCT = {
    "hikvision": ("hikvision", "isapi", "alertstream", "streamingproxy", "contentmgmt", "devicebusy"),
    "nest_legacy": ("dropcam", "nexustalk"),
    "frigate": ("frigate",),
    "others": ("dahua", "reolink", "amcrest", "axis-cgi", "ustreamer", "camalert"),
}
WORDS = {"nest": ("nest", "sdm"), "nest_legacy": ("nest",), "ring": ("ring",)}
TECHNOLOGY = frozenset({"mjpeg"})  # a format's name, used everywhere
ALIASES = {"nest_sdm": "nest"}  # a simulator called after its service
ANY_MAKER = frozenset({"mjpeg"})  # takes any camera by address, so it knows many makers' addresses
PLACES = (PACKAGE, Path("pi"), Path("simulators"))
EXEMPT = (PACKAGE / "translations", PACKAGE / "manifest.json", PACKAGE / "quality_scale.yaml")
HOST_WORDS = re.compile(r"DoorbellEventType\.RING")  # Home Assistant's name for what a doorbell does
PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def distinct_names(root: Path) -> dict[str, set[str]]:
    """Return what is looked for inside words, by provider."""
    names = {key: set(words) for key, words in DISTINCT.items()}
    for key in registered(root):
        if key not in TECHNOLOGY:
            shown = display_names(root).get(key, key).lower()
            names.setdefault(key, set()).update({shown} - set(WORDS.get(key, ())))
            if key not in WORDS:
                names[key].add(key)
    return names


def _files(root: Path) -> Iterator[Path]:
    for place in PLACES:
        for path in sorted((root / place).rglob("*")):
            relative = path.relative_to(root)
            exempt = any(relative.is_relative_to(folder) for folder in EXEMPT)
            if path.suffix in {".py", ".json", ".yaml", ".html"} and not exempt and "__pycache__" not in relative.parts:
                yield relative


def _owner(path: Path) -> str | None:
    for home in (PROVIDERS, Path("simulators"), Path("tests/providers")):
        if path.is_relative_to(home) and len(path.relative_to(home).parts) > 1:
            name = path.relative_to(home).parts[0]
            return ALIASES.get(name, name)
    return None


def vendor_names(root: Path) -> list[str]:
    """Outside a provider's folder, its simulator, its tests and the words for users, its vendor is not named."""
    distinct = distinct_names(root)
    registry = registry_lines(root)
    problems: list[str] = []
    for path in _files(root):
        owner = _owner(path)
        if owner in ANY_MAKER:
            continue
        inner = {name for key, names in distinct.items() if key != owner for name in names}
        whole = {name for key, names in WORDS.items() if key != owner for name in names} - set(
            WORDS.get(owner or "", ())
        )
        for number, line in enumerate(HOST_WORDS.sub("", (root / path).read_text()).splitlines(), 1):
            if path == PROVIDERS / "__init__.py" and number in registry:
                continue
            lower = line.lower()
            pieces = {piece.lower() for piece in PIECES.findall(line)}
            problems += [f"{path}:{number}: names {name}" for name in sorted(inner) if name in lower]
            problems += [f"{path}:{number}: names {name}" for name in sorted(whole & pieces)]
    return problems


CHECKS: tuple[Check, ...] = (vendor_names,)

"""The drawing of the layers, from the imports that there are."""

from collections import defaultdict
from pathlib import Path
import sys
from typing import Final

from tests.architecture.checks.imports import platform_of
from tests.architecture.checks.registry import registered
from tests.architecture.checks.source import DOMAIN, imports, inside, modules

from .markdown import rows

PACKAGES: Final = ("capture", "kernel", "recording")


def layer(name: str) -> str:
    """Return where a module of the integration belongs, by its name within it."""
    first, _, rest = name.partition(".")
    if first == "providers":
        return f"providers/{rest.partition('.')[0]}" if rest else "hub"
    if first in PACKAGES:
        return f"{first}/archives" if rest.startswith("archives") else first
    return "platforms" if platform_of(first) else "hub"


def _imports(root: Path) -> dict[str, set[str]]:
    """Return what each layer imports: other layers as `/name`, libraries by their names."""
    found = modules(root)
    known = frozenset(module.name for module in found)
    wanted: dict[str, set[str]] = defaultdict(set)
    for module in found:
        own = layer(inside(module))
        for each in imports(module, known):
            top = each.target.partition(".")[0]
            if each.target == DOMAIN or each.target.startswith(f"{DOMAIN}."):
                wanted[own].add("/" + layer(each.target.removeprefix(DOMAIN).removeprefix(".")))
            elif top not in sys.stdlib_module_names:
                wanted[own].add(top)
        wanted[own].discard(f"/{own}")
    return wanted


def drawing(root: Path) -> str:
    """Return the layers as Mermaid draws them; an arrow is an import."""
    wanted = _imports(root)
    lines = ["```mermaid", "flowchart TD"]
    lines += ['  subgraph makers ["providers: a folder each, imported by name"]']
    lines += [f"    {_node(f'providers/{key}')}" for key in registered(root)]
    lines += ["  end"]
    lines += [f"  {_node(name)}" for name in sorted(wanted) if not name.startswith("providers/")]
    lines += [
        f"  {_id(name)} --> {_id(target[1:])}"
        for name in sorted(wanted)
        for target in sorted(wanted[name])
        if target.startswith("/") and not name.startswith("providers/")
    ]
    # One arrow for all where all import the same.
    inner = {target for name in wanted if name.startswith("providers/") for target in wanted[name] if target[0] == "/"}
    lines += [f"  makers --> {_id(target[1:])}" for target in sorted(inner)]
    lines += ["  hub -. load .-> makers", "```"]
    return "\n".join(lines)


def _id(name: str) -> str:
    return name.replace("/", "_")


def _node(name: str) -> str:
    return f'{_id(name)}["{name}"]'


def libraries(root: Path) -> str:
    """Return which libraries each layer imports, besides Python's own."""
    wanted = _imports(root)
    body = [
        (f"`{name}`", ", ".join(f"`{each}`" for each in sorted(targets) if not each.startswith("/")) or "none")
        for name, targets in sorted(wanted.items())
    ]
    return rows(("layer", "libraries"), body)

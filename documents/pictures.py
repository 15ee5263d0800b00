"""Pictures of the demo: shown once they are there (`script/demo --record` takes them)."""

from pathlib import Path

from .markdown import link

IMAGES = Path("docs/images")


def picture(root: Path, page: Path, arguments: str) -> str:
    """Return `NAME words` as the picture of that name, nothing where it has not been taken."""
    name, _, words = arguments.partition(" ")
    path = IMAGES / f"{name}.png"
    return f"!{link(words, path, page)}" if (root / path).exists() else ""

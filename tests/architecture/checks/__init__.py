"""One module per rule; each check takes the root of a tree and returns what is wrong, one line each."""

from collections.abc import Callable
from pathlib import Path

type Check = Callable[[Path], list[str]]
PACKAGE = Path("custom_components/camhub")

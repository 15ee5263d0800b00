"""Pure packages import where Home Assistant cannot be had."""

from pathlib import Path
import subprocess
import sys

from . import PACKAGE
from .source import modules

CHILD = """
import importlib, sys, types
root, refused, *names = sys.argv[1:]
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused.split(","):
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
sys.path[:0] = [root, root + "/pi"]
if "custom_components" not in refused:
    for name in ("custom_components", "custom_components.camhub"):
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [root + "/" + name.replace(".", "/")]
for name in names:
    importlib.import_module(name)
"""


def packages(root: Path) -> list[Path]:
    """Return the folders that must do without Home Assistant."""
    inner = [root / PACKAGE / name for name in ("kernel", "capture", "recording")]
    inner += sorted(path.parent for path in (root / PACKAGE / "providers").glob("*/__init__.py"))
    inner += [root / "pi" / "camhub_pi", root / "simulators"]
    return [path.relative_to(root) for path in inner if (path / "__init__.py").exists()]


def impure(root: Path, package: Path) -> list[str]:
    """Import every module of the package in a child process; return the last line of what went wrong."""
    ours = package.is_relative_to(PACKAGE)
    names = [module.name.removeprefix("pi.") for module in modules(root, package) if module.path.name != "__main__.py"]
    refused = "homeassistant" if ours else "homeassistant,custom_components"
    child = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, str(root), refused, *names], capture_output=True, text=True, check=False
    )
    return [f"{package}: {line}" for line in child.stderr.strip().splitlines()[-1:]] if child.returncode else []

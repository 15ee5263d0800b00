"""Every check finds what it is there to find, in a tree that is wrong in just that way."""

from collections.abc import Callable
import inspect
from pathlib import Path
import subprocess
from types import ModuleType

import pytest

from .cases import code, package, texts
from .cases.trees import KERNEL, Files
from .checks import (
    PACKAGE,
    Check,
    brand,
    docstrings,
    habits,
    hacs,
    icons,
    imports,
    links,
    manifest,
    providers,
    purity,
    quality_scale,
    reasons,
    repository,
    services,
    sizes,
    translations,
    vendors,
)

CHECKED: tuple[ModuleType, ...] = (
    brand,
    docstrings,
    habits,
    hacs,
    icons,
    imports,
    links,
    manifest,
    providers,
    quality_scale,
    reasons,
    repository,
    services,
    sizes,
    translations,
    vendors,
)
CASES = (*code.CASES, *texts.CASES, *package.CASES)


def grow(root: Path, files: Files) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def repository_of(tmp_path: Path) -> Callable[[Files], Path]:
    """Return a maker of git repositories that track the given files."""

    def make(files: Files) -> Path:
        grow(tmp_path, files)
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        subprocess.run(["git", "-C", str(tmp_path), "add", "--all"], check=True)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("check", "files", "expected"),
    CASES,
    ids=[f"{check.__module__.rpartition('.')[2]}-{check.__name__}-{expected}" for check, _, expected in CASES],
)
def test_it_bites(check: Check, files: Files, expected: str, repository_of: Callable[[Files], Path]) -> None:
    problems = check(repository_of(files))
    assert any(expected in problem for problem in problems), problems


def test_registry_hosts_are_found(repository_of: Callable[[Files], Path]) -> None:
    host = min(repository.registry_hosts())
    assert repository.hosts(repository_of({"notes.txt": f"from {host}/simple"})) == [f"notes.txt: names {host}"]


def test_a_copied_recording_is_found(tmp_path: Path, repository_of: Callable[[Files], Path]) -> None:
    answer = "<answer>" + "x" * repository.SMALLEST_RECORDING
    grow(tmp_path / "recordings", {"acme/status.xml": answer})
    assert "ours.xml: is a recorded answer" in repository.copied(
        repository_of({"ours.xml": answer}), tmp_path / "recordings"
    )


def test_a_package_that_needs_home_assistant_is_found(tmp_path: Path) -> None:
    grow(tmp_path, {f"{PACKAGE}/kernel/__init__.py": "", f"{PACKAGE}/kernel/thing.py": "import homeassistant.core"})
    assert purity.packages(tmp_path) == [PACKAGE / "kernel"]
    assert purity.impure(tmp_path, PACKAGE / "kernel")[0].endswith("refused: homeassistant")


def test_what_is_right_passes(tmp_path: Path) -> None:
    grow(tmp_path, {KERNEL: '"""Right."""\n\nimport asyncio\n\nFIRST: Final = frozenset({1})\n'})
    for check in (imports.layers, imports.cycles, vendors.vendor_names, *sizes.CHECKS, *docstrings.CHECKS):
        assert check(tmp_path) == []


def test_every_check_is_here() -> None:
    bitten = {check for check, _, _ in CASES} | {repository.hosts}
    assert {check for module in CHECKED for check in module.CHECKS} <= bitten


@pytest.mark.parametrize("module", CHECKED, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_check_is_forgotten(module: ModuleType) -> None:
    takes_root = {
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
        if inspect.get_annotations(function, eval_str=True) == {"root": Path, "return": list[str]}
    }
    assert takes_root - {getattr(module, "tracked", None)} == set(module.CHECKS)

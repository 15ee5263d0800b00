from pathlib import Path

import pytest

from .checks import Check, imports, purity

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("check", imports.CHECKS, ids=lambda check: check.__name__)
def test_imports(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("package", purity.packages(ROOT), ids=str)
def test_imported_without_home_assistant(package: Path, root: Path) -> None:
    problems = purity.impure(root, package)
    assert not problems, "\n".join(problems)

from pathlib import Path

import pytest

from .checks import Check, docstrings


@pytest.mark.parametrize("check", docstrings.CHECKS, ids=lambda check: check.__name__)
def test_docstrings(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

from pathlib import Path

import pytest

from .checks import Check, habits


@pytest.mark.parametrize("check", habits.CHECKS, ids=lambda check: check.__name__)
def test_habits(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

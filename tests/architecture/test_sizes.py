from pathlib import Path

import pytest

from .checks import Check, sizes


@pytest.mark.parametrize("check", sizes.CHECKS, ids=lambda check: check.__name__)
def test_sizes(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

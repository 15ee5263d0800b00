from pathlib import Path

import pytest

from .checks import Check, icons


@pytest.mark.parametrize("check", icons.CHECKS, ids=lambda check: check.__name__)
def test_icons(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

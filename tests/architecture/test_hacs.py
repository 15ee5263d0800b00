from pathlib import Path

import pytest

from .checks import Check, hacs


@pytest.mark.parametrize("check", hacs.CHECKS, ids=lambda check: check.__name__)
def test_hacs(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

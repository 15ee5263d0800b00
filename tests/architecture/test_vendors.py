from pathlib import Path

import pytest

from .checks import Check, vendors


@pytest.mark.parametrize("check", vendors.CHECKS, ids=lambda check: check.__name__)
def test_vendors(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

from pathlib import Path

import pytest

from .checks import Check, brand


@pytest.mark.parametrize("check", brand.CHECKS, ids=lambda check: check.__name__)
def test_brand(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

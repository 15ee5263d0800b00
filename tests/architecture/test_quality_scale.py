from pathlib import Path

import pytest

from .checks import Check, quality_scale


@pytest.mark.parametrize("check", quality_scale.CHECKS, ids=lambda check: check.__name__)
def test_quality_scale(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

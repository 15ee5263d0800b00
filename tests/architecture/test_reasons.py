from pathlib import Path

import pytest

from .checks import Check, reasons


@pytest.mark.parametrize("check", reasons.CHECKS, ids=lambda check: check.__name__)
def test_reasons(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

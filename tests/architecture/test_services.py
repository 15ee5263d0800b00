from pathlib import Path

import pytest

from .checks import Check, services


@pytest.mark.parametrize("check", services.CHECKS, ids=lambda check: check.__name__)
def test_services(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

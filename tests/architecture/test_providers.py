from pathlib import Path

import pytest

from .checks import Check, providers


@pytest.mark.parametrize("check", providers.CHECKS, ids=lambda check: check.__name__)
def test_providers(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

from pathlib import Path

import pytest

from .checks import Check, translations


@pytest.mark.parametrize("check", translations.CHECKS, ids=lambda check: check.__name__)
def test_translations(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

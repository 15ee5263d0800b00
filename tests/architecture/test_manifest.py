from pathlib import Path

import pytest

from .checks import Check, manifest


@pytest.mark.parametrize("check", manifest.CHECKS, ids=lambda check: check.__name__)
def test_manifest(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)

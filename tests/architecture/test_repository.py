from pathlib import Path

import pytest

from .checks import Check, repository


@pytest.mark.parametrize("check", repository.CHECKS, ids=lambda check: check.__name__)
def test_repository(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)


def test_hosts_are_known() -> None:
    assert repository.registry_hosts()


def test_no_recording_is_copied(root: Path, request: pytest.FixtureRequest) -> None:
    recordings: Path = request.config.getoption("--recorded")
    problems = repository.copied(root, recordings)
    assert not problems, "\n".join(problems)

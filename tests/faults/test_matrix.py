from pathlib import Path

import pytest

from custom_components.camhub.providers import PROVIDERS
from simulators.authority import Authority

from .matrix import ROWS, Row
from .page import BEGIN, PAGE, read, written
from .running import examine


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who signs certificates that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("strangers"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.lower())
@pytest.mark.parametrize("key", PROVIDERS)
def test_what_a_provider_makes_of_a_fault(
    key: str, row: Row, authority: Authority, strangers: Authority, tmp_path: Path
) -> None:
    """The rest of what must hold is asserted on the way; see `matrix`."""
    outcomes = examine(key, row, authority, strangers, tmp_path / "pictures")
    shown = dict(read(PAGE.read_text())[key][row])
    assert outcomes == shown, "`PYTHONPATH=pi python -m tests.faults` writes docs/reliability.md anew"


def test_the_page_is_what_a_run_writes() -> None:
    text = PAGE.read_text()
    assert text.partition(BEGIN)[2] == written(read(text)).removeprefix(BEGIN)
    assert "?" not in text.partition(BEGIN)[2]

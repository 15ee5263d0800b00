"""Runs a test over every recorded file of one provider.

A module names its folder in `PROVIDER`; a test that takes `recorded` is run once per entry of
`<--recorded>/<PROVIDER>/INDEX.json`, with an id that begins with the folder's name: `hikvision/devices/X.json`.
Where there is no such folder it is run once with None, passes, and the summary says what was left out and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any, Final

import pytest

LEFT_OUT: Final = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One recorded file: `file` as the index calls it, `entry` what the index says of it."""

    provider: str
    file: str
    path: Path
    entry: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Return the name of the folder it lies in, such as `events`; empty at the top."""
        return Path(self.file).parent.name

    @property
    def note(self) -> str:
        """Return what the index remarks."""
        return str(self.entry.get("note") or "")

    def read(self) -> bytes:
        """Return the content."""
        return self.path.read_bytes()


def recordings(root: Path, provider: str) -> tuple[list[Recording], str]:
    """Return the files of a provider's index, or none and why."""
    folder = root / provider
    if not folder.is_dir():
        return [], f"there is no folder {folder}"
    index = folder / "INDEX.json"
    if not index.is_file():
        return [], f"{folder} has no INDEX.json"
    entries = json.loads(index.read_text(encoding="utf-8"))
    found = [
        Recording(provider=provider, file=entry["file"], path=folder / entry["file"], entry=entry) for entry in entries
    ]
    return found, "" if found else f"{index} lists no files"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `recorded` one value per file."""
    if "recorded" not in metafunc.fixturenames:
        return
    provider: str = metafunc.module.PROVIDER
    found, reason = recordings(Path(metafunc.config.getoption("recorded")), provider)
    if reason:
        metafunc.config.stash.setdefault(LEFT_OUT, {})[provider] = reason
        metafunc.parametrize("recorded", [None], ids=[f"{provider}/left-out"])
        return
    metafunc.parametrize("recorded", found, ids=[f"{each.provider}/{each.file}" for each in found])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out and why."""
    for provider, reason in sorted(config.stash.get(LEFT_OUT, {}).items()):
        terminalreporter.write_line(f"Recorded answers of {provider} were left out: {reason}.", yellow=True)

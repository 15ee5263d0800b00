"""Writes docs/reliability.md anew: `python -m tests.faults`, with names of providers for a part of it."""

from pathlib import Path
import sys
import tempfile

from custom_components.camhub.providers import PROVIDERS
from simulators.authority import Authority

from .matrix import ROWS
from .page import PAGE, read, write
from .running import examine

cells = {key: dict(rows) for key, rows in read(PAGE.read_text()).items()}
with tempfile.TemporaryDirectory() as made:
    folder = Path(made)
    authority, strangers = Authority(folder / "ours"), Authority(folder / "theirs")
    for key in sys.argv[1:] or PROVIDERS:
        cells[key] = {row: examine(key, row, authority, strangers, folder / f"{key}{row.name}") for row in ROWS}
write(cells)

"""`upload_log.json`: what came, when, and what became of it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

LOG = logging.getLogger(__name__)
FILE = "upload_log.json"
# Of what is no longer there, so many stay in the log.
GONE = 200


class UploadLog:
    """A list of entries, on disk whole or as it was before; entries of files that are there are never dropped."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Keep the log in `folder`; a new one is written in `scratch` on the same disk."""
        self._path = folder / FILE
        self._part = scratch / f"{FILE}.part"
        self._entries: list[dict[str, Any]] = []

    def load(self) -> None:
        """Read what is there; a log that cannot be read is put aside. Raises OSError."""
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except ValueError:
            entries = None
        if not isinstance(entries, list) or not all(isinstance(each, dict) and "name" in each for each in entries):
            LOG.warning("%s cannot be read; it is kept as %s.broken and begun anew", self._path, FILE)
            self._path.replace(self._path.with_name(f"{FILE}.broken"))
            return
        self._entries = entries

    def here(self) -> dict[str, dict[str, Any]]:
        """Return the entries of files that are there, by name, oldest first."""
        return {entry["name"]: entry for entry in self._entries if "removed" not in entry}

    def add(self, entry: dict[str, Any]) -> None:
        """Write down that a file came; raises OSError."""
        self._entries.append(entry)
        self._save()

    def remove(self, names: dict[str, str], at: str) -> None:
        """Write down why files went, by name; raises OSError."""
        for entry in self._entries:
            if "removed" not in entry and entry["name"] in names:
                entry.update(removed=at, why=names[entry["name"]])
        gone = [entry for entry in self._entries if "removed" in entry]
        dropped = {id(entry) for entry in gone[: max(0, len(gone) - GONE)]}
        self._entries = [entry for entry in self._entries if id(entry) not in dropped]
        self._save()

    def _save(self) -> None:
        with self._part.open("w", encoding="utf-8") as file:
            json.dump(self._entries, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        self._part.replace(self._path)

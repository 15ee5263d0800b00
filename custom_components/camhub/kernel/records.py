"""Small records on disk, a file each: what was written is there after a power cut, whole. Blocking I/O."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Final

from .durable import replace_file, sync_folder
from .errors import Malformed, Unreachable, WrongKey
from .model import JsonValue

# How a record is written; those of the first release do not say it. A higher number is of a newer CamHub.
FORMAT: Final = 1
_FORMAT: Final = "format"


class Records:
    """Records by name in one folder that only we may read."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self._folder = folder

    def read(self, name: str) -> Mapping[str, JsonValue] | None:
        """Return a record, None if there is none.

        Raises Malformed (damaged), Unreachable (cannot be read), WrongKey `stored_newer` (of a newer CamHub).
        """
        try:
            content = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreachable(f"cannot read a record: {error.strerror}", reason="store_unreadable") from error
        try:
            record = json.loads(content)
        except ValueError, RecursionError:
            # The decoder's own words could quote the record.
            record = None
        if not isinstance(record, dict):
            raise Malformed("a record is damaged", reason="store_damaged")
        if record.pop(_FORMAT, FORMAT) != FORMAT:
            raise WrongKey("a record was written by a newer CamHub", reason="stored_newer")
        return record

    def names(self) -> set[str]:
        """Return the names of what is there, half-written leftovers included; raises Unreachable."""
        try:
            return {file.name for file in self._folder.iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise Unreachable(f"cannot read the records: {error.strerror}", reason="store_unreadable") from error

    def write(self, name: str, record: Mapping[str, JsonValue]) -> None:
        """Keep a record in place of an earlier one; when this returns it is on disk. Raises Unreachable."""
        try:
            if not self._folder.exists():
                self._folder.mkdir(mode=0o700, parents=True)
                sync_folder(self._folder.parent)
            replace_file(self._folder / name, [json.dumps({_FORMAT: FORMAT, **record}).encode()])
            sync_folder(self._folder)
        except OSError as error:
            raise Unreachable(f"cannot write a record: {error.strerror}", reason="not_stored") from error

    def forget(self, name: str) -> None:
        """Delete a record if there is one; raises Unreachable."""
        try:
            (self._folder / name).unlink(missing_ok=True)
            if self._folder.exists():
                sync_folder(self._folder)
        except OSError as error:
            raise Unreachable(f"cannot delete a record: {error.strerror}", reason="not_stored") from error

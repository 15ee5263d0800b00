"""Files that survive a power cut, whole or not at all. Blocking I/O: call it in a thread."""

from collections.abc import Iterable
from contextlib import suppress
import os
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".part"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(file: Path, chunks: Iterable[bytes]) -> None:
    """Write a file of mode 0600 in one atomic step; raises OSError and leaves the old one then.

    The name is durable only after `sync_folder`, so that many files cost one.
    """
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.writelines(chunks)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(file)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise

"""A Chromium: where it is and, on this machine, which processes belong to it, what it takes, how it is killed."""

from collections.abc import Iterator
from contextlib import suppress
import os
from pathlib import Path
import shutil
import signal
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--no-first-run",
)
_REMOTE: Final = ("http://", "https://", "ws://", "wss://")
_PROCESSES: Final = Path("/proc")
_GROUP: Final = 2


def is_remote(place: str) -> bool:
    """Return whether a browser is at an address rather than a path."""
    return place.startswith(_REMOTE)


def find(path: str = "") -> str | None:
    """Return the program at `path`, without one the first known one there is, None if there is none; blocking."""
    if path:
        return path if os.access(path, os.X_OK) and Path(path).is_file() else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def group_of(mark: str) -> int | None:
    """Return the process group whose first process has `mark` among its arguments; blocking."""
    wanted = mark.encode()
    for process in _processes():
        with suppress(OSError):
            if wanted in (process / "cmdline").read_bytes().split(b"\0") and _group(process) == int(process.name):
                return int(process.name)
    return None


def memory(group: int) -> int:
    """Return the bytes that a group's processes take, what they share counted once; blocking."""
    total = 0
    for process in _processes():
        with suppress(OSError):
            if _group(process) == group:
                total += _share(process)
    return total


def kill(group: int) -> None:
    """Kill every process of a group at once."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def children(thread: int) -> list[int]:
    """Return the processes that a thread of ours has started and that still run."""
    try:
        return [int(each) for each in (_PROCESSES / f"self/task/{thread}/children").read_text().split()]
    except OSError:
        return []


def _processes() -> Iterator[Path]:
    return (each for each in _PROCESSES.iterdir() if each.name.isdecimal())


def _group(process: Path) -> int:
    # The program's name, in parentheses, may hold anything.
    return int((process / "stat").read_text().rpartition(")")[2].split()[_GROUP])


def _share(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0

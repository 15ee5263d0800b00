"""The machine that is checked: its files, its programs."""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess

PATIENCE_S = 15.0


class Machine:
    """Reads files below `root` and runs the programs found on `path`."""

    def __init__(self, root: Path = Path("/"), path: str | None = None) -> None:
        self._root = root
        self._path = os.environ.get("PATH", os.defpath) if path is None else path

    def read(self, name: str) -> str | None:
        """Return a file's text without the zero byte a device tree ends with, None when there is none."""
        try:
            return (self._root / name).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return None

    def path(self, name: str) -> Path:
        """Return where an absolute path is on this machine."""
        return self._root / name.lstrip("/")

    def devices(self) -> list[Path]:
        """Return the video devices, in order."""
        found = (self._root / "dev").glob("video*")
        return sorted(found, key=lambda device: (len(device.name), device.name))

    def has(self, program: str) -> bool:
        """Return whether a program can be run."""
        return shutil.which(program, path=self._path) is not None

    def run(self, program: str, *arguments: str) -> str | None:
        """Return what a program says on both its outputs, None when it is not there or does not end."""
        found = shutil.which(program, path=self._path)
        if found is None:
            return None
        try:
            done = subprocess.run(
                [found, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace").strip()

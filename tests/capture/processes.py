"""Browsers of other people, and what is left of ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
import os
from pathlib import Path
import signal
import subprocess
import sys

from custom_components.camhub.capture import chromium

ROOT = Path(__file__).parents[2]


def program() -> str:
    """Return the Chromium that script/setup found or installed."""
    found = subprocess.run([sys.executable, str(ROOT / "script/chromium")], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def ours() -> set[int]:
    """Return the processes that this one has started, and theirs: Playwright's driver, browsers."""
    found: set[int] = set()
    parents = {pid: int(fields[1]) for pid, fields in _processes()}
    while more := {pid for pid, parent in parents.items() if parent in {os.getpid(), *found}} - found:
        found |= more
    return found


def running(program: str) -> list[int]:
    """Return those of our processes that run a program of that name."""
    found = []
    for pid in ours():
        # It may have ended since it was listed.
        with suppress(OSError):
            if Path(f"/proc/{pid}/exe").readlink().name == program:
                found.append(pid)
    return found


def members(group: int) -> list[int]:
    """Return the processes of a group that have not ended."""
    return [pid for pid, fields in _processes() if int(fields[2]) == group and fields[0] != "Z"]


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process and what its state file says after its name."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                yield int(process.name), (process / "stat").read_text().rpartition(")")[2].split()


@asynccontextmanager
async def remote_browser(folder: Path) -> AsyncIterator[str]:
    """Run a Chromium of somebody else's, yield the address at which it can be driven."""
    process = await asyncio.create_subprocess_exec(
        program(),
        "--headless=new",
        "--no-sandbox",
        *chromium.FLAGS,
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if b"DevTools listening on " in line:
                yield line.decode().partition("DevTools listening on ")[2].strip()
                break
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

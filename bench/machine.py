"""What the kernel says of a process and its sockets, and where processes run."""

import os
from pathlib import Path
import shutil
from typing import Final

# Who is measured runs alone on its processor; cameras and viewers share the other one.
MEASURED: Final = 1
OTHERS: Final = 0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ESTABLISHED: Final = "01"


def pinned(command: list[str], cpu: int) -> list[str]:
    """Return a command bound to one processor, the command itself where that cannot be."""
    taskset = shutil.which("taskset")
    if taskset is None or cpu not in os.sched_getaffinity(0):
        return command
    return [taskset, "--cpu-list", str(cpu), *command]


def cpu_ns(pid: int) -> int:
    """Return the nanoseconds that all living threads of a process have run."""
    spent = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            spent += int((thread / "schedstat").read_text().split()[0])
        except FileNotFoundError, ProcessLookupError:
            continue
    return spent


def resident_kb(pid: int) -> float:
    """Return the resident memory of a process in KiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1024


def unsent(server: int, client: int) -> int | None:
    """Return the bytes that the server's end of a loopback connection still holds, None once it gave it up."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if _port(local) == server and _port(remote) == client and state == _ESTABLISHED:
            return int(queues.split(":")[0], 16)
    return None


def _port(address: str) -> int:
    return int(address.split(":")[1], 16)

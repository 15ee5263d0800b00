"""What the kernel says of a process and its sockets, and where processes run."""

from collections.abc import Iterator
from contextlib import suppress
import os
from pathlib import Path
import shutil
from typing import Final

# Who is measured runs alone on its processor; cameras and viewers share the other one.
MEASURED: Final = 1
OTHERS: Final = 0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
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


def descriptors(pid: int) -> int:
    """Return how many files, sockets and the like a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def forget_peak(pid: int) -> None:
    """Let the peak of a process's memory begin anew, at what it takes now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_kb(pid: int) -> float:
    """Return the most resident memory that a process has had, in KiB."""
    told = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in told if line.startswith("VmHWM:")))


def family(pid: int) -> list[int]:
    """Return a process and all that it and they have started."""
    found = [pid]
    parents = {child: int(fields[1]) for child, fields in _processes()}
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def family_cpu(pid: int) -> float:
    """Return the seconds of CPU that a process and its family have used, those that have ended included."""
    members = set(family(pid))
    return sum(sum(map(int, fields[11:15])) for each, fields in _processes() if each in members) / _TICKS


def family_memory(pid: int) -> float:
    """Return the bytes that a process and its family take, what they share counted once."""
    total = 0
    for member in family(pid):
        with suppress(OSError):
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total * 1024


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process and what its state file says after its name, from its state on."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                yield int(process.name), (process / "stat").read_text().rpartition(")")[2].split()


def unsent(server: int, client: int) -> int | None:
    """Return the bytes that the server's end of a loopback connection still holds, None once it gave it up."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if _port(local) == server and _port(remote) == client and state == _ESTABLISHED:
            return int(queues.split(":")[0], 16)
    return None


def _port(address: str) -> int:
    return int(address.split(":")[1], 16)

"""What the repository may never hold: addresses of registries, lock files that carry them, copied recordings."""

from functools import cache
import hashlib
from pathlib import Path
import re
import shutil
import subprocess

from packaging.requirements import InvalidRequirement, Requirement

from . import Check

LOCK_FILES = re.compile(r"(^|/)(uv\.lock|pylock[^/]*\.toml|package-lock\.json)$")
NAMED_BY_PIP = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
SMALLEST_RECORDING = 64  # bytes; shorter answers are alike by nature
NOT_RECORDED = frozenset({"README.md", "INDEX.json"})


@cache
def registry_hosts() -> frozenset[str]:
    """Return the hosts that this machine's package managers name, so that none has to be written here."""
    said = [_output(python, "-c", NAMED_BY_PIP) for python in _pythons()]
    said.append(_output("npm", "config", "get", "registry"))
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        said += (
            re.findall(r"^(?:URIs:|deb(?: \[.*?\])?)\s*(\S+)", path.read_text(), re.MULTILINE) if path.is_file() else []
        )
    hosts = {re.sub(r"^\w+://", "", word).partition("/")[0] for words in said for word in words.split()}
    return frozenset(host for host in hosts if re.fullmatch(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}", host))


def _pythons() -> list[str]:
    """Return the Pythons that may have pip: the system's, and the one that set this environment up."""
    made = [str(path) for path in Path("~/.cache/camhub/bootstrap/bin").expanduser().glob("python3")]
    return ["/usr/bin/python3", "python3", *made]


def _output(program: str, *arguments: str) -> str:
    if not shutil.which(program):
        return ""
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout


def tracked(root: Path) -> list[Path]:
    """Return the files that git knows."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (root / name).is_file()]


def hosts(root: Path) -> list[str]:
    """No tracked file names a registry's host."""
    problems: list[str] = []
    for path in tracked(root):
        content = (root / path).read_bytes()
        problems += [f"{path}: names {host}" for host in sorted(registry_hosts()) if host.encode() in content]
    return problems


def lock_files(root: Path) -> list[str]:
    """No lock file that carries download addresses is tracked."""
    return [f"{path}: carries download addresses" for path in tracked(root) if LOCK_FILES.search(path.as_posix())]


def hashes(root: Path) -> list[str]:
    """Every requirement is pinned, with its hashes, and no file says where to download from."""
    problems: list[str] = []
    for path in sorted((root / "requirements").glob("*.txt")):
        joined = path.read_text().replace("\\\n", " ")
        for line in filter(None, (line.partition(" #")[0].strip() for line in joined.splitlines())):
            if line.startswith("#"):
                continue
            wanted, *found = line.split(" --hash=")
            if (
                not _pinned(wanted)
                or not found
                or not all(re.match(r"sha256:[0-9a-f]{64}\s*$", item) for item in found)
            ):
                problems.append(f"{path.name}: {wanted.strip()} is not pinned with hashes")
    return problems


def _pinned(line: str) -> bool:
    try:
        wanted = Requirement(line.strip())
    except InvalidRequirement:
        return False
    return not wanted.url and [item.operator for item in wanted.specifier] == ["=="]


def copied(root: Path, recordings: Path) -> list[str]:
    """No file of the recordings stands in the repository."""
    known = {
        _digest(path)
        for path in recordings.rglob("*")
        if path.is_file() and path.name not in NOT_RECORDED and path.stat().st_size > SMALLEST_RECORDING
    }
    return [f"{path}: is a recorded answer" for path in tracked(root) if _digest(root / path) in known]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


CHECKS: tuple[Check, ...] = (hosts, lock_files, hashes)

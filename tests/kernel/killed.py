"""A process that dies at any step: run as `python -m tests.kernel.killed SCENE FOLDER`, it forks one child for each.

A child does the scene in `FOLDER/<n>` and is gone, as by SIGKILL, when it is about to take its n-th step on the disk.
The last child gets to the end. Prints how many there were before it.
"""

from collections.abc import Callable
import os
from pathlib import Path
import sys

from custom_components.camhub.kernel.keys import begin_change, finish_change, load_keys
from custom_components.camhub.kernel.records import Records
from custom_components.camhub.kernel.vault import Vault

STEPS = ("open", "fsync", "replace", "rename", "write", "unlink", "mkdir")
NAMES = ("one", "two", "three")
KILLED = 9


def write_twice(folder: Path) -> None:
    """Change a record; `done` says that the second one was promised to last."""
    Records(folder / "records").write("name", {"generation": 2, "token": "new" * 2000})
    os.mkdir(folder / "done")  # noqa: PTH102 - left out of the count by its name


def rotate(folder: Path) -> None:
    """Change the key of three records, as the hub does."""
    records = Records(folder / "records")
    keys = begin_change(folder / "key")
    vault = Vault(keys.current, *keys.older)
    for name in NAMES:
        sealed = vault.reseal(sealed_in(records, name))
        if sealed is not None:
            records.write(name, {"sealed": sealed})
    finish_change(folder / "key")


def sealed_in(records: Records, name: str) -> str:
    record = records.read(name)
    assert record is not None
    return str(record["sealed"])


def before_write(folder: Path) -> None:
    Records(folder / "records").write("name", {"generation": 1, "token": "old" * 2000})


def before_rotate(folder: Path) -> None:
    vault = Vault(load_keys({}, folder / "key", create=True).current)
    for name in NAMES:
        Records(folder / "records").write(name, {"sealed": vault.seal(f"secret of {name}")})


SCENES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "write": (before_write, write_twice),
    "rotate": (before_rotate, rotate),
}


def child(scene: str, folder: Path, at: int) -> None:
    """Play the scene and die at a step."""
    folder.mkdir()
    before, play = SCENES[scene]
    before(folder)
    left = at

    def counted[**P, T](call: Callable[P, T]) -> Callable[P, T]:
        def step(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal left
            if args and str(args[0]).endswith("done"):
                return call(*args, **kwargs)
            if left == 0:
                os._exit(KILLED)
            left -= 1
            return call(*args, **kwargs)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    play(folder)
    os._exit(0)


def main(scene: str, folder: Path) -> int:
    """Fork a child for each step until one gets through."""
    for at in range(200):
        if (pid := os.fork()) == 0:
            child(scene, folder / str(at), at)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
            return at
    raise RuntimeError("no child got through")


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], Path(sys.argv[2]))}\n")

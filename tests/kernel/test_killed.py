from pathlib import Path
import subprocess
import sys

from custom_components.camhub.kernel.keys import Keys, begin_change, finish_change, load_keys
from custom_components.camhub.kernel.records import Records
from custom_components.camhub.kernel.vault import Vault

from .killed import NAMES, rotate, sealed_in

ROOT = Path(__file__).parents[2]


def play(scene: str, folder: Path) -> list[Path]:
    """Return the folders of all who were killed, then of the one who got through."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernel.killed", scene, str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [folder / str(number) for number in range(int(done.stdout) + 1)]


def test_a_record_is_the_old_or_the_new_one_whenever_it_is_killed(tmp_path: Path) -> None:
    folders = play("write", tmp_path)
    assert len(folders) > 5
    seen: list[int] = []
    for folder in folders:
        record = Records(folder / "records").read("name")
        assert record is not None
        generation = int(str(record["generation"]))
        assert record["token"] == {1: "old", 2: "new"}[generation] * 2000
        seen.append(generation)
        assert generation == 2 or not (folder / "done").exists()
    assert seen == sorted(seen)
    assert seen[0] == 1
    assert (folders[-1] / "done").exists()


def test_every_secret_opens_whenever_a_change_of_keys_is_killed(tmp_path: Path) -> None:
    folders = play("rotate", tmp_path)
    assert len(folders) > 15
    for folder in folders:
        assert opened(folder) == {name: f"secret of {name}" for name in NAMES}
        # It can be taken up again, and then needs the one key only.
        rotate(folder)
        assert load_keys({}, folder / "key", create=False).older == ()
        assert opened(folder) == {name: f"secret of {name}" for name in NAMES}


def opened(folder: Path) -> dict[str, str]:
    keys = load_keys({}, folder / "key", create=False)
    vault = Vault(keys.current, *keys.older)
    return {name: vault.open(sealed_in(Records(folder / "records"), name)) for name in NAMES}


def test_half_a_change_leaves_both_keys_and_its_end_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    old = load_keys({}, file, create=True).current
    begun = begin_change(file)
    assert begun.older == (old,)
    assert begin_change(file) == begun == load_keys({}, file, create=False)
    assert begun.current.hex() not in repr(begun)
    finish_change(file)
    finish_change(file)
    assert load_keys({}, file, create=False) == Keys(current=begun.current)

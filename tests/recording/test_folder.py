import errno
from hashlib import sha256
from pathlib import Path

import pytest

from custom_components.camhub.kernel.durable import UNFINISHED
from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.recording.archives import Film, NameTaken
from custom_components.camhub.recording.archives.folder import FolderArchive


def made(path: Path, content: bytes) -> Film:
    path.write_bytes(content)
    return Film(path=path, size=len(content), sha256=sha256(content).hexdigest())


def below(folder: Path) -> list[str]:
    """Return what is in a folder and below it."""
    return sorted(file.name for file in folder.rglob("*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (kept := tmp_path / "kept").mkdir(mode=0o755)
    return kept


async def test_it_keeps_tells_apart_and_deletes(tmp_path: Path, folder: Path) -> None:
    archive = FolderArchive(folder)
    one = made(tmp_path / "one", b"1" * (9 * 2**20))
    stored = await archive.put(one, "yard/day/one.mp4")
    assert await archive.put(one, "yard/day/one.mp4") == stored
    await archive.verify(stored, one)
    assert (folder / stored.reference).stat().st_mode & 0o777 == 0o644
    assert below(folder) == ["day", "one.mp4", "yard"]
    with pytest.raises(NameTaken):
        await archive.put(made(tmp_path / "two", b"2"), "yard/day/one.mp4")
    await archive.put(made(tmp_path / "two", b"2"), "yard/two.mp4")
    (folder / stored.reference).write_bytes(b"other")
    with pytest.raises(Malformed):
        await archive.verify(stored, one)
    await archive.delete(stored.reference)
    await archive.delete(stored.reference)
    with pytest.raises(Malformed):
        await archive.verify(stored, one)
    assert below(folder) == ["two.mp4", "yard"]
    await archive.delete("yard/two.mp4")
    assert below(folder) == []
    assert await archive.link("yard/two.mp4", 60) is None
    await archive.check()
    assert below(folder) == []
    await archive.close()


async def test_a_share_that_is_not_mounted_gets_nothing(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "none")
    film = made(tmp_path / "one", b"1")
    for work in (archive.put(film, "one.mp4"), archive.check()):
        with pytest.raises(Unreachable) as raised:
            await work
        assert raised.value.reason == "archive_no_folder"
    assert not (tmp_path / "none").exists()


async def test_nothing_is_outside(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(Unsupported):
        await FolderArchive(folder).put(made(tmp_path / "one", b"1"), "../one.mp4")


async def test_a_film_that_shrinks_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    film = made(tmp_path / "one", b"1" * 10)
    film.path.write_bytes(b"")
    with pytest.raises(Unreachable):
        await FolderArchive(folder).put(film, "one.mp4")
    assert below(folder) == []


async def test_a_disk_that_is_full_gets_nothing_and_then_all(tmp_path: Path, folder: Path) -> None:
    archive, film = FolderArchive(folder), made(tmp_path / "one", b"1" * 10)
    (folder / f".one.mp4{UNFINISHED}").symlink_to("/dev/full")
    with pytest.raises(Unreachable) as raised:
        await archive.put(film, "one.mp4")
    assert raised.value.reason == "archive_full"
    assert below(folder) == []
    await archive.verify(await archive.put(film, "one.mp4"), film)
    assert archive.address("one.mp4") == f"file://{folder}/one.mp4"


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (errno.ENOSPC, Unreachable, "archive_full"),
        (errno.EACCES, AuthError, "archive_refused"),
        (errno.EIO, Unreachable, "archive_unreachable"),
    ],
)
async def test_what_the_disk_says(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[HubError], reason: str
) -> None:
    film = made(tmp_path / "one", b"1" * 10)
    archive = FolderArchive(folder)
    stored = await archive.put(made(tmp_path / "two", b"2"), "two.mp4")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, "no")

    with monkeypatch.context() as patch:
        # No test runs as somebody who is refused by a disk, nor fills one.
        for name in ("replace", "write_bytes", "unlink"):
            patch.setattr(Path, name, fail)
        for work in (archive.put(film, "one.mp4"), archive.check(), archive.delete("two.mp4")):
            with pytest.raises(kind) as raised:
                await work
            assert raised.value.reason == reason
        patch.setattr(Path, "open", fail)
        with pytest.raises(kind):
            await archive.verify(stored, film)

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
import gc
from pathlib import Path
import shutil
import tempfile

import pytest

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.recording.film_cache import Convert, Film, FilmCache, NotKept

FILM = bytes(range(256)) * 8


class Source:
    """Yields a film in four parts, each when it is let go."""

    def __init__(self, film: bytes = FILM) -> None:
        self.film = film
        self.opened = 0
        self.closed = 0
        self.go = asyncio.Semaphore(0)
        self.error: Exception | None = None

    def free(self) -> None:
        for _ in range(4):
            self.go.release()

    async def read(self) -> AsyncGenerator[bytes]:
        self.opened += 1
        part = len(self.film) // 4
        try:
            for number in range(4):
                await self.go.acquire()
                if self.error is not None:
                    raise self.error
                yield self.film[number * part : (number + 1) * part]
        finally:
            self.closed += 1


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.iterdir()), "nothing is left"


async def all_of(film: Film, begin: int = 0, end: int | None = None) -> bytes:
    return b"".join([data async for data in film.read(begin, end)])


async def opened(cache: FilmCache, name: str, source: Source, convert: Convert | None = None) -> Film:
    film = await cache.open(name, source.read, convert=convert)
    assert film is not None
    return film


async def test_a_film_is_read_while_it_comes() -> None:
    cache, source = FilmCache("a"), Source()
    film = await opened(cache, "one", source)
    reader = film.read(100, len(FILM))
    source.go.release()
    assert await anext(reader) == FILM[100:512]
    assert cache.peek("one") is None
    source.free()
    assert b"".join([data async for data in reader]) == FILM[512:]
    assert await film.whole() == len(FILM)
    assert cache.peek("one") is film
    assert (film.path.stat().st_mode & 0o777, film.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    await cache.close()


async def test_whoever_wants_the_same_shares_it() -> None:
    cache, source = FilmCache("a"), Source()
    source.free()
    films = await asyncio.gather(*(opened(cache, "one", source) for _ in range(5)))
    assert [await all_of(film, 2000) for film in films] == [FILM[2000:]] * 5
    assert await all_of(await opened(cache, "one", source), 0, 3) == FILM[:3]
    assert (source.opened, source.closed) == (1, 1)
    await cache.close()


async def test_those_used_last_stay() -> None:
    cache, names = FilmCache("a", limit=2 * len(FILM)), ["one", "two"]
    for name in names:
        source = Source()
        source.free()
        await (await opened(cache, name, source)).whole()
    first = await opened(cache, "one", Source())
    going = cache.peek("two")
    assert going is not None
    reader = going.read(0, None)
    source = Source()
    source.free()
    await (await opened(cache, "three", source)).whole()
    assert (cache.peek("two"), cache.peek("one"), cache.size) == (None, first, 2 * len(FILM))
    await reader.aclose()
    await cache.forget("on")
    assert (cache.peek("one"), cache.size) == (None, len(FILM))
    await cache.close()


async def test_what_is_too_large_is_not_kept_nor_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, source = FilmCache("a", largest=len(FILM) - 1), Source()
    source.free()
    film = await opened(cache, "one", source)
    with pytest.raises(NotKept):
        await all_of(film)
    assert await cache.open("one", source.read) is None
    assert await cache.open("two", source.read, size=len(FILM)) is None
    assert source.opened == 1
    monkeypatch.setattr("custom_components.camhub.recording.film_cache._NAMES_KEPT", 1)
    other = Source()
    other.free()
    with pytest.raises(NotKept):
        await (await opened(cache, "three", other)).whole()
    assert await cache.open("three", other.read) is None
    assert await cache.open("one", source.read) is not None, "only so many names are remembered"
    await cache.close()


async def test_what_is_under_way_is_never_dropped_for_another() -> None:
    cache, slow, quick = FilmCache("a", limit=len(FILM) + 100), Source(), Source()
    film = await opened(cache, "slow", slow)
    slow.go.release()
    await film.until(1)
    quick.free()
    with pytest.raises(NotKept):
        await (await opened(cache, "quick", quick)).whole()
    slow.free()
    assert await film.whole() == len(FILM)
    await cache.close()


async def test_a_failure_is_told_and_the_next_begins_anew() -> None:
    cache, source = FilmCache("a"), Source()
    source.error = Unreachable("gone")
    source.free()
    with pytest.raises(Unreachable, match="gone"):
        await (await opened(cache, "one", source)).whole()
    source.error = None
    source.free()
    assert await all_of(await opened(cache, "one", source)) == FILM
    await cache.close()


async def test_a_full_disk_and_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache, source = FilmCache("a"), Source()
    source.error = OSError("no space left")
    source.free()
    with pytest.raises(NotKept):
        await (await opened(cache, "one", source)).whole()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert await FilmCache("b").open("one", source.read) is None
    await cache.close()


async def test_what_is_shorter_than_was_said_ends_with_an_error() -> None:
    cache, source = FilmCache("a"), Source()
    source.free()
    film = await opened(cache, "one", source)
    with pytest.raises(Unreachable):
        await all_of(film, 0, len(FILM) + 10)
    await cache.close()


async def test_a_film_made_anew_is_there_when_it_is_whole() -> None:
    async def doubled(chunks: AsyncIterator[bytes], path: Path) -> None:
        content = b"".join([chunk async for chunk in chunks])
        await asyncio.to_thread(path.write_bytes, content * 2)

    cache, source = FilmCache("a"), Source()
    source.free()
    film = await opened(cache, "one", source, doubled)
    assert await film.whole() == 2 * len(FILM)
    assert await all_of(film) == FILM * 2
    await cache.close()


async def test_closing_ends_what_is_under_way() -> None:
    cache, source = FilmCache("a"), Source()
    film = await opened(cache, "one", source)
    source.go.release()
    await film.until(1)
    await cache.close()
    with pytest.raises(Unreachable):
        await film.whole()
    assert source.closed == 1


async def test_temporary_files_that_were_cleared_away_are_fetched_again(tmp_path: Path) -> None:
    cache, source = FilmCache("a"), Source()
    source.free()
    film = await opened(cache, "one", source)
    await film.whole()
    shutil.rmtree(film.path.parent)
    with pytest.raises(Unreachable):
        await all_of(film)
    assert cache.peek("one") is None
    source.free()
    assert await all_of(await opened(cache, "one", source)) == FILM
    await cache.close()


async def test_a_file_that_cannot_be_made_leaves_nothing_half_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache, source = FilmCache("a"), Source()
    source.free()
    film = await opened(cache, "one", source)
    await film.whole()
    shutil.rmtree(film.path.parent)
    with monkeypatch.context() as nowhere:
        nowhere.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        assert await cache.open("two", source.read) is None
    source.free()
    assert await all_of(await opened(cache, "two", source)) == FILM
    await cache.close()


async def test_those_who_make_room_at_once_do_not_trip_over_each_other() -> None:
    cache, new = FilmCache("a", limit=2 * len(FILM)), [Source(), Source()]
    for name in ("one", "two"):
        source = Source()
        source.free()
        await (await opened(cache, name, source)).whole()
    films = [await opened(cache, f"new{number}", source) for number, source in enumerate(new)]
    for source in new:
        source.free()
    assert await asyncio.gather(*(film.whole() for film in films)) == [len(FILM)] * 2
    assert (cache.peek("one"), cache.peek("two"), cache.size) == (None, None, 2 * len(FILM))
    await cache.close()


async def test_a_film_forgotten_while_it_comes_ends_without_a_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, source = FilmCache("a"), Source()
    film = await opened(cache, "one", source)
    await cache.forget("one")
    source.error = Unreachable("gone")
    source.free()
    with pytest.raises(Unreachable, match="gone"):
        await film.whole()
    newer = Source()
    newer.free()
    assert await all_of(await opened(cache, "one", newer)) == FILM
    await cache.close()
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    left, other = tmp_path / "camhub-clips-a-old", tmp_path / "camhub-clips-b-old"
    for folder in (left, other):
        folder.mkdir()
        (folder / "1.film").touch()
    await FilmCache("a").sweep()
    assert (left.exists(), other.exists()) == (False, True)
    (other / "1.film").unlink()
    other.rmdir()

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.kernel.stills import Album, PictureState, checked
from tests.fake_clock import FakeClock, settle

from .album_parts import Lens, files, jpeg, picture

KEY = "account/porch"
BACKOFF = Backoff(first=5, factor=2, maximum=60, jitter=0)


def make_album(folder: Path, clock: FakeClock, *, memory_limit: int = 10**6, give_up: float = 60) -> Album:
    return Album(
        folder,
        clock=clock,
        counters=Counters(clock),
        memory_limit=memory_limit,
        backoff=BACKOFF,
        give_up=give_up,
        random=lambda: 0.0,
    )


@pytest.fixture
async def album(tmp_path: Path, clock: FakeClock) -> AsyncGenerator[Album]:
    made = make_album(tmp_path, clock)
    yield made
    await made.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert clock.sleepers == 0


@pytest.fixture
def lens(clock: FakeClock) -> Lens:
    return Lens(clock)


async def test_a_picture_that_is_fresh_is_given_at_once(album: Album, lens: Lens, clock: FakeClock) -> None:
    first = await album.get(KEY, lens, max_age=10)
    await clock.advance(10)
    assert await album.get(KEY, lens, max_age=10) is first
    assert lens.taken == 1
    assert not first.stale


async def test_an_old_picture_is_given_at_once_and_refreshed_behind(album: Album, lens: Lens, clock: FakeClock) -> None:
    first = await album.get(KEY, lens, max_age=10)
    await clock.advance(11)
    lens.shut()
    for _ in range(3):
        assert await album.get(KEY, lens, max_age=10) == replace(first, stale=True)
    await settle()
    assert lens.taken == 2
    lens.open()
    await settle()
    assert (await album.get(KEY, lens, max_age=10)).content == jpeg("2")
    assert lens.taken == 2


async def test_what_is_at_hand_is_given_without_waiting(album: Album, lens: Lens, clock: FakeClock) -> None:
    assert album.at_hand(KEY, lens, max_age=10) is None
    assert lens.taken == 0
    first = await album.get(KEY, lens, max_age=10)
    assert album.at_hand(KEY, lens, max_age=10) is first
    await clock.advance(11)
    assert album.at_hand(KEY, lens, max_age=10) == replace(first, stale=True)
    await settle()
    assert lens.taken == 2


async def test_what_left_memory_is_not_at_hand(tmp_path: Path, clock: FakeClock, lens: Lens) -> None:
    album = make_album(tmp_path, clock, memory_limit=1)
    await album.get(KEY, lens, max_age=10)
    assert album.at_hand(KEY, lens, max_age=10) is None
    assert lens.taken == 1
    await album.close()


async def test_fifty_at_once_make_one_request_over_a_real_socket(tmp_path: Path) -> None:
    requests, answer = 0, asyncio.Event()

    async def still(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        await answer.wait()
        return web.Response(body=jpeg("x", 250_000), content_type="image/jpeg")

    class Http:
        async def take(self, width: int | None = None) -> Image:
            async with session.get(server.make_url("/still")) as response:
                return Image(content=await response.read(), taken_at=SystemClock().now())

    application = web.Application()
    application.router.add_get("/still", still)
    album, stills = Album(tmp_path, clock=SystemClock()), Http()
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        gets = [asyncio.create_task(album.get(KEY, stills, max_age=10)) for _ in range(50)]
        await settle()
        answer.set()
        images = await asyncio.gather(*gets)
        await album.close()
    assert requests == 1
    assert {id(image) for image in images} == {id(images[0])}


async def test_the_first_picture_is_waited_for_so_long(album: Album, lens: Lens, clock: FakeClock) -> None:
    lens.shut()
    task = asyncio.create_task(album.get(KEY, lens, max_age=10, patience=10))
    await clock.advance(9)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(Unreachable) as caught:
        task.result()
    assert caught.value.reason == "no_picture_yet"
    lens.open()
    await settle()
    assert (await album.get(KEY, lens, max_age=60)).content == jpeg("1")
    assert lens.taken == 1


async def test_who_gives_up_cancels_nobody_else(album: Album, lens: Lens) -> None:
    lens.shut()
    impatient, patient = (asyncio.create_task(album.refresh(KEY, lens)) for _ in range(2))
    await settle()
    impatient.cancel()
    await settle()
    assert impatient.cancelled()
    lens.open()
    assert (await patient).content == jpeg("1")
    assert lens.taken == 1
    assert lens.cancelled == 0


async def test_what_is_being_taken_ends_with_its_account(album: Album, lens: Lens) -> None:
    await album.get(KEY, lens, max_age=10)
    lens.shut()
    waiting = asyncio.create_task(album.refresh(KEY, lens, force=True))
    await settle()
    await album.abandon([KEY, "account/none"])
    with pytest.raises(Unreachable) as caught:
        await waiting
    assert caught.value.reason == "shutting_down"
    assert album.last(KEY) is not None


async def test_what_everyone_gave_up_on_still_arrives(album: Album, lens: Lens) -> None:
    lens.shut()
    task = asyncio.create_task(album.get(KEY, lens, max_age=10))
    await settle()
    task.cancel()
    await settle()
    lens.open()
    await settle()
    assert album.last(KEY) is not None
    assert lens.taken == 1


@pytest.mark.parametrize("key", ["", "ein/schlüssel", "../../etc/passwd", "鍵\n\0", "half \ud800", "x" * 5000])
async def test_any_text_is_a_key(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock, key: str) -> None:
    image = await album.refresh(key, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    assert await again.read(key) == image
    assert list(again.keys()) == [key]
    assert all(file.name.removesuffix(".picture").isalnum() for file in files(tmp_path))


async def test_pictures_survive_a_restart(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    image = await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    facts = again.last(KEY)
    assert facts is not None
    assert (facts.taken_at, facts.source) == (image.taken_at, "live")
    assert again.state(KEY) == PictureState(taken_at=image.taken_at)
    await clock.advance(5)
    assert await again.get(KEY, lens, max_age=10) == image
    assert lens.taken == 1
    lens.faults = [Unreachable()]
    await clock.advance(6)
    assert await again.get(KEY, lens, max_age=10) == replace(image, stale=True)
    await again.close()


async def test_fifty_at_once_read_the_disk_once(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    images = await asyncio.gather(*(again.read(KEY) for _ in range(50)))
    assert len({id(image) for image in images}) == 1
    await again.close()


async def test_a_floor_is_kept_unless_forced(album: Album, lens: Lens, clock: FakeClock) -> None:
    first = await album.refresh(KEY, lens, floor=3600)
    await clock.advance(3599)
    assert await album.refresh(KEY, lens, floor=3600) is first
    assert await album.get(KEY, lens, max_age=10, floor=3600) == replace(first, stale=True)
    await settle()
    assert lens.taken == 1
    assert (await album.refresh(KEY, lens, floor=3600, force=True)).content == jpeg("2")
    await clock.advance(3601)
    assert (await album.get(KEY, lens, max_age=10, floor=3600)).stale
    await settle()
    assert lens.taken == 3
    await clock.advance(3600)
    assert (await album.refresh(KEY, lens, floor=3600)).content == jpeg("4")


async def test_a_floor_holds_across_a_restart(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    first = await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    await clock.advance(100)
    assert await again.refresh(KEY, lens, floor=3600) == first
    assert lens.taken == 1
    await again.close()


async def test_a_picture_that_was_lost_is_taken_whatever_the_floor(
    album: Album, lens: Lens, tmp_path: Path, clock: FakeClock
) -> None:
    await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    for file in files(tmp_path):
        file.unlink()
    assert (await again.refresh(KEY, lens, floor=3600)).content == jpeg("2")
    await again.close()


async def test_a_refresh_shares_in_one_under_way(album: Album, lens: Lens, clock: FakeClock) -> None:
    await album.refresh(KEY, lens)
    lens.shut()
    tasks = [
        asyncio.create_task(album.refresh(KEY, lens, force=True)),
        asyncio.create_task(album.refresh(KEY, lens, floor=3600)),
    ]
    await settle()
    lens.open()
    assert {(await task).content for task in tasks} == {jpeg("2")}


async def test_a_camera_that_fails_is_asked_less_and_less(album: Album, lens: Lens, clock: FakeClock) -> None:
    first = await album.refresh(KEY, lens)
    await clock.advance(20)
    begun, asked = clock.monotonic(), []
    lens.faults = [Unreachable() for _ in range(7)]
    while lens.faults:
        taken = lens.taken
        assert await album.get(KEY, lens, max_age=10) == replace(first, stale=True)
        await settle()
        if lens.taken > taken:
            asked.append(clock.monotonic() - begun)
        await clock.advance(1)
    assert asked == [0, 5, 15, 35, 75, 135, 195]
    await clock.advance(60)
    await album.get(KEY, lens, max_age=10)
    await settle()
    assert album.state(KEY).error is None


async def test_what_went_wrong_is_told(album: Album, lens: Lens, clock: FakeClock) -> None:
    assert album.state(KEY) == PictureState()
    first = await album.refresh(KEY, lens)
    await clock.advance(30)
    lens.faults = [Unreachable(reason="timed_out"), Malformed()]
    for _ in range(2):
        with pytest.raises(HubError):
            await album.refresh(KEY, lens, force=True)
    state = album.state(KEY)
    assert isinstance(state.error, Malformed)
    assert state == PictureState(
        taken_at=first.taken_at, error=state.error, failed_at=clock.now(), failures=2, again_in=state.again_in
    )
    assert state.again_in
    assert state.again_in <= 12
    await album.refresh(KEY, lens, force=True)
    assert album.state(KEY) == PictureState(taken_at=clock.now(), failed_at=state.failed_at)


async def test_while_it_is_left_in_peace_its_error_is_raised_again(album: Album, lens: Lens, clock: FakeClock) -> None:
    lens.faults = [Unreachable("why", reason="timed_out", placeholders={"name": "Porch"})]
    raised = []
    for _ in range(3):
        with pytest.raises(Unreachable, match="why") as caught:
            await album.get(KEY, lens, max_age=10)
        raised.append(caught.value)
        with pytest.raises(Unreachable, match="why") as caught:
            await album.refresh(KEY, lens)
        raised.append(caught.value)
    assert lens.taken == 1
    assert len({id(error) for error in raised}) == 6
    assert all(error.reason == "timed_out" and error.placeholders == {"name": "Porch"} for error in raised)
    assert (await album.refresh(KEY, lens, force=True)).content == jpeg("2")


async def test_a_battery_camera_that_fails_is_left_in_peace_up_to_its_floor(
    album: Album, lens: Lens, clock: FakeClock
) -> None:
    asked = []
    lens.faults = [Unreachable() for _ in range(9)]
    while lens.faults:
        taken = lens.taken
        with pytest.raises(Unreachable):
            await album.refresh(KEY, lens, floor=300)
        if lens.taken > taken:
            asked.append(clock.monotonic())
        await clock.advance(5)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 615, 915]


async def test_throttled_is_left_in_peace_as_long_as_it_asked(album: Album, lens: Lens, clock: FakeClock) -> None:
    lens.faults = [Throttled(retry_after=600), Throttled()]
    with pytest.raises(Throttled) as caught:
        await album.refresh(KEY, lens)
    assert caught.value.retry_after == 600
    await clock.advance(599)
    with pytest.raises(Throttled):
        await album.refresh(KEY, lens)
    assert lens.taken == 1
    await clock.advance(1)
    with pytest.raises(Throttled):
        await album.refresh(KEY, lens)
    await clock.advance(10)
    assert (await album.refresh(KEY, lens)).content == jpeg("3")


async def test_one_that_cannot_is_asked_again_after_an_hour(album: Album, lens: Lens, clock: FakeClock) -> None:
    """A proxy in between may say so for a while, and nobody presses a button for it."""
    await album.refresh(KEY, lens)
    lens.faults = [Unsupported()]
    with pytest.raises(Unsupported):
        await album.refresh(KEY, lens)
    await clock.advance(3590)
    with pytest.raises(Unsupported):
        await album.refresh(KEY, lens)
    assert lens.taken == 2
    await clock.advance(15)
    await album.refresh(KEY, lens)
    assert lens.taken == 3


async def test_one_that_refuses_is_not_asked_again_until_it_is_opened_anew(
    album: Album, lens: Lens, clock: FakeClock
) -> None:
    first = await album.refresh(KEY, lens)
    lens.faults = [AuthError()]
    await clock.advance(100)
    assert (await album.get(KEY, lens, max_age=10)).stale
    await settle()
    await clock.advance(10**6)
    assert (await album.get(KEY, lens, max_age=10)).content == first.content
    with pytest.raises(AuthError):
        await album.refresh(KEY, lens)
    assert lens.taken == 2
    another = Lens(clock)
    await album.refresh(KEY, another)
    assert another.taken == 1
    assert album.state(KEY).error is None


async def test_refused_credentials_are_told_once_until_they_work_again(
    album: Album, lens: Lens, clock: FakeClock
) -> None:
    told: list[tuple[str, str]] = []
    undo = album.on_auth_error(lambda key, error: told.append((key, error.reason)))
    for faults in ([AuthError(), AuthError()], [AuthError()]):
        lens.faults = list[Exception](faults)
        while lens.faults:
            with pytest.raises(AuthError):
                await album.refresh(KEY, lens, force=True)
        await album.refresh(KEY, lens, force=True)
    assert told == [(KEY, "invalid_auth")] * 2
    undo()
    lens.faults = [AuthError()]
    with pytest.raises(AuthError):
        await album.refresh(KEY, lens, force=True)
    assert len(told) == 2


async def test_new_pictures_are_told_and_equal_ones_are_not(album: Album, clock: FakeClock) -> None:
    told: list[str] = []
    undo = album.on_new(told.append)
    lens = Lens(clock)
    lens.content = jpeg("same")
    await album.refresh(KEY, lens)
    await album.refresh(KEY, lens)
    assert told == [KEY]
    await clock.advance(1)
    await album.refresh(KEY, lens)
    assert told == [KEY, KEY]
    undo()
    await clock.advance(1)
    await album.refresh(KEY, lens)
    assert told == [KEY, KEY]


async def test_an_old_picture_that_was_fetched_lately_is_stale_but_not_fetched_again(
    album: Album, clock: FakeClock
) -> None:
    event = Lens(clock, age=10_000)
    await album.refresh(KEY, event)
    await clock.advance(5)
    assert (await album.get(KEY, event, max_age=10)).stale
    await settle()
    assert event.taken == 1


async def test_a_camera_whose_clock_is_ahead_is_not_fresh_for_ever(
    album: Album, tmp_path: Path, clock: FakeClock
) -> None:
    ahead = Lens(clock, age=-100_000)
    assert not (await album.get(KEY, ahead, max_age=10)).stale
    await clock.advance(11)
    assert (await album.get(KEY, ahead, max_age=10)).stale
    await settle()
    assert ahead.taken == 2
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    assert (await again.get(KEY, ahead, max_age=10)).stale
    await settle()
    assert ahead.taken == 3
    await again.close()


async def test_a_camera_that_never_answers_is_given_up(tmp_path: Path, lens: Lens, clock: FakeClock) -> None:
    album = make_album(tmp_path, clock, give_up=0)
    lens.shut()
    with pytest.raises(Unreachable) as caught:
        await album.refresh(KEY, lens)
    assert caught.value.reason == "timed_out"
    assert lens.cancelled == 1
    await album.close()


async def test_a_fault_of_the_provider_is_logged_without_its_text_and_remembered(
    album: Album, lens: Lens, caplog: pytest.LogCaptureFixture
) -> None:
    lens.faults = [ZeroDivisionError("token=s3cret")]
    with pytest.raises(HubError) as caught:
        await album.refresh(KEY, lens)
    assert caught.value.reason == "unknown"
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text
    assert album.state(KEY).failures == 1


async def test_a_picture_that_came_by_itself_is_kept(album: Album, clock: FakeClock) -> None:
    album.put("event", picture(clock, "event"))
    image = await album.read("event")
    assert image is not None
    assert image.content == jpeg("event")
    with pytest.raises(Malformed):
        album.put("event", Image(content=b"", taken_at=clock.now()))


async def test_what_is_forgotten_is_gone_for_good(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    await album.refresh(KEY, lens)
    await album.refresh("other", Lens(clock))
    lens.shut()
    under_way = asyncio.create_task(album.refresh(KEY, lens, force=True))
    await settle()
    await album.forget([KEY, "never heard of"])
    with pytest.raises(Unreachable):
        await under_way
    assert lens.cancelled == 1
    assert album.last(KEY) is None
    assert await album.read(KEY) is None
    assert album.state(KEY) == PictureState()
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    assert list(again.keys()) == ["other"]
    assert len(files(tmp_path)) == 1


async def test_forgetting_ends_a_read_under_way(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    reading = asyncio.create_task(again.read(KEY))
    await asyncio.sleep(0)
    await again.forget([KEY])
    assert await reading is None
    assert await again.read(KEY) is None
    await again.close()


async def test_when_it_is_closed_nobody_is_left_waiting(album: Album, lens: Lens, clock: FakeClock) -> None:
    first = await album.refresh(KEY, lens)
    lens.shut()
    waiting = asyncio.create_task(album.refresh(KEY, lens, force=True))
    await settle()
    await album.close()
    for task in (waiting, album.refresh(KEY, lens), album.get("new", lens, max_age=1)):
        with pytest.raises(Unreachable) as caught:
            await task
        assert caught.value.reason == "shutting_down"
    await clock.advance(100)
    assert await album.get(KEY, lens, max_age=10) == replace(first, stale=True)
    await settle()
    assert lens.taken == 2


async def test_memory_is_bounded_and_the_rest_is_on_the_disk(tmp_path: Path, clock: FakeClock) -> None:
    album = make_album(tmp_path, clock, memory_limit=10_000)
    images = {f"camera{number}": picture(clock, str(number), 1000) for number in range(40)}
    for key, image in images.items():
        album.put(key, image)
        await album._disk.flush()
    assert album._memory.size == 10_000
    for key, image in images.items():
        assert await album.read(key) == image
        assert album._memory.size <= 10_000
    assert len(album.keys()) == 40
    await album.close()


async def test_one_that_left_memory_before_it_reached_the_disk_is_there_all_the_same(
    tmp_path: Path, clock: FakeClock
) -> None:
    album = make_album(tmp_path, clock, memory_limit=2500)
    first = picture(clock, "first", 1000)
    album.put("first", first)
    album.put("second", picture(clock, "second", 200))
    album._memory.remove("first")
    assert await album.read("first") is first
    await album.close()


async def test_one_that_made_room_on_the_disk_is_known_while_it_is_in_memory(tmp_path: Path, clock: FakeClock) -> None:
    album = Album(tmp_path, clock=clock, disk_files=1)
    album.put("first", picture(clock, "first"))
    album.put("second", picture(clock, "second"))
    album.put("third", picture(clock, "third"))
    album._memory.remove("first")
    await album.close()
    assert set(album.keys()) == {"second", "third"}
    assert await album.read("second") is not None
    album._memory.remove("second")
    assert await album.read("second") is None
    assert set(album.keys()) == {"third"}


async def test_a_newer_one_beats_one_being_read(album: Album, lens: Lens, tmp_path: Path, clock: FakeClock) -> None:
    await album.refresh(KEY, lens)
    await album.close()
    again = make_album(tmp_path, clock)
    await again.load()
    reading = asyncio.create_task(again.read(KEY))
    await asyncio.sleep(0)
    newer = picture(clock, "newer")
    again.put(KEY, newer)
    assert await reading is newer
    await again.close()


async def test_a_broken_disk_costs_no_picture(tmp_path: Path, lens: Lens, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    counters = Counters(clock)
    album = Album(tmp_path / "file" / "pictures", clock=clock, counters=counters)
    await album.load()
    assert (await album.refresh(KEY, lens)).content == jpeg("1")
    assert (await album.get(KEY, lens, max_age=10)).content == jpeg("1")
    await album.close()
    assert counters.get("pictures.disk_error") >= 2


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n", bytes(7)])
def test_a_jpeg_is_whole(clock: FakeClock, end: bytes) -> None:
    image = Image(content=jpeg("x") + end, taken_at=clock.now(), source="event")
    assert checked(image) == replace(image, content=jpeg("x"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not_a_picture"),
        (b"<html>", "not_a_picture"),
        (b"\x89PNG\r\n", "not_a_picture"),
        (b"\xff\xd8", "picture_cut"),
        (jpeg("x")[:-1], "picture_cut"),
        (jpeg("x") + b"<html>", "picture_cut"),
        (jpeg("x", 16 * 2**20 + 1), "picture_too_large"),
    ],
    ids=["empty", "html", "png", "start", "half_an_end", "more", "large"],
)
async def test_what_is_no_jpeg_is_not_kept(album: Album, lens: Lens, content: bytes, reason: str) -> None:
    lens.content = content
    with pytest.raises(Malformed) as caught:
        await album.refresh(KEY, lens)
    assert caught.value.reason == reason
    assert album.last(KEY) is None


def test_the_largest_picture_is_kept(clock: FakeClock) -> None:
    image = Image(content=jpeg("x", 16 * 2**20), taken_at=clock.now() + timedelta(days=1))
    assert checked(image) is image

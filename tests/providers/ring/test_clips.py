import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import Clip, EventKind
from custom_components.camhub.providers.ring.clips import RingClips
from custom_components.camhub.providers.ring.provider import RingProvider
from simulators.ring import Canned, RingSimulator
from simulators.ring.films import Endless, Stored
from simulators.ring.home import DRIVE
from simulators.ring.hosts import FILMS
from tests.fake_clock import LimitClock, in_time, until

from .conftest import by_name

HOUR = timedelta(hours=1)
# Large enough that some of it is read before a download breaks off.
CONTENT = bytes(range(256)) * 12000
CUT = 1_000_000
LATE_CUT = 2_900_000


@pytest.fixture
async def clips(service: RingSimulator, provider: RingProvider) -> RingClips:
    service.films.usual = Stored(CONTENT)
    found = by_name(await provider.cameras())["Drive"].clips
    assert isinstance(found, RingClips)
    return found


def clip(service: RingSimulator, clock: LimitClock, **others: Any) -> Clip:
    entry = service.happenings.record(service.device(DRIVE), "motion", **others)
    return Clip(id=str(entry["id"]), camera=str(DRIVE), start=clock.now())


async def whole(clips: RingClips, wanted: Clip) -> bytes:
    return b"".join([chunk async for chunk in clips.read(wanted)])


async def reason(clock: LimitClock, reading: Awaitable[object], error: type[HubError]) -> str:
    with pytest.raises(error) as caught:
        await in_time(clock, reading)
    return caught.value.reason


async def test_recordings_of_a_time(service: RingSimulator, clips: RingClips, clock: LimitClock) -> None:
    begun = clock.now()
    for number in range(120):
        service.happenings.record(
            service.device(DRIVE),
            "on_demand" if number == 7 else "ding" if number % 2 else "motion",
            status="processing" if number == 8 else "ready",
        )
        await clock.advance(60)
    found = await clips.between(begun, clock.now())
    assert len(found) == 118, "live views and what is not ready are left out"
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert (found[0].kind, found[1].kind) == (EventKind.MOTION, EventKind.DOORBELL)
    assert found[0].end == found[0].start + timedelta(seconds=12.5)
    part = await clips.between(begun + HOUR, begun + HOUR + timedelta(seconds=61))
    assert [each.start - begun for each in part] == [HOUR, HOUR + timedelta(seconds=60)]
    assert await clips.between(begun - HOUR, begun) == []


async def test_a_history_that_ends_between_two_pages(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    for _ in range(50):
        service.happenings.record(service.device(DRIVE), "motion")
    assert len(await clips.between(clock.now() - HOUR, clock.now() + HOUR)) == 50


async def test_so_far_back_and_no_further(
    service: RingSimulator, clips: RingClips, clock: LimitClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.camhub.providers.ring.clips.PAGES", 1)
    for _ in range(60):
        service.happenings.record(service.device(DRIVE), "motion")
    assert len(await clips.between(clock.now() - HOUR, clock.now() + HOUR)) == 50


async def test_less_than_was_said_is_not_taken_for_all(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    part = Canned(status=206, body="abcd", headers={"Content-Range": "bytes 0-3/10"})
    service.faults.answers[FILMS] = part
    assert await reason(clock, whole(clips, clip(service, clock)), Malformed) == "malformed"
    assert service.requests.total() >= 2


async def test_no_history_is_malformed(service: RingSimulator, clips: RingClips, clock: LimitClock) -> None:
    service.faults.answers[f"api.ring.com/clients_api/doorbots/{DRIVE}/history"] = Canned(status=200, body="{}")
    with pytest.raises(Malformed):
        await clips.between(clock.now() - HOUR, clock.now())


async def test_a_recording_is_read(service: RingSimulator, clips: RingClips, clock: LimitClock) -> None:
    assert await whole(clips, clip(service, clock)) == CONTENT
    assert service.films.ranges == [None]
    asked = [query for path, query in service.queries if path.endswith(".mp4")]
    assert "Authorization" not in str(asked), "the token goes to nobody else"


async def test_what_breaks_off_goes_on_where_it_was(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.cut_film_at = CUT
    assert await in_time(clock, whole(clips, clip(service, clock))) == CONTENT
    asked = service.films.ranges
    assert asked[0] is None
    assert all(each is not None and each > "bytes=1" for each in asked[1:])
    assert len(set(asked)) == len(asked) >= 3


async def test_a_server_that_knows_no_ranges_is_read_again(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    # So much that what comes again is more than one chunk, whatever was lost on the way.
    service.faults.cut_film_at = LATE_CUT
    service.faults.no_ranges = True

    async def heal() -> None:
        await service.wait_until(lambda: len(service.films.ranges) == 1)
        service.faults.cut_film_at = 0

    healing = asyncio.create_task(heal())
    assert await in_time(clock, whole(clips, clip(service, clock))) == CONTENT
    await healing


async def test_an_address_that_ends_is_renewed(service: RingSimulator, clips: RingClips, clock: LimitClock) -> None:
    service.faults.cut_film_at = CUT
    service.faults.film_life_s = 0.5
    assert await in_time(clock, whole(clips, clip(service, clock))) == CONTENT
    assert service.films.handed_out >= 3, "another each time"


async def test_an_address_that_leads_to_nothing_yet_is_waited_for(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.answers[FILMS] = Canned(status=404, body="<Error><Code>NoSuchKey</Code></Error>")
    wanted = clip(service, clock)
    asked = asyncio.ensure_future(in_time(clock, whole(clips, wanted)))
    await service.wait_until(lambda: sum(path.endswith(".mp4") for path, _ in service.queries) == 2)
    service.faults.answers.clear()
    assert await asked == CONTENT
    assert service.films.handed_out == 1, "it is the same address"
    service.faults.answers[FILMS] = Canned(status=404)
    assert await reason(clock, whole(clips, wanted), Unreachable) == "clip_not_ready"


async def test_an_address_that_never_works_is_given_up(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.film_life_s = 0
    assert await reason(clock, whole(clips, clip(service, clock)), Unreachable) == "clip_broken_off"
    assert service.films.handed_out == 5


async def test_a_download_that_never_gets_on_is_given_up(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.answers[FILMS] = Canned(status=503)
    assert await reason(clock, whole(clips, clip(service, clock)), Unreachable) == "clip_broken_off"
    service.faults.answers[FILMS] = Canned(status=429)
    assert await reason(clock, whole(clips, clip(service, clock)), Throttled) == "throttled"
    service.faults.answers[FILMS] = Canned(status=401)
    assert await reason(clock, whole(clips, clip(service, clock)), AuthError) == "login_ended"


async def test_another_film_in_its_place_is_noticed(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.cut_film_at = CUT
    wanted = clip(service, clock)
    reading = clips.read(wanted)
    await anext(reading)
    service.films.usual = Endless(6_000_000)

    async def rest() -> None:
        async for _ in reading:
            pass

    assert await reason(clock, rest(), Malformed) == "clip_changed"


async def test_an_answer_of_no_known_length_ends_where_it_ends(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.chunked_films = True
    assert await whole(clips, clip(service, clock)) == CONTENT


async def test_a_recording_is_waited_for(service: RingSimulator, clips: RingClips, clock: LimitClock) -> None:
    entry = service.happenings.record(service.device(DRIVE), "motion", status="processing")
    reading = asyncio.ensure_future(whole(clips, Clip(id=str(entry["id"]), camera=str(DRIVE), start=clock.now())))
    path = f"api.ring.com/clients_api/dings/{entry['id']}/share/play"
    await service.wait_until(lambda: service.requests[path] == 1)
    entry["recording"]["status"] = "ready"
    assert await in_time(clock, reading) == CONTENT
    assert service.requests[path] == 2


async def test_a_recording_that_does_not_get_ready_is_said(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.no_film = True
    assert await reason(clock, whole(clips, clip(service, clock)), Unreachable) == "clip_not_ready"
    old = clip(service, clock, status="processing")
    await clock.advance(1200)
    with pytest.raises(Unsupported) as caught:
        await whole(clips, old)
    assert caught.value.reason == "not_on_server"


async def test_an_address_that_is_none_of_https_is_refused(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    wanted = clip(service, clock)
    path = f"api.ring.com/clients_api/dings/{wanted.id}/share/play"
    service.faults.answers[path] = Canned(status=200, body='{"url": "http://films.example.com/x"}')
    with pytest.raises(Malformed):
        await whole(clips, wanted)
    service.faults.answers[path] = Canned(status=200, body='{"url": "https://films.example.com:x/"}')
    assert await reason(clock, whole(clips, wanted), Unreachable) == "clip_broken_off"


async def test_a_name_that_is_none(clips: RingClips, clock: LimitClock) -> None:
    with pytest.raises(Unsupported):
        await whole(clips, Clip(id="x", camera=str(DRIVE), start=clock.now()))


async def test_without_a_subscription_that_is_said(
    service: RingSimulator, provider: RingProvider, clips: RingClips, clock: LimitClock
) -> None:
    service.device(DRIVE)["features"]["show_recordings"] = False
    await provider.cameras()
    for asking in (clips.between(clock.now() - HOUR, clock.now()), whole(clips, clip(service, clock))):
        assert await reason(clock, asking, Unsupported) == "subscription_missing"


async def test_a_download_that_falls_silent_is_dialled_again(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    service.faults.stall_film_at = CUT
    arrived = bytearray()

    async def read() -> None:
        async for chunk in clips.read(clip(service, clock)):
            arrived.extend(chunk)

    reading = asyncio.ensure_future(read())
    await until(lambda: len(arrived) == CUT and clock.limits == 1)
    service.faults.stall_film_at = 0
    await clock.advance(31)
    await in_time(clock, reading)
    assert arrived == CONTENT
    assert service.films.ranges[0] is None
    assert len(service.films.ranges) == 2


HEVC = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00moov....stsd....hvc1" + bytes(50_000)


@pytest.mark.parametrize("redirects", [False, True])
async def test_a_recording_that_browsers_do_not_play_comes_converted(
    service: RingSimulator, clips: RingClips, clock: LimitClock, redirects: bool
) -> None:
    wanted = clip(service, clock)
    service.films.films[int(wanted.id)] = Stored(HEVC)
    service.films.converted[int(wanted.id)] = Stored(CONTENT)
    service.faults.redirects = redirects
    assert await in_time(clock, whole(clips, wanted)) == CONTENT


async def test_a_recording_that_is_not_converted_comes_as_it_is(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    wanted = clip(service, clock)
    service.films.films[int(wanted.id)] = Stored(HEVC)
    assert await in_time(clock, whole(clips, wanted)) == HEVC
    service.faults.answers[f"api.ring.com/clients_api/dings/{wanted.id}/recording"] = Canned(status=200, body="{}")
    assert await in_time(clock, whole(clips, wanted)) == HEVC


async def test_a_login_that_ends_before_a_recording_is_converted_is_told(
    service: RingSimulator, clips: RingClips, clock: LimitClock
) -> None:
    wanted = clip(service, clock)
    service.films.films[int(wanted.id)] = Stored(HEVC)
    service.faults.answers[f"api.ring.com/clients_api/dings/{wanted.id}/recording"] = Canned(status=401)
    assert await reason(clock, whole(clips, wanted), AuthError) == "login_ended"

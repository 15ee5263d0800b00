from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.kernel.model import Clip, EventKind
from custom_components.camhub.kernel.provider import Camera, LabelledClips
from custom_components.camhub.providers.hikvision import clips as clips_module
from custom_components.camhub.providers.hikvision.answers import DeviceBusy
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from custom_components.camhub.providers.hikvision.searching import download_of, page_of, read_local
from custom_components.camhub.providers.hikvision.tree import read_xml
from custom_components.camhub.providers.hikvision.zone import zone_of
from simulators.hikvision import HikvisionSimulator
from simulators.hikvision.recordings import HEADER, ZONE
from tests.fake_clock import FakeClock, LimitClock, in_time

from .conftest import MakeDevice, MakeProvider, Serve

FILM = HEADER + b"\x00\x00\x01\xba" + bytes(2_000_000)
HOUR = timedelta(hours=1)
LOW_PRIVILEGE = "<ResponseStatus><statusCode>4</statusCode><subStatusCode>lowPrivilege</subStatusCode></ResponseStatus>"


async def clips_of(provider: HikvisionProvider, camera: str = "proxy-1") -> LabelledClips:
    found: Camera = next(each for each in await provider.cameras() if each.id == camera)
    assert isinstance(found.clips, LabelledClips)
    return found.clips


@pytest.fixture
async def device(make_device: MakeDevice) -> HikvisionSimulator:
    made = await make_device("nvr")
    made.recordings.films = {1: FILM}
    return made


@pytest.fixture
async def clips(device: HikvisionSimulator, make_provider: MakeProvider) -> LabelledClips:
    return await clips_of(make_provider(device.url))


async def whole(clips: LabelledClips, clip: Clip) -> bytes:
    return b"".join([chunk async for chunk in clips.read(clip)])


class TestList:
    @pytest.mark.parametrize("month", [1, 7])
    async def test_times_are_the_devices_own(
        self, device: HikvisionSimulator, clips: LabelledClips, month: int
    ) -> None:
        at = datetime(2025, month, 1, 12, tzinfo=UTC)
        device.recordings.add(1, at, at + HOUR)
        device.recordings.add(2, at, at + HOUR)
        device.recordings.add(1, at + HOUR, at + HOUR + timedelta(seconds=20), "MOTION")
        # It says Z and means its own time: an hour later in winter, two in summer.
        shown = f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}Z"
        assert shown[11:13] == ("13" if month == 1 else "14")
        before = at - timedelta(minutes=5)
        found = await clips.between(before, at + 2 * HOUR)
        assert [(each.start, each.end, each.label, each.kind) for each in found] == [
            (at, at + HOUR, "timing", None),
            (at + HOUR, at + HOUR + timedelta(seconds=20), "motion", EventKind.MOTION),
        ]
        assert {each.camera for each in found} == {"proxy-1"}
        assert {each.content_type for each in found} == {"video/mpeg"}
        assert found[0].size == len(FILM)
        assert "192.0.2" not in str(found)
        assert await clips.between(before - HOUR, before) == []

    async def test_all_pages_are_read_and_nothing_twice(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        begin = clock.now() - timedelta(days=3)
        for number in range(95):
            device.recordings.add(1, begin + number * HOUR / 2, begin + (number + 1) * HOUR / 2)
        found = await clips.between(begin, clock.now())
        assert len(found) == 95
        assert all(former.end == latter.start for former, latter in pairwise(found))
        assert device.requests["/ISAPI/ContentMgmt/search"] == 3
        assert device.requests["/ISAPI/System/time"] == 1

    async def test_a_recorder_that_knows_no_pages_is_asked_from_the_last_one_on(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        device.recordings.pages = False
        begin = clock.now() - timedelta(days=3)
        for number in range(95):
            device.recordings.add(1, begin + number * HOUR / 2, begin + (number + 1) * HOUR / 2)
        found = await clips.between(begin, clock.now())
        assert len(found) == 95
        assert device.requests["/ISAPI/ContentMgmt/search"] == 5
        # All of one moment: there is no later one to go on from.
        device.recordings.kept.clear()
        for _ in range(50):
            device.recordings.add(1, begin, begin + HOUR)
        assert len(await clips.between(begin, clock.now())) == 40

    async def test_a_device_without_end_is_left(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clips_module, "MOST_PAGES", 2)
        monkeypatch.setattr(clips_module, "REMEMBERED", 1)
        for number in range(95):
            device.recordings.add(1, clock.now() - (number + 1) * HOUR, clock.now() - number * HOUR)
        found = await clips.between(clock.now() - 100 * HOUR, clock.now())
        assert len(found) == 80
        device.faults.answers["/ContentMgmt/search"] = (
            200,
            "<CMSearchResult><responseStatusStrg>MORE</responseStatusStrg><matchList/></CMSearchResult>",
        )
        assert await clips.between(clock.now() - HOUR, clock.now()) == []

    async def test_what_lies_outside_is_left_out(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        span = "<timeSpan><startTime>2020-01-01T00:00:00Z</startTime><endTime>2020-01-01T01:00:00Z</endTime></timeSpan>"
        media = "<mediaSegmentDescriptor><playbackURI>rtsp://192.0.2.9/</playbackURI></mediaSegmentDescriptor>"
        item = f"<searchMatchItem><trackID>101</trackID>{span}{media}</searchMatchItem>"
        answer = f"<CMSearchResult><matchList>{item}</matchList></CMSearchResult>"
        device.faults.answers["/ContentMgmt/search"] = (200, answer)
        assert await clips.between(clock.now() - HOUR, clock.now()) == []

    async def test_what_is_still_recorded_has_no_end(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        device.recordings.add(1, clock.now() - HOUR / 2, clock.now() + HOUR / 2)
        (found,) = await clips.between(clock.now() - HOUR, clock.now())
        assert found.end is None

    async def test_by_label(self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock) -> None:
        device.recordings.fill([1])
        assert {"timing", "motion", "linedetection", "fielddetection"} <= set(clips.labels())
        assert "audioexception" not in clips.labels()
        found = await clips.labelled("motion", clock.now() - 24 * HOUR, clock.now())
        assert {each.kind for each in found} == {EventKind.MOTION}
        assert 3 <= len(found) <= 5
        assert await clips.labelled("facedetection", clock.now() - 24 * HOUR, clock.now()) == []


class TestRead:
    async def test_film_comes_as_it_is(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock, make_provider: MakeProvider
    ) -> None:
        device.recordings.add(1, clock.now() - HOUR, clock.now())
        (clip,) = await clips.between(clock.now() - HOUR, clock.now())
        chunks = [chunk async for chunk in clips.read(clip)]
        assert b"".join(chunks) == FILM
        assert len(chunks) > 1
        # After a restart its address is put together again.
        again = await clips_of(make_provider(device.url))
        assert await whole(again, clip) == FILM

    async def test_devices_that_want_post(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        device.recordings.methods = {"POST"}
        device.recordings.add(1, clock.now() - HOUR, clock.now())
        (clip,) = await clips.between(clock.now() - HOUR, clock.now())
        for _ in range(2):
            assert await whole(clips, clip) == FILM
        # What worked is remembered.
        assert device.requests["/ISAPI/ContentMgmt/download"] == 3

    @pytest.mark.parametrize(
        "identifier", ["", "nonsense", "101/2026/x", "101/20260101T000000Z/20260101T000000Z/<a>/5", "event/1"]
    )
    async def test_what_is_no_recording(self, clips: LabelledClips, clock: FakeClock, identifier: str) -> None:
        with pytest.raises(Unsupported) as raised:
            await whole(clips, Clip(id=identifier, camera="proxy-1", start=clock.now()))
        assert raised.value.reason == "not_on_server"

    async def test_recording_that_is_gone(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        device.recordings.add(1, clock.now() - HOUR, clock.now())
        (clip,) = await clips.between(clock.now() - HOUR, clock.now())
        device.recordings.kept.clear()
        with pytest.raises(Unsupported) as raised:
            await whole(clips, clip)
        assert raised.value.reason == "not_on_server"

    @pytest.mark.parametrize(
        ("path", "status", "body", "error", "reason"),
        [
            ("search", 403, "", Unsupported, "playback_not_allowed"),
            ("search", 200, LOW_PRIVILEGE, Unsupported, "playback_not_allowed"),
            ("search", 400, "", Unsupported, "unsupported"),
            ("search", 200, "<DeviceInfo/>", Malformed, "malformed"),
            ("search", 503, "", DeviceBusy, "device_busy"),
            ("download", 403, "", Unsupported, "playback_not_allowed"),
            ("download", 404, "", Unsupported, "not_on_server"),
            ("download", 503, "", DeviceBusy, "device_busy"),
            ("download", 200, "<ResponseStatus><statusCode>2</statusCode></ResponseStatus>", DeviceBusy, "device_busy"),
            ("download", 200, "<film/>", Malformed, "malformed"),
            ("download", 401, "", AuthError, "invalid_auth"),
            ("System/time", 503, "", DeviceBusy, "device_busy"),
        ],
    )
    async def test_refusals_in_words(
        self,
        device: HikvisionSimulator,
        clips: LabelledClips,
        clock: LimitClock,
        path: str,
        status: int,
        body: str,
        error: type[HubError],
        reason: str,
    ) -> None:
        device.recordings.add(1, clock.now() - HOUR, clock.now())
        place = f"/{path}" if "/" in path else f"/ContentMgmt/{path}"
        device.faults.answers[place] = (status, body)

        async def both() -> None:
            (clip,) = await clips.between(clock.now() - HOUR, clock.now())
            await whole(clips, clip)

        with pytest.raises(error) as raised:
            await in_time(clock, both())
        assert raised.value.reason == reason

    async def test_film_that_breaks_off_is_said(
        self, serve: Serve, make_provider: MakeProvider, clock: FakeClock
    ) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000000"})
            await response.prepare(request)
            await response.write(FILM[:1000])
            assert request.transport is not None
            request.transport.close()
            return response

        provider = make_provider(await serve(handler))
        client, _ = provider._reach()
        with pytest.raises(Unreachable):
            async for _ in client.film("ContentMgmt/download", download_of("rtsp://192.0.2.9/")):
                pass


class TestZone:
    @pytest.mark.parametrize(
        ("rule", "summer", "winter"),
        [
            ("CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00", 2, 1),
            ("CST-8:00:00", 8, 8),
            ("CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", -4, -5),
            ("CST0:00:00DST00:30:00,M3.5.0/01:00:00,M10.5.0/02:00:00", 0.5, 0),
            ("CST-10DST,M10.1.0,M4.1.0/3", 10, 11),
            ("<+03>-3", 3, 3),
            ("CST+3:30", -3.5, -3.5),
        ],
    )
    def test_rules(self, rule: str, summer: float, winter: float) -> None:
        zone = zone_of(read_xml(f"<Time><timeZone>{rule.replace('<', '&lt;')}</timeZone></Time>".encode()))
        for month, hours in ((7, summer), (1, winter)):
            assert datetime(2026, month, 15, tzinfo=UTC).astimezone(zone).utcoffset() == timedelta(hours=hours)

    @pytest.mark.parametrize("rule", ["", "Europe/Berlin", "CST-99:00:00", "CST-1DST01:00:00,M99.9.9,M10.5.0"])
    def test_without_a_rule_the_local_time_tells(self, rule: str) -> None:
        told = f"<Time><localTime>2026-01-02T03:04:05-03:00</localTime><timeZone>{rule}</timeZone></Time>"
        assert zone_of(read_xml(told.encode())).utcoffset(None) == timedelta(hours=-3)
        assert zone_of(read_xml(f"<Time><timeZone>{rule}</timeZone></Time>".encode())) == UTC

    async def test_a_device_that_does_not_tell_lives_in_utc(
        self, device: HikvisionSimulator, clips: LabelledClips, clock: FakeClock
    ) -> None:
        device.faults.answers["/System/time"] = (403, "")
        at = clock.now() - 5 * HOUR
        device.recordings.add(1, at, at + HOUR)
        (found,) = await clips.between(at - 5 * HOUR, clock.now())
        assert found.start == at.astimezone(ZONE).replace(tzinfo=UTC)

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ("2026-01-02T03:04:05Z", "2026-01-02T02:04:05+00:00"),
            ("2026-01-02T03:04:05", "2026-01-02T02:04:05+00:00"),
            ("20260102T030405Z", "2026-01-02T02:04:05+00:00"),
            ("2026-01-02T03:04:05+08:00", "2026-01-01T19:04:05+00:00"),
            ("20260102T030405-0500", "2026-01-02T08:04:05+00:00"),
            ("yesterday", None),
        ],
    )
    def test_times(self, told: str, expected: str | None) -> None:
        found = read_local(told, timezone(HOUR))
        assert (None if found is None else found.astimezone(UTC).isoformat()) == expected


def test_items_that_cannot_be_read_are_left_out() -> None:
    def item(
        start: str = "2026-01-02T03:04:05Z", uri: str = "rtsp://h/Streaming/tracks/101?size=x", more: str = ""
    ) -> str:
        span = f"<timeSpan><startTime>{start}</startTime><endTime>2026-01-02T04:00:00Z</endTime></timeSpan>"
        media = f"<mediaSegmentDescriptor><playbackURI>{uri}</playbackURI><size>77</size></mediaSegmentDescriptor>"
        return f"<searchMatchItem><trackID>101</trackID>{span}{media}{more}</searchMatchItem>"

    labels = "".join(
        f"<metadataDescriptor>{each}</metadataDescriptor>" for each in ("motion", "a/", "a.com/fieldDetection")
    )
    items = [item(), item(start="?"), item(uri="rtsp://["), item(uri=""), item(more=labels)]
    page = page_of(read_xml(f"<CMSearchResult><matchList>{''.join(items)}</matchList></CMSearchResult>".encode()), UTC)
    assert (page.count, page.more) == (5, False)
    assert [(each.size, each.label, each.kind) for each in page.matches] == [
        (77, None, None),
        (77, "fielddetection", EventKind.INTRUSION),
    ]


@pytest.mark.parametrize(
    ("model", "storage", "expected"),
    [
        ("nvr", None, True),
        ("nvr", (403, ""), True),
        ("nvr", (200, "<storage><hddList/><nasList/></storage>"), False),
        ("camera", None, True),
        ("camera", (403, ""), False),
        ("camera", (200, "<storage><nasList><nas><id>1</id></nas></nasList></storage>"), True),
    ],
)
async def test_recordings_are_offered_where_there_is_something_to_record_on(
    make_device: MakeDevice,
    make_provider: MakeProvider,
    model: str,
    storage: tuple[int, str] | None,
    expected: bool,
) -> None:
    device = await make_device(model)
    if storage is not None:
        device.faults.answers["/ContentMgmt/Storage"] = storage
    cameras = await make_provider(device.url).cameras()
    for each in cameras:
        assert (each.clips is not None) == (expected and not each.id.startswith("zero"))
        assert each.lasting == each.event_kinds
    again = await make_provider(device.url).cameras()
    assert len(again) == len(cameras)

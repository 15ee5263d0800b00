import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
import json

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.kernel.jpeg import is_whole_jpeg, jpeg_size
from custom_components.camhub.kernel.model import Clip, EventKind
from custom_components.camhub.kernel.provider import (
    Camera,
    Clips,
    ExportedClips,
    Hls,
    LabelledClips,
    Mjpeg,
    PicturedClips,
    Stills,
    WebRtc,
)
from custom_components.camhub.providers.frigate import parse
from custom_components.camhub.providers.frigate.client import SILENCE_S
from custom_components.camhub.providers.frigate.features import features
from custom_components.camhub.providers.frigate.media import FRESH_S, CameraHandle, LatestStats, RestreamHls
from simulators.frigate import FrigateSimulator, Unit
from tests.fake_clock import FakeClock
from tests.webrtc_viewer import Viewer

from .conftest import MakeClient, MakeProvider, MakeServer, Serve, by_id


async def camera_of(server: FrigateSimulator, make_provider: MakeProvider, name: str = "driveway") -> Camera:
    return by_id(await make_provider(server.url).cameras())[name]


@pytest.fixture
async def camera(server: FrigateSimulator, make_provider: MakeProvider) -> Camera:
    return await camera_of(server, make_provider)


@pytest.fixture
def stills(camera: Camera) -> Stills:
    assert camera.stills is not None
    return camera.stills


@pytest.mark.parametrize("version", ["0.14", "0.15", "0.18"])
async def test_pictures_come_in_the_size_wanted(
    make_server: MakeServer, make_provider: MakeProvider, clock: FakeClock, version: str
) -> None:
    camera = await camera_of(await make_server(version), make_provider)
    assert camera.stills is not None
    image = await camera.stills.take()
    assert jpeg_size(image.content) == (640, 360)
    assert (image.taken_at, image.stale, image.source) == (clock.now(), False, "live")
    assert jpeg_size((await camera.stills.take(320)).content) == (320, 180)
    assert jpeg_size((await camera.stills.take(4000)).content) == (640, 360)


@pytest.mark.parametrize("version", ["0.14", "0.17", "0.18"])
async def test_the_picture_of_a_camera_that_is_down_is_none(
    make_server: MakeServer, make_provider: MakeProvider, clock: FakeClock, version: str
) -> None:
    server = await make_server(version)
    camera = await camera_of(server, make_provider)
    assert camera.stills is not None
    await camera.stills.take()
    server.faults.offline.add("driveway")
    await clock.advance(FRESH_S)
    with pytest.raises(Unreachable) as caught:
        await camera.stills.take()
    assert caught.value.reason == "camera_offline"
    server.faults.offline.clear()
    await clock.advance(FRESH_S)
    assert is_whole_jpeg((await camera.stills.take()).content)


async def test_the_picture_of_a_camera_that_is_off_is_none(
    server: FrigateSimulator, make_provider: MakeProvider
) -> None:
    server.cameras[0].enabled = False
    camera = await camera_of(server, make_provider)
    assert camera.stills is not None
    with pytest.raises(Unreachable) as caught:
        await camera.stills.take()
    assert caught.value.reason == "camera_switched_off"


async def test_figures_are_asked_for_once_in_a_while(
    server: FrigateSimulator, stills: Stills, clock: FakeClock
) -> None:
    before = server.requests["/api/stats"]
    for _ in range(5):
        await stills.take()
    assert server.requests["/api/stats"] == before
    await clock.advance(FRESH_S)
    await asyncio.gather(stills.take())
    assert server.requests["/api/stats"] == before + 1


@pytest.mark.parametrize(
    ("status", "content_type", "body", "error", "reason"),
    [
        (200, "text/html", "<html>", Malformed, "not_a_picture"),
        (200, "image/jpeg", "", Malformed, "not_a_picture"),
        (500, "application/json", '{"message": "Unable to get valid frame"}', Unreachable, "no_frame"),
        (500, "text/plain", "boom", Unreachable, "device_fault"),
        (
            403,
            "application/json",
            '{"detail": "Access denied to camera \'driveway\'."}',
            Unsupported,
            "camera_not_in_role",
        ),
        (403, "text/html", "<html>403", Unsupported, "insufficient_permission"),
        (418, "text/html", "", Malformed, "malformed"),
        (302, "text/html", "", Malformed, "not_this_device"),
    ],
)
async def test_no_picture_is_an_error(
    server: FrigateSimulator,
    stills: Stills,
    status: int,
    content_type: str,
    body: str,
    error: type[HubError],
    reason: str,
) -> None:
    server.faults.answers["/api/driveway/latest.jpg"] = (status, content_type, body)
    with pytest.raises(error) as caught:
        await stills.take()
    assert caught.value.reason == reason


@pytest.fixture
def mjpeg(camera: Camera) -> Mjpeg:
    assert camera.mjpeg is not None
    return camera.mjpeg


async def test_a_stream_of_pictures(server: FrigateSimulator, mjpeg: Mjpeg) -> None:
    async with aclosing(mjpeg.frames()) as frames:
        for _ in range(3):
            assert jpeg_size(await anext(frames)) == (640, 360)
        assert server.watching == 1
    await server.wait_until(lambda: server.watching == 0)


async def test_black_frames_are_not_shown(server: FrigateSimulator, mjpeg: Mjpeg, clock: FakeClock) -> None:
    server.faults.offline.add("driveway")
    await clock.advance(FRESH_S)
    with pytest.raises(Unreachable) as caught:
        await anext(mjpeg.frames())
    assert caught.value.reason == "camera_offline"
    assert server.watching == 0


async def test_a_stream_ends_when_its_camera_goes_down(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    mjpeg = by_id(await provider.cameras())["driveway"].mjpeg
    assert mjpeg is not None
    async with aclosing(mjpeg.frames()) as frames:
        await anext(frames)
        server.faults.offline.add("driveway")
        await provider.cameras()
        with pytest.raises(Unreachable) as caught:
            await anext(frames)
    assert caught.value.reason == "camera_offline"


async def test_a_stream_that_ends_says_so(server: FrigateSimulator, mjpeg: Mjpeg) -> None:
    boundary = "multipart/x-mixed-replace"
    server.faults.answers["/api/driveway"] = (200, f"{boundary}", "")
    with pytest.raises(HubError):
        await anext(mjpeg.frames())
    server.faults.answers["/api/driveway"] = (200, "image/jpeg", "")
    with pytest.raises(Unreachable) as caught:
        await anext(mjpeg.frames())
    assert caught.value.reason == "stream_ended"


async def test_a_stream_that_falls_silent(server: FrigateSimulator, mjpeg: Mjpeg, clock: FakeClock) -> None:
    server.frame_s = 86400
    async with aclosing(mjpeg.frames()) as frames:
        for _ in range(9):
            await anext(frames)

        async def rest() -> None:
            while True:
                await anext(frames)

        reading = asyncio.ensure_future(rest())
        while not reading.done():
            # What is on its way still arrives first.
            await clock.advance(SILENCE_S)
        with pytest.raises(Unreachable) as caught:
            await reading
    assert caught.value.reason == "timeout"


@pytest.fixture
def webrtc(camera: Camera) -> WebRtc:
    assert camera.webrtc is not None
    return camera.webrtc


async def test_an_offer_is_answered_by_the_stream_s_name(server: FrigateSimulator, webrtc: WebRtc) -> None:
    async with Viewer() as viewer:
        lease = await webrtc.open(await viewer.offer(), lambda _: None)
        await viewer.take(lease.value.answer)
        assert await viewer.numbers(1)
    assert server.restream.offers == ["driveway_main"]
    assert lease.expires_at is None
    await lease.value.add_candidate("candidate:1", "0", 0)
    await lease.release()
    assert "v=0" not in repr(lease.value)


async def test_offers_that_fail(server: FrigateSimulator, webrtc: WebRtc) -> None:
    async with Viewer("VP8") as viewer:
        with pytest.raises(Unsupported) as caught:
            await webrtc.open(await viewer.offer(), lambda _: None)
    assert caught.value.reason == "codecs_not_matched"
    server.faults.dark_streams.add("driveway_main")
    with pytest.raises(Unreachable) as dark:
        await webrtc.open("v=0", lambda _: None)
    assert dark.value.reason == "camera_offline"
    assert "192.0.2" not in str(dark.value)
    server.faults.answers["/api/go2rtc/webrtc"] = (200, "application/json", '{"type": "answer"}')
    with pytest.raises(Malformed):
        await webrtc.open("v=0", lambda _: None)


async def whole(hls: Hls, path: str) -> bytes:
    return b"".join([chunk async for chunk in await hls.open(path)])


@pytest.fixture
def hls(camera: Camera) -> Hls:
    assert camera.hls is not None
    return camera.hls


async def test_a_playlist_and_its_parts(server: FrigateSimulator, hls: Hls) -> None:
    master = (await whole(hls, "")).decode()
    assert master.startswith("#EXTM3U")
    playlist = (await whole(hls, master.splitlines()[-1])).decode()
    assert "segment.ts?id=" in playlist
    segment = await whole(hls, f"hls/{playlist.splitlines()[-1]}&secret=1")
    assert segment[:1] == b"\x47"
    assert server.queries[-1] == ("/api/go2rtc/api/hls/segment.ts", {"id": "session1", "n": "7"})
    assert (await whole(hls, "stream.m3u8")).endswith(b"session2"), "every viewer has a session of its own"


async def test_playlists_that_are_none(server: FrigateSimulator, hls: Hls) -> None:
    with pytest.raises(Unsupported):
        await hls.open("hls/segment.ts?id=another&n=1")
    for path in ("../../config", "hls/other", "https://192.0.2.1/x"):
        with pytest.raises(Unsupported):
            await hls.open(path)
    server.faults.dark_streams.add("driveway_main")
    with pytest.raises(Unreachable) as caught:
        await hls.open("")
    assert caught.value.reason == "camera_offline"


NIGHT = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def clips(camera: Camera) -> Clips:
    assert camera.clips is not None
    return camera.clips


async def test_clips_of_events_and_recordings(server: FrigateSimulator, clips: Clips, clock: FakeClock) -> None:
    walk = server.happenings.begin("driveway", "person")
    await clock.advance(25)
    server.happenings.end(walk)
    drive = server.happenings.begin("driveway", "car")
    elsewhere = server.happenings.begin("nursery", "person")
    clipless = server.happenings.begin("driveway", "cat")
    server.happenings.events[clipless]["has_clip"] = False
    server.happenings.recordings.append(("driveway", clock.now().timestamp() + 100, clock.now().timestamp() + 4000))
    await clock.advance(5000)
    found = await clips.between(NIGHT, NIGHT + timedelta(days=1))
    assert [each.start for each in found] == sorted(each.start for each in found)
    events = {each.id: each for each in found if each.kind is not None}
    assert set(events) == {f"event/{walk}", f"event/{drive}"}
    assert elsewhere
    assert events[f"event/{drive}"].end is None
    assert events[f"event/{walk}"].kind is EventKind.PERSON
    spans = [each for each in found if each.kind is None]
    lengths = [(each.end - each.start).total_seconds() for each in spans if each.end is not None]
    # A film ends with the hour by the clock.
    assert lengths == [25, 3230, 670]
    assert {each.camera for each in found} == {"driveway"}
    assert {each.label for each in found} == {"person", "car", None}
    for clip in (events[f"event/{walk}"], spans[1]):
        body = b"".join([chunk async for chunk in clips.read(clip)])
        assert body[4:8] == b"ftyp"
    assert await clips.between(NIGHT - timedelta(days=2), NIGHT - timedelta(days=1)) == []


async def test_a_clip_that_cannot_be_read_is_left_out(server: FrigateSimulator, clips: Clips, clock: FakeClock) -> None:
    told = {"id": "1.5-abc", "camera": "driveway", "label": "person", "has_clip": True, "end_time": None}
    begun = {**told, "id": "2.5-abc", "start_time": clock.now().timestamp()}
    server.faults.answers["/api/events"] = (200, "application/json", json.dumps([told, begun]))
    (found,) = await clips.between(NIGHT, clock.now() + timedelta(hours=1))
    assert found.id == "event/2.5-abc"


async def test_clips_that_are_gone(server: FrigateSimulator, clips: Clips) -> None:
    assert isinstance(clips, PicturedClips)
    for identifier in ("event/none", "recording/1.0", "recording/1.0/2.0", "../config", "event/a/b"):
        gone = Clip(id=identifier, camera="driveway", start=NIGHT)
        with pytest.raises(Unsupported) as caught:
            await anext(clips.read(gone))
        assert caught.value.reason == "not_on_server"
        with pytest.raises(Unsupported) as unseen:
            await clips.thumbnail(gone)
        assert unseen.value.reason == "not_on_server"
    server.faults.answers["/api/driveway/recordings"] = (404, "application/json", "{}")
    assert await clips.between(NIGHT, NIGHT + timedelta(hours=1)) == []
    server.faults.answers["/api/driveway/recordings"] = (200, "application/json", json.dumps({"recordings": "none"}))
    with pytest.raises(Malformed):
        await clips.between(NIGHT, NIGHT + timedelta(hours=1))


async def test_a_recording_is_the_same_whatever_time_is_asked_for(
    server: FrigateSimulator, clips: Clips, clock: FakeClock
) -> None:
    begun = clock.now()
    await clock.advance(3 * 3600)
    server.happenings.recordings.append(("driveway", begun.timestamp(), clock.now().timestamp()))
    found = await clips.between(begun - timedelta(days=1), clock.now() + timedelta(days=1))
    assert len(found) == 4
    assert [each.end is None for each in found] == [False, False, False, True], "the last goes on"
    for clip in found:
        around = await clips.between(clip.start - timedelta(seconds=1), clip.end or clock.now())
        assert clip in around
        middle = clip.start + timedelta(minutes=1)
        assert await clips.between(middle, middle + timedelta(seconds=1)) == [clip]
    server.happenings.recordings.append(("driveway", clock.now().timestamp(), clock.now().timestamp() + 60))
    await clock.advance(60)
    assert (await clips.between(found[-1].start, clock.now()))[-1] == found[-1], "it has grown and is the same"


async def test_a_recording_that_goes_on_is_read_up_to_now(
    server: FrigateSimulator, clips: Clips, clock: FakeClock
) -> None:
    begun = clock.now()
    await clock.advance(300)
    server.happenings.recordings.append(("driveway", begun.timestamp(), clock.now().timestamp() - 20))
    (clip,) = await clips.between(begun, clock.now())
    assert clip.end is None
    body = b"".join([chunk async for chunk in clips.read(clip)])
    assert body[4:8] == b"ftyp"
    path = f"/api/driveway/start/{begun.timestamp():.6f}/end/{clock.now().timestamp():.6f}/clip.mp4"
    assert server.requests[path] == 1
    await clock.advance(60)
    (ended,) = await clips.between(begun, clock.now())
    assert ended.end == begun + timedelta(seconds=280)
    assert ended.id == clip.id


@pytest.mark.parametrize(("version", "kind", "size"), [("0.14", "image/png", None), ("0.15", "image/jpeg", (320, 180))])
async def test_clips_have_thumbnails(
    make_server: MakeServer,
    make_provider: MakeProvider,
    clock: FakeClock,
    version: str,
    kind: str,
    size: tuple[int, int] | None,
) -> None:
    server = await make_server(version)
    clips = (await camera_of(server, make_provider)).clips
    assert isinstance(clips, PicturedClips)
    server.happenings.begin("driveway", "person")
    server.happenings.recordings.append(("driveway", clock.now().timestamp(), clock.now().timestamp() + 30))
    event, recording = sorted(await clips.between(NIGHT, NIGHT + timedelta(days=1)), key=lambda each: each.id)
    own = await clips.thumbnail(event)
    assert (jpeg_size(own.content), own.content_type, own.taken_at) == ((320, 180), "image/jpeg", event.start)
    frame = await clips.thumbnail(recording)
    assert (frame.content_type, frame.taken_at) == (kind, recording.start)
    assert size is None or jpeg_size(frame.content) == size
    server.faults.answers[f"/api/events/{event.id.removeprefix('event/')}/thumbnail.jpg"] = (200, "text/html", "<html>")
    with pytest.raises(Malformed) as caught:
        await clips.thumbnail(event)
    assert caught.value.reason == "not_a_picture"


async def test_clips_by_what_was_seen(server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock) -> None:
    provider = make_provider(server.url)
    cameras = by_id(await provider.cameras())
    nursery, clips = cameras["nursery"].clips, cameras["driveway"].clips
    assert isinstance(nursery, LabelledClips)
    assert isinstance(clips, LabelledClips)
    assert list(nursery.labels()) == ["person", "bark", "scream"]
    dogs = []
    for label in ("dog", "car", "dog"):
        seen = server.happenings.begin("driveway", label)
        server.happenings.begin("back_door", label)
        await clock.advance(5)
        server.happenings.end(seen)
        dogs += [f"event/{seen}"] if label == "dog" else []
    found = await clips.labelled("dog", NIGHT, NIGHT + timedelta(days=1))
    assert [each.id for each in found] == dogs
    assert {(each.label, each.kind) for each in found} == {("dog", EventKind.ANIMAL)}


@pytest.mark.parametrize("version", ["0.14", "0.17", "0.18"])
async def test_a_part_is_put_aside(
    make_server: MakeServer, make_provider: MakeProvider, clock: FakeClock, version: str
) -> None:
    server = await make_server(version)
    clips = (await camera_of(server, make_provider)).clips
    assert isinstance(clips, ExportedClips)
    start = clock.now()
    end = start + timedelta(seconds=90.5)
    with pytest.raises(Unsupported) as caught:
        await clips.export(start, end)
    assert caught.value.reason == "nothing_recorded"
    server.happenings.recordings.append(("driveway", start.timestamp(), end.timestamp()))
    made = await clips.export(start, end, "A visit" + "!" * 300)
    assert made == (None if version == "0.14" else "driveway_000000")
    await clips.export(start, end)
    first, second = server.happenings.exports
    assert (first["start"], first["end"]) == (start.timestamp(), start.timestamp() + 91)
    assert first["name"].startswith("A visit!")
    assert second["name"] == ""


async def test_birdseye_has_pictures(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    birdseye = await camera_of(server, make_provider, "birdseye")
    assert birdseye.stills is not None
    assert jpeg_size((await birdseye.stills.take()).content) == (1280, 720)


async def test_a_camera_without_a_known_size(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    server.cameras.append(Unit(name="odd", size=(0, 0)))
    provider = make_provider(server.url)
    server.faults.answers["/api/odd/latest.jpg"] = (404, "application/json", "{}")
    cameras = by_id(await provider.cameras())
    assert cameras["birdseye"].identity.model == "Camera (1280x720)"
    odd = cameras["odd"]
    assert odd.identity.model is None
    assert odd.stills is not None
    with pytest.raises(Unsupported):
        await odd.stills.take(320)
    assert server.queries[-1][1] == {"quality": "80"}


async def test_one_that_is_refused_between_stays_refused(server: FrigateSimulator, stills: Stills) -> None:
    server.change_password("camhub", "another")
    for _ in range(3):
        with pytest.raises(AuthError):
            await stills.take()
    assert server.login.failed == 1


async def test_a_viewer_who_gives_up_leaves_nothing_open(hls: Hls, server: FrigateSimulator) -> None:
    server.faults.slow_s = 86400
    asked = server.requests.total()
    opening = asyncio.ensure_future(hls.open(""))
    await server.wait_until(lambda: server.requests.total() > asked)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_a_long_segment_comes_in_pieces(serve: Serve, make_client: MakeClient) -> None:
    """Whole, and in the order it was sent."""
    first, second = bytes([1]) * 1000, bytes([2]) * 1000
    more = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(first)
        await more.wait()
        await response.write(second)
        return response

    client = make_client(await serve(answer), username="")
    unit = parse.Unit(id="a", name="A", stream="a")
    hls = RestreamHls(
        CameraHandle(client=client, latest=LatestStats(client=client), features=features("0.17.0"), unit=unit)
    )
    content = await hls.open("stream.m3u8")
    assert await anext(content) == first
    more.set()
    assert b"".join([chunk async for chunk in content]) == second

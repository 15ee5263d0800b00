import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
import io
from typing import Any, override
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse
from aiohttp.test_utils import TestClient
import av
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import CLIENT_ID, MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.access import EVENT_REFUSED
from custom_components.camhub.kernel.errors import AuthError, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import Clip, Image
from custom_components.camhub.kernel.provider import WebRtc
from custom_components.camhub.kernel.relay import OPENING
from custom_components.camhub.limits import METER
from custom_components.camhub.recording.film_cache import FilmCache
from custom_components.camhub.runtime import SHARED
from custom_components.camhub.stream_paths import camera_key, parse_key, stream_path
from tests.recording.test_remux import PICTURES, film

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import PEOPLE, person, token_of
from .pictures import jpeg
from .stream_world import FILM, ODD, START, FakeClips, every_kind

type Path = Callable[..., str]


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = every_kind
    return await add_account()


@pytest.fixture
def path(entry: MockConfigEntry) -> Path:
    def of(camera: str, *parts: str) -> str:
        return stream_path(camera_key(entry.entry_id, camera), *parts)

    return of


@pytest.fixture
async def client(hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> TestClient[Any, Any]:
    return await hass_client()


async def refused(answer: ClientResponse, status: HTTPStatus) -> str:
    """Return the words of a refusal; they say nothing of where the camera is."""
    assert answer.status == status
    body = await answer.json()
    assert body["error"] == status.phrase
    for secret in ("192.0.2.9", "rtsp", "user:word"):
        assert secret not in str(body)
    words: str = body["message"]
    assert " " in words
    return words


def option(hass: HomeAssistant, entry: MockConfigEntry, **options: object) -> None:
    hass.config_entries.async_update_entry(entry, options=options)


ROUTES = (
    ("get", "yard", (), HTTPStatus.NOT_FOUND),
    ("get", "yard", ("snapshot",), HTTPStatus.OK),
    ("get", "yard", ("mjpeg",), HTTPStatus.OK),
    ("get", "yard", ("hls",), HTTPStatus.NOT_FOUND),
    ("get", "barn", ("hls",), HTTPStatus.OK),
    ("get", "barn", ("hls", "video", "1.ts"), HTTPStatus.OK),
    ("get", "door", ("webrtc",), HTTPStatus.OK),
    ("post", "door", ("webrtc",), HTTPStatus.BAD_REQUEST),
    ("post", "door", (), HTTPStatus.BAD_REQUEST),
    ("post", "door", ("webrtc", "none"), HTTPStatus.NOT_FOUND),
    ("delete", "door", ("webrtc", "none"), HTTPStatus.NOT_FOUND),
    ("get", "yard", ("stats",), HTTPStatus.OK),
    ("get", "yard", ("recordings",), HTTPStatus.NOT_FOUND),
    ("get", "gate", ("recordings",), HTTPStatus.OK),
    ("get", "gate", ("recordings", "none"), HTTPStatus.NOT_FOUND),
    ("get", "gate", ("recordings", "none", "thumbnail"), HTTPStatus.NOT_FOUND),
    ("get", "yard", ("recordings", "none", "thumbnail"), HTTPStatus.NOT_FOUND),
    ("head", "yard", ("snapshot",), HTTPStatus.OK),
    ("head", "barn", (), HTTPStatus.OK),
    ("head", "barn", ("hls", "index.m3u8"), HTTPStatus.OK),
    ("head", "gate", ("stats",), HTTPStatus.OK),
    ("head", "gate", ("recordings",), HTTPStatus.OK),
)


@pytest.mark.parametrize("kind", [*PEOPLE, "nobody"])
@pytest.mark.parametrize(("method", "camera", "parts", "status"), ROUTES)
async def test_every_route_for_every_kind_of_user(
    hub: HomeAssistant,
    path: Path,
    hass_client: ClientSessionGenerator,
    kind: str,
    method: str,
    camera: str,
    parts: tuple[str, ...],
    status: HTTPStatus,
) -> None:
    token = "no token" if kind == "nobody" else await token_of(hub, await person(hub, kind))
    client = await hass_client(token)
    expected = {"admin": status, "allowed": status, "nobody": HTTPStatus.UNAUTHORIZED}
    async with client.request(method, path(camera, *parts)) as answer:
        if method == "post" and not parts and kind in {"elsewhere", "nothing"}:
            # What is wrong with the request itself is said before whose camera it is.
            assert answer.status == HTTPStatus.BAD_REQUEST
        else:
            assert answer.status == expected.get(kind, HTTPStatus.FORBIDDEN)


@pytest.mark.parametrize("kind", PEOPLE)
async def test_the_list_holds_what_one_may_see(
    hub: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, kind: str, path: Path
) -> None:
    option(hub, entry, viewers={"gate": {"users": [], "groups": []}})
    client = await hass_client(await token_of(hub, await person(hub, kind)))
    answer = await client.get("/api/camhub/streams")
    streams = {stream["name"]: stream for stream in (await answer.json())["streams"]}
    if kind in {"elsewhere", "nothing"}:
        assert streams == {}
        return
    assert len(streams) == (7 if kind == "admin" else 6)
    odd = streams[ODD.title()]
    assert odd["camera_key"] == f"{entry.entry_id}~{ODD}"
    assert odd["formats"] == {"mjpeg": path(ODD, "mjpeg"), "snapshot": path(ODD, "snapshot")}
    assert (await client.get(odd["formats"]["snapshot"])).status == HTTPStatus.OK
    assert streams["Dark"]["online"] is False
    assert set(streams["Door"]["formats"]) == {"webrtc"}
    if kind == "admin":
        assert set(streams["Gate"]["formats"]) == {"hls", "mjpeg", "snapshot"}
        assert streams["Gate"]["recordings"] == path("gate", "recordings")


async def test_unknown_and_not_yours_are_the_same_answer_and_leave_a_trace(
    hub: HomeAssistant, entry: MockConfigEntry, path: Path, hass_client: ClientSessionGenerator
) -> None:
    seen: list[Mapping[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        seen.append(event.data)

    hub.bus.async_listen(EVENT_REFUSED, note)
    user = await person(hub, "nothing")
    client = await hass_client(await token_of(hub, user))
    MockConfigEntry(domain="other", entry_id="OTHER").add_to_hass(hub)
    paths = [path("yard"), path("none"), path("YARD"), stream_path("none~none"), stream_path("OTHER~yard")]
    answers = [await client.get(asked) for asked in paths]
    assert len({await refused(answer, HTTPStatus.FORBIDDEN) for answer in answers}) == 1
    headers = [{key: value for key, value in answer.headers.items() if key != "Date"} for answer in answers]
    assert all(some == headers[0] for some in headers)
    assert seen[0] == {"entity_id": "camera.yard", "user_id": user.id, "route": "streams/hls"}
    assert seen[1]["entity_id"] is None


@pytest.mark.parametrize("key", ["yard", "~yard", "x~", "x~" + "y" * 2000, "x~\x07"])
async def test_what_is_no_key(client: TestClient[Any, Any], key: str) -> None:
    assert parse_key(key) is None
    await refused(await client.get(f"/api/camhub/streams/{quote(key, safe='')}"), HTTPStatus.BAD_REQUEST)


async def test_formats_by_query(client: TestClient[Any, Any], path: Path) -> None:
    words = await refused(await client.get(path("yard"), params={"format": "avi"}), HTTPStatus.BAD_REQUEST)
    assert "hls, mjpeg, webrtc, snapshot" in words
    await refused(await client.post(path("door"), params={"format": "avi"}), HTTPStatus.BAD_REQUEST)
    for name, kind in (("snapshot", "image/jpeg"), ("mjpeg", "multipart/x-mixed-replace")):
        async with client.get(path("yard"), params={"format": name}) as answer:
            assert (answer.status, answer.content_type) == (HTTPStatus.OK, kind)
    assert (await client.get(path("barn"))).content_type == "application/vnd.apple.mpegurl"
    assert "offer" in await (await client.get(path("door"), params={"format": "webrtc"})).json()


@pytest.mark.parametrize(
    ("camera", "name", "kind"),
    [
        ("yard", "snapshot", "image/jpeg"),
        ("street", "mjpeg", "multipart/x-mixed-replace; boundary=camhubframe"),
        ("barn", "hls", "application/vnd.apple.mpegurl"),
        ("door", "webrtc", "application/json"),
    ],
)
async def test_head_tells_the_type_and_troubles_no_camera(
    client: TestClient[Any, Any], fake: FakeSpec, path: Path, camera: str, name: str, kind: str
) -> None:
    async with client.head(path(camera, name)) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (HTTPStatus.OK, kind)
        assert await answer.read() == b""
    assert (fake.provider.mjpeg.opened, fake.provider.webrtc.sessions) == (0, [])
    async with client.head(path("yard", "hls")) as answer:
        assert answer.status == HTTPStatus.NOT_FOUND
    async with client.head(path("dark", "snapshot")) as answer:
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_signed_path_works_for_whom_it_was_made(
    hub: HomeAssistant, path: Path, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    for kind, status in (("allowed", HTTPStatus.OK), ("nothing", HTTPStatus.FORBIDDEN)):
        token = await hub.auth.async_create_refresh_token(await person(hub, kind), CLIENT_ID)
        signed = async_sign_path(hub, path("yard", "snapshot"), timedelta(minutes=1), refresh_token_id=token.id)
        assert (await client.get(signed)).status == status


async def test_a_snapshot_tells_its_age(client: TestClient[Any, Any], fake: FakeSpec, path: Path) -> None:
    answer = await client.get(path("yard", "snapshot"))
    assert await answer.read() == fake.provider.stills.content
    assert int(answer.headers["Age"]) < 5
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert "Server" not in answer.headers or "camera" not in answer.headers["Server"]


async def test_snapshots_are_made_of_what_there_is(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, path: Path, entry: MockConfigEntry
) -> None:
    fake.provider.mjpeg.queue.put_nowait(jpeg(4))
    assert await (await client.get(path("street", "snapshot"))).read() == jpeg(4)
    await refused(await client.get(path("door", "snapshot")), HTTPStatus.NOT_FOUND)
    coordinator = entry.runtime_data
    kept = Image(content=jpeg(5), taken_at=coordinator.clock.now())
    coordinator.album.put(coordinator.picture_key("door"), kept)
    assert await (await client.get(path("door", "snapshot"))).read() == jpeg(5)
    await refused(await client.get(path("barn", "snapshot")), HTTPStatus.NOT_FOUND)
    coordinator.data = {"gate": fake.provider.camera("gate", rtsp=fake.provider.rtsp, stills=None)}

    class Grabber:
        async def grab(self, address: str, timeout: float) -> bytes:
            assert address.endswith("/opened")
            return jpeg(6)

        async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
            raise Unreachable

    hub.data[SHARED].grabber = Grabber()
    assert await (await client.get(path("gate", "snapshot"))).read() == jpeg(6)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unreachable(), HTTPStatus.SERVICE_UNAVAILABLE),
        (AuthError(), HTTPStatus.SERVICE_UNAVAILABLE),
        (Throttled(retry_after=9), HTTPStatus.SERVICE_UNAVAILABLE),
        (Throttled(), HTTPStatus.SERVICE_UNAVAILABLE),
        (Unsupported(), HTTPStatus.NOT_FOUND),
    ],
)
async def test_what_a_camera_fails_with_becomes_a_code(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    error: Unreachable | AuthError | Unsupported,
    status: HTTPStatus,
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.stills.error = error

    fake.prepare = fail
    entry = await add_account()
    client = await hass_client()
    answer = await client.get(stream_path(camera_key(entry.entry_id, "yard"), "snapshot"))
    await refused(answer, status)
    again = answer.headers.get("Retry-After")
    assert (again is not None) == isinstance(error, Unreachable), "the others are not tried again by themselves"
    assert again is None or 0 < int(again) <= 9


async def test_an_old_picture_is_not_shown_for_a_camera_that_fails(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, path: Path, entry: MockConfigEntry
) -> None:
    coordinator = entry.runtime_data
    await coordinator.async_take("yard")
    coordinator.picture_age = 0
    fake.provider.stills.error = Unreachable()
    with pytest.raises(Unreachable):
        await coordinator.async_take("yard")
    for _ in range(3):
        await refused(await client.get(path("yard", "snapshot")), HTTPStatus.SERVICE_UNAVAILABLE)
    kept = coordinator.album.state(coordinator.picture_key("yard")).error
    assert kept is not None
    assert kept.__traceback__ is None, "an error that is kept must not keep the requests that met it"


async def test_offline_and_unloaded_are_503(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, path: Path, entry: MockConfigEntry
) -> None:
    for name in ("snapshot", "mjpeg"):
        words = await refused(await client.get(path("dark", name)), HTTPStatus.SERVICE_UNAVAILABLE)
        assert "camera gives no picture" in words
    fake.provider.cameras_error = Unreachable()
    async_fire_time_changed(hub, dt_util.utcnow() + timedelta(minutes=6))
    await hub.async_block_till_done()
    await refused(await client.get(path("yard", "snapshot")), HTTPStatus.SERVICE_UNAVAILABLE)
    assert await hub.config_entries.async_unload(entry.entry_id)
    await refused(await client.get(path("yard", "snapshot")), HTTPStatus.SERVICE_UNAVAILABLE)
    await refused(await client.get(path("none", "snapshot")), HTTPStatus.FORBIDDEN)


@pytest.mark.parametrize(("camera", "name"), [("yard", "snapshot"), ("street", "mjpeg")])
async def test_no_first_byte_in_time_is_504(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    camera: str,
    name: str,
) -> None:
    def silent(provider: FakeProvider) -> None:
        every_kind(provider)
        provider.stills.gate.clear()

    fake.prepare = silent
    entry = await add_account(options={"first_byte": 0.25})
    client = await hass_client()
    asked = await client.get(stream_path(camera_key(entry.entry_id, camera), name))
    await refused(asked, HTTPStatus.GATEWAY_TIMEOUT)
    fake.provider.stills.gate.set()


async def test_mjpeg_of_a_camera_that_streams(client: TestClient[Any, Any], fake: FakeSpec, path: Path) -> None:
    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    async with client.get(path("street", "mjpeg")) as answer:
        await answer.content.readuntil(OPENING)
        assert jpeg(1) in await answer.content.readuntil(OPENING)
        fake.provider.mjpeg.queue.put_nowait(jpeg(2))
        assert jpeg(2) in await answer.content.readuntil(OPENING)
        stats = await (await client.get(path("street", "stats"))).json()
        assert stats["viewers"] == 1
        assert stats["resolution"] == "64x48"
        assert (stats["codec"], stats["upstream"]) == ("mjpeg", "streaming")
        assert stats["bitrate"] >= 0
        assert fake.provider.mjpeg.opened == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unreachable(), HTTPStatus.SERVICE_UNAVAILABLE), (Unsupported(), HTTPStatus.NOT_FOUND)],
)
async def test_mjpeg_of_a_camera_that_does_not(
    client: TestClient[Any, Any],
    fake: FakeSpec,
    path: Path,
    entry: MockConfigEntry,
    error: Unreachable | Unsupported,
    status: HTTPStatus,
) -> None:
    fake.provider.mjpeg.queue.put_nowait(error)
    await refused(await client.get(path("street", "mjpeg")), status)
    stats = await (await client.get(path("street", "stats"))).json()
    assert (stats["bitrate"], stats["resolution"]) == (None, None)
    await refused(await client.get(path("barn", "mjpeg")), HTTPStatus.NOT_FOUND)
    relay = entry.runtime_data.relays.of(entry.runtime_data.data["street"])
    await relay.close()
    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    entry.runtime_data.data = {"street": fake.provider.camera("street", stills=None, mjpeg=fake.provider.mjpeg)}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        await refused(await client.get(path("street", "mjpeg")), status)


async def test_mjpeg_made_of_pictures_is_shared(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, path: Path, entry: MockConfigEntry
) -> None:
    await entry.runtime_data.sweep
    async with client.get(path("yard", "mjpeg")) as one, client.get(path("yard", "mjpeg")) as two:
        for answer in (one, two):
            await answer.content.readuntil(OPENING)
            assert fake.provider.stills.content in await answer.content.readuntil(OPENING)
        stats = await (await client.get(path("yard", "stats"))).json()
        assert (stats["viewers"], stats["codec"], stats["resolution"]) == (2, "mjpeg", "64x48")
        assert await hub.config_entries.async_unload(entry.entry_id)
        assert await one.content.read() is not None


async def test_recordings_are_listed_and_read(client: TestClient[Any, Any], fake: FakeSpec, path: Path) -> None:
    span = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    rows = await (await client.get(path("gate", "recordings"), params=span)).json()
    assert [row["start"][11:16] for row in rows] == ["12:00", "12:02", "12:03"]
    assert rows[0]["start"] == "2026-03-01T12:00:00+00:00"
    assert (rows[0]["end"], rows[0]["kind"], rows[0]["size"]) == ("2026-03-01T12:01:00+00:00", "motion", len(FILM))
    assert (rows[1]["end"], rows[1]["kind"], rows[1]["size"]) == (None, None, None)
    for row in rows:
        answer = await client.get(row["url"])
        assert (answer.status, answer.content_type) == (HTTPStatus.OK, "video/mp4")
        assert await answer.read() == FILM
    # A plus sign that nobody encoded.
    unencoded = f"{path('gate', 'recordings')}?start=2026-03-01T12:00:00+00:00&end=2026-03-01T12:01:30"
    assert (await client.get(unencoded)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    "span",
    [
        {"start": "yesterday"},
        {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
        {"start": "2026-03-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"},
    ],
)
async def test_times_that_make_no_sense(client: TestClient[Any, Any], path: Path, span: dict[str, str]) -> None:
    await refused(await client.get(path("gate", "recordings"), params=span), HTTPStatus.BAD_REQUEST)


async def first_recording(client: TestClient[Any, Any], path: Path, index: int = 0) -> str:
    span = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    rows = await (await client.get(path("gate", "recordings"), params=span)).json()
    url: str = rows[index]["url"]
    return url


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1500-2500", 1500, 2501),
        ("bytes=10000-", 10000, 10240),
        ("bytes=0-", 0, 10240),
        ("bytes=-40", 10200, 10240),
        ("bytes=10200-20000", 10200, 10240),
    ],
)
async def test_parts_of_a_recording(client: TestClient[Any, Any], path: Path, asked: str, begin: int, end: int) -> None:
    url = await first_recording(client, path)
    answer = await client.get(url, headers={"Range": asked})
    assert answer.status == HTTPStatus.PARTIAL_CONTENT
    assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(FILM)}"
    assert await answer.read() == FILM[begin:end]


async def test_parts_that_there_are_not(client: TestClient[Any, Any], path: Path) -> None:
    url = await first_recording(client, path)
    answer = await client.get(url, headers={"Range": "bytes=20000-"})
    await refused(answer, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    assert answer.headers["Content-Range"] == f"bytes */{len(FILM)}"
    assert (await client.get(url, headers={"Range": "lines=1-2"})).status == HTTPStatus.OK
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=20000-"}):
        async with client.head(url, headers=headers) as head:
            assert head.status == HTTPStatus.OK
            assert (head.headers["Content-Length"], head.headers["Accept-Ranges"]) == (str(len(FILM)), "bytes")
    for name in ("none", "WzEsMl0", quote("é"), f"{url.rpartition('/')[2]}x"):
        await refused(await client.get(path("gate", "recordings", name)), HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize(
    ("asked", "begin", "end"), [("bytes=0-1", 0, 2), ("bytes=1500-2500", 1500, 2501), ("bytes=9990-99999", 9990, 10240)]
)
async def test_parts_of_what_goes_on(
    client: TestClient[Any, Any], path: Path, entry: MockConfigEntry, asked: str, begin: int, end: int
) -> None:
    """Nobody knows how long it will be, so that the total is left open."""
    clips = entry.runtime_data.data["gate"].clips
    answer = await client.get(await first_recording(client, path, 1), headers={"Range": asked})
    assert (answer.status, answer.headers["Accept-Ranges"]) == (HTTPStatus.PARTIAL_CONTENT, "bytes")
    assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/*"
    assert (await answer.read(), answer.content_type) == (FILM[begin:end], "video/mp4")
    assert clips.closed == 1


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=500-", "bytes=-5", "bytes=0-9999999", "lines=1-2"])
async def test_the_rest_of_what_goes_on_is_all_of_it(client: TestClient[Any, Any], path: Path, asked: str) -> None:
    answer = await client.get(await first_recording(client, path, 1), headers={"Range": asked})
    assert (answer.status, answer.headers.get("Content-Range")) == (HTTPStatus.OK, None)
    assert await answer.read() == FILM


async def test_parts_that_are_not_there_yet(client: TestClient[Any, Any], path: Path) -> None:
    url = await first_recording(client, path, 1)
    answer = await client.get(url, headers={"Range": "bytes=10240-10250"})
    await refused(answer, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    assert answer.headers["Content-Range"] == f"bytes */{len(FILM)}"
    async with client.head(url, headers={"Range": "bytes=0-1"}) as head:
        assert (head.status, head.headers["Accept-Ranges"]) == (HTTPStatus.OK, "bytes")


async def test_recordings_have_pictures(
    hub: HomeAssistant, client: TestClient[Any, Any], path: Path, entry: MockConfigEntry
) -> None:
    clips = entry.runtime_data.data["gate"].clips
    span = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    rows = await (await client.get(path("gate", "recordings"), params=span)).json()
    kept, going_on = [await client.get(row["thumbnail"]) for row in rows[:2]]
    assert (kept.status, kept.content_type, await kept.read()) == (HTTPStatus.OK, "image/jpeg", jpeg(4))
    assert kept.headers["Cache-Control"] == "private, max-age=3600"
    assert going_on.headers["Cache-Control"] == "no-store"
    clips.error = Unreachable()
    await refused(await client.get(rows[0]["thumbnail"]), HTTPStatus.SERVICE_UNAVAILABLE)
    option(hub, entry, max_day=1)
    (admin,) = (user for user in await hub.auth.async_get_users() if user.is_admin)
    hub.data[METER].usage(entry.entry_id, admin.id)._bytes = 10**9
    await refused(await client.get(rows[0]["thumbnail"]), HTTPStatus.TOO_MANY_REQUESTS)
    assert clips.pictures == 2


async def test_recordings_without_pictures(client: TestClient[Any, Any], path: Path, entry: MockConfigEntry) -> None:
    coordinator = entry.runtime_data
    coordinator.data = {"gate": replace(coordinator.data["gate"], clips=FakeClips())}
    span = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    rows = await (await client.get(path("gate", "recordings"), params=span)).json()
    assert {row["thumbnail"] for row in rows} == {None}
    await refused(await client.get(f"{rows[0]['url']}/thumbnail"), HTTPStatus.NOT_FOUND)


async def test_a_size_that_nobody_tells_is_learnt_once(
    client: TestClient[Any, Any], path: Path, entry: MockConfigEntry
) -> None:
    clips = entry.runtime_data.data["gate"].clips
    url = await first_recording(client, path, 2)
    before = clips.closed
    answer = await client.get(url, headers={"Range": "bytes=0-1"})
    for _ in range(2):
        answer = await client.get(url, headers={"Range": "bytes=-10"})
        assert answer.status == HTTPStatus.PARTIAL_CONTENT
        assert answer.headers["Content-Range"] == f"bytes {len(FILM) - 10}-{len(FILM) - 1}/{len(FILM)}"
        assert await answer.read() == FILM[-10:]
    assert answer.headers["ETag"]
    async with client.head(url) as head:
        assert head.headers["Content-Length"] == str(len(FILM))
    for match, status in ((answer.headers["ETag"], 206), ('"other"', 200)):
        parts = await client.get(url, headers={"Range": "bytes=0-1", "If-Range": match})
        assert parts.status == status
    assert await (await client.get(url)).read() == FILM
    assert clips.closed == before + 1, "it was fetched once"


async def test_what_takes_too_long_to_measure_is_handed_through(
    client: TestClient[Any, Any], hub: HomeAssistant, path: Path, entry: MockConfigEntry
) -> None:
    clips = entry.runtime_data.data["gate"].clips
    url = await first_recording(client, path, 2)
    option(hub, entry, first_byte=0.5)
    slow = clips.read

    async def once_slow(clip: Any) -> Any:
        clips.read = slow
        await asyncio.Future()
        yield b""

    clips.read = once_slow
    answer = await client.get(url, headers={"Range": "bytes=0-1"})
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, FILM)


async def test_what_is_too_large_to_keep_is_handed_through(
    client: TestClient[Any, Any], hub: HomeAssistant, path: Path, entry: MockConfigEntry
) -> None:
    hub.data[SHARED].films = FilmCache("small", limit=2000, largest=2000)
    url = await first_recording(client, path, 2)
    for _ in range(2):
        answer = await client.get(url, headers={"Range": "bytes=0-1"})
        assert (answer.status, await answer.read()) == (HTTPStatus.OK, FILM)
    known = await first_recording(client, path)
    answer = await client.get(known, headers={"Range": "bytes=9000-9009"})
    assert (answer.status, await answer.read()) == (HTTPStatus.PARTIAL_CONTENT, FILM[9000:9010])
    await hub.data[SHARED].films.close()


@pytest.mark.parametrize("size", [5000, None])
async def test_what_is_too_large_to_keep_is_made_playable_on_the_way(
    client: TestClient[Any, Any], hub: HomeAssistant, path: Path, entry: MockConfigEntry, size: int | None
) -> None:
    """What a device says of the size is not that of what is made of it, so no length is promised."""
    hub.data[SHARED].films = FilmCache("small", limit=2000, largest=2000)
    coordinator = entry.runtime_data
    coordinator.data = {"gate": replace(coordinator.data["gate"], clips=StreamClips(size))}
    url = await first_recording(client, path)
    async with client.head(url) as head:
        assert (head.content_type, head.headers.get("Content-Length")) == ("video/mp4", None)
    for headers in ({}, {"Range": "bytes=0-1"}):
        answer = await client.get(url, headers=headers)
        assert (answer.status, answer.content_type, answer.content_length) == (HTTPStatus.OK, "video/mp4", None)
        assert answer.headers["Accept-Ranges"] == "none"
        with av.open(io.BytesIO(await answer.read()), "r") as played:
            assert len(list(played.decode(video=0))) == PICTURES
    coordinator.data["gate"].clips.content = b"no film"
    await refused(await client.get(url), HTTPStatus.SERVICE_UNAVAILABLE)
    await hub.data[SHARED].films.close()


class StreamClips(FakeClips):
    """A recorder's program stream."""

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self.content = film()
        self.size = size

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        (clip,) = [each for each in await super().between(start, end) if each.id == "A/1"]
        return [replace(clip, content_type="video/mpeg", size=self.size)]

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        for at in range(0, len(self.content), 1000):
            yield self.content[at : at + 1000]


async def test_a_recording_that_is_gone_or_breaks_off(
    client: TestClient[Any, Any], path: Path, entry: MockConfigEntry
) -> None:
    clips = entry.runtime_data.data["gate"].clips
    url = await first_recording(client, path)
    clips.broken = Unreachable()
    answer = await client.get(url)
    assert answer.status == HTTPStatus.OK
    with pytest.raises(ClientError):
        await answer.read()
    assert clips.closed == 1
    answer = await client.get(await first_recording(client, path, 1))
    with pytest.raises(ClientError):
        await answer.read()
    clips.broken = None
    clips.short = True
    answer = await client.get(url)
    with pytest.raises(ClientError):
        await answer.read()
    clips.error = Unreachable()
    await refused(await client.get(url), HTTPStatus.SERVICE_UNAVAILABLE)
    clips.error = None
    answer = await client.get(path("gate", "recordings", "WzE3NzIzNjY0MDAuMCxudWxsLCJnb25lIl0"))
    await refused(answer, HTTPStatus.NOT_FOUND)


async def test_a_client_that_goes_ends_the_reading(
    client: TestClient[Any, Any], path: Path, entry: MockConfigEntry
) -> None:
    clips = entry.runtime_data.data["gate"].clips
    going = asyncio.Event()
    read = clips.read

    async def endless(clip: Any) -> Any:
        try:
            while True:
                yield bytes(200_000)
                await asyncio.sleep(0)
        finally:
            going.set()

    clips.read = endless
    answer = await client.get(await first_recording(client, path, 1))
    await answer.content.read(10)
    answer.close()
    await asyncio.wait_for(going.wait(), 5)
    clips.read = read


async def test_stats_of_a_camera_at_rest(client: TestClient[Any, Any], path: Path) -> None:
    stats = await (await client.get(path("gate", "stats"))).json()
    assert stats == {
        "bitrate": None,
        "resolution": None,
        "fps": 10.0,
        "viewers": 0,
        "codec": None,
        "upstream": "idle",
    }

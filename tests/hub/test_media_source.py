from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.camhub.clip_sources import recording_id
from custom_components.camhub.kernel.errors import HubError, Unreachable
from custom_components.camhub.kernel.model import Clip, EventKind, Image
from custom_components.camhub.media_source import PAGE

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

ROOT = "media-source://camhub"


class FakeClips:
    """Two clips of today, the second of a person."""

    def __init__(self) -> None:
        begin = dt_util.start_of_local_day() + timedelta(hours=3)
        minute = timedelta(minutes=1)
        self.all = [
            Clip(id="first/one", camera="yard", start=begin, end=begin + minute),
            Clip(
                id="second",
                camera="yard",
                start=begin + timedelta(hours=1),
                end=begin + timedelta(hours=1) + minute,
                kind=EventKind.PERSON,
            ),
        ]
        self.error: HubError | None = None
        self.asked = 0

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return [clip for clip in self.all if start <= clip.start < end]

    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        yield f"film of {clip.id}".encode()


class RichFakeClips(FakeClips):
    """The same with pictures, and told apart by what was seen."""

    def __init__(self) -> None:
        super().__init__()
        begin = dt_util.start_of_local_day() - timedelta(days=2)
        self.all += [
            Clip(
                id=f"cat{number}",
                camera="yard",
                start=begin + timedelta(minutes=number),
                end=begin + timedelta(minutes=number + 1),
                kind=EventKind.ANIMAL,
                label="cat",
            )
            for number in range(PAGE + 5)
        ]

    async def thumbnail(self, clip: Clip) -> Image:
        return Image(content=jpeg(len(clip.id)), taken_at=clip.start)

    def labels(self) -> Sequence[str]:
        return ["person", "cat", "garden_gnome"]

    async def labelled(self, label: str, start: datetime, end: datetime) -> Sequence[Clip]:
        return [clip for clip in await self.between(start, end) if clip.label == label]


async def with_clips(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clips: FakeClips) -> None:
    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", clips=clips), provider.camera("door")]

    assert await async_setup_component(hub, "media_source", {})
    fake.prepare = prepare
    await add_account()


@pytest.fixture
async def clips(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> FakeClips:
    clips = FakeClips()
    await with_clips(hub, fake, add_account, clips)
    return clips


@pytest.fixture
async def rich(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> RichFakeClips:
    clips = RichFakeClips()
    await with_clips(hub, fake, add_account, clips)
    return clips


class Browser:
    """A user in the media browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def ask(self, kind: str, content: str) -> dict[str, Any]:
        await self._socket.send_json_auto_id({"type": f"media_source/{kind}_media", "media_content_id": content})
        answer: dict[str, Any] = await self._socket.receive_json()
        return answer

    async def open(self, content: str) -> list[dict[str, Any]]:
        answer = await self.ask("browse", content)
        assert answer["success"], answer
        children: list[dict[str, Any]] = answer["result"]["children"]
        return children


@pytest.fixture
async def browser(clips: FakeClips, hass_ws_client: WebSocketGenerator) -> Browser:
    return Browser(await hass_ws_client())


async def test_recordings_are_found_by_camera_and_day(browser: Browser) -> None:
    (yard,) = await browser.open(ROOT)
    assert yard["title"] == "Yard"
    entry_id, camera_id = yard["media_content_id"].removeprefix(f"{ROOT}/").split("/")
    assert camera_id == "yard"
    assert await browser.open(f"{ROOT}/{entry_id}") == [yard]
    days = await browser.open(yard["media_content_id"])
    assert days[0]["title"] == dt_util.now().date().isoformat()
    newest, oldest = await browser.open(days[0]["media_content_id"])
    assert newest["title"] == "04:00:00 Person"
    assert oldest["title"] == "03:00:00"
    assert newest["media_content_id"].rpartition("/")[0] == days[0]["media_content_id"]
    assert (newest["thumbnail"], oldest["thumbnail"]) == (None, None)
    assert await browser.open(days[1]["media_content_id"]) == []


async def test_what_is_chosen_plays(browser: Browser, hass_client_no_auth: ClientSessionGenerator) -> None:
    """The address alone is enough for a player."""
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    _, oldest = await browser.open(day)
    resolved = await browser.ask("resolve", oldest["media_content_id"])
    assert resolved["result"]["mime_type"] == "video/mp4"
    url = resolved["result"]["url"]
    assert url.startswith("/api/camhub/streams/")
    client = await hass_client_no_auth()
    answer = await client.get(url)
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, b"film of first/one")
    assert (await client.get(url.partition("?")[0])).status == HTTPStatus.UNAUTHORIZED


async def test_what_goes_on_plays_too(
    browser: Browser, clips: FakeClips, hass_client_no_auth: ClientSessionGenerator
) -> None:
    clips.all = [replace(clips.all[0], end=None)]
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    (shown,) = await browser.open(day)
    clips.all = [replace(clips.all[0], end=clips.all[0].start + timedelta(minutes=5))]
    resolved = await browser.ask("resolve", shown["media_content_id"])
    answer = await (await hass_client_no_auth()).get(resolved["result"]["url"])
    assert await answer.read() == b"film of first/one", "it is found although it has ended since"


async def test_clips_have_pictures(
    rich: RichFakeClips,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    browser = Browser(await hass_ws_client())
    (yard,) = await browser.open(ROOT)
    folders = await browser.open(yard["media_content_id"])
    today = next(each for each in folders if each["title"] == dt_util.now().date().isoformat())
    newest, oldest = await browser.open(today["media_content_id"])
    client = await hass_client_no_auth()
    asked = rich.asked
    for shown, content in ((newest, jpeg(6)), (oldest, jpeg(9))):
        assert shown["thumbnail"].startswith("/api/camhub/streams/")
        answer = await client.get(shown["thumbnail"])
        assert (answer.status, await answer.read()) == (HTTPStatus.OK, content)
        assert (await client.get(shown["thumbnail"].partition("?")[0])).status == HTTPStatus.UNAUTHORIZED
    assert rich.asked == asked, "what is shown is not looked for again"


async def test_pictures_are_for_those_who_may_see_the_camera(
    rich: RichFakeClips,
    hub: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
) -> None:
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.yard": True}}})
    browser = Browser(await hass_ws_client(access_token=hass_read_only_access_token))
    (yard,) = await browser.open(ROOT)
    cats = next(each for each in await browser.open(yard["media_content_id"]) if each["title"] == "Cat")
    shown = (await browser.open(cats["media_content_id"]))[0]
    client = await hass_client_no_auth()
    assert (await client.get(shown["thumbnail"])).status == HTTPStatus.OK
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.other": True}}})
    assert (await client.get(shown["thumbnail"])).status == HTTPStatus.FORBIDDEN


async def test_clips_by_what_was_seen(rich: RichFakeClips, hass_ws_client: WebSocketGenerator) -> None:
    browser = Browser(await hass_ws_client())
    (yard,) = await browser.open(ROOT)
    folders = await browser.open(yard["media_content_id"])
    assert [each["title"] for each in folders[:3]] == ["Person", "Cat", "Garden gnome"]
    *cats, older = await browser.open(folders[1]["media_content_id"])
    assert (len(cats), older["title"]) == (PAGE, "Older (5)")
    day = (dt_util.now().date() - timedelta(days=2)).strftime("%m-%d")
    assert cats[0]["title"] == f"{day} 03:24:00", "a tile has little room: neither the year nor what the folder says"
    oldest = await browser.open(older["media_content_id"])
    assert [each["title"][-8:] for each in oldest] == [f"00:0{minute}:00" for minute in (4, 3, 2, 1, 0)]
    assert await browser.open(folders[2]["media_content_id"]) == []


async def test_folders_are_named_in_the_language_of_whoever_looks(
    rich: RichFakeClips, hub: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    hub.config.language = "de"
    browser = Browser(await hass_ws_client())
    (yard,) = await browser.open(ROOT)
    folders = await browser.open(yard["media_content_id"])
    assert [each["title"] for each in folders[:3]] == ["Person", "Cat", "Garden gnome"], "the vendor's words stay"
    assert (await browser.open(folders[1]["media_content_id"]))[-1]["title"] == "Ältere (5)"
    rich.all[1] = replace(rich.all[1], kind=EventKind.LINE_CROSSING)
    crossed = (await browser.open(folders[3]["media_content_id"]))[0]
    assert crossed["title"] == "04:00:00 Linienüberquerung"


async def test_a_day_of_many_things(browser: Browser, clips: FakeClips) -> None:
    """Whoever cannot be asked for one kind is looked through by the day."""
    dog = replace(clips.all[1], id="dog", kind=EventKind.ANIMAL, label="dog", start=clips.all[1].start)
    clips.all.append(dog)
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    dogs, people, *rest = await browser.open(day)
    assert [dogs["title"], people["title"], len(rest)] == ["Dog", "Person", 3]
    assert [each["title"] for each in await browser.open(dogs["media_content_id"])] == ["04:00:00"]
    assert [each["title"] for each in await browser.open(people["media_content_id"])] == ["04:00:00"]
    key = yard["media_content_id"]
    assert await browser.open(f"{key}/label:dog") == []


async def test_of_many_clips_the_first_are_looked_for_again(
    rich: RichFakeClips,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.camhub.stream_entry.CLIPS_KEPT", PAGE + 1)
    browser = Browser(await hass_ws_client())
    (yard,) = await browser.open(ROOT)
    folders = await browser.open(yard["media_content_id"])
    (cat, *_) = await browser.open(folders[1]["media_content_id"])
    await browser.open(folders[3]["media_content_id"])
    asked = rich.asked
    assert (await (await hass_client_no_auth()).get(cat["thumbnail"])).status == HTTPStatus.OK
    assert rich.asked == asked + 1


async def test_a_recorder_that_is_away_is_said(browser: Browser, clips: FakeClips) -> None:
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    clip = (await browser.open(day))[0]["media_content_id"]
    clips.error = Unreachable()
    assert not (await browser.ask("browse", day))["success"]
    assert (await browser.ask("resolve", clip))["success"], "it was shown a moment ago"
    unseen = recording_id(Clip(id="third", camera="yard", start=dt_util.utcnow()))
    assert not (await browser.ask("resolve", f"{day}/{unseen}"))["success"]
    assert not (await browser.ask("resolve", f"{clip}x"))["success"]


@pytest.mark.parametrize("rest", ["no%20such/camera", "x", "no/camera/2026-01-01", "no/camera/2026-01-01/x"])
async def test_what_is_not_there_is_refused(browser: Browser, rest: str) -> None:
    for kind in ("browse", "resolve"):
        assert not (await browser.ask(kind, f"{ROOT}/{rest}"))["success"]


async def test_a_day_that_is_none_and_a_clip_that_is_none(browser: Browser) -> None:
    (yard,) = await browser.open(ROOT)
    key = yard["media_content_id"]
    for rest in ("yesterday", "", "2026-01-01/x", "2026-01-01/label:x/y", "2026-01-01/page:0", "2026-01-01/page:x"):
        assert not (await browser.ask("browse", f"{key}/{rest}"))["success"]
    unknown = recording_id(Clip(id="third", camera="yard", start=dt_util.utcnow()))
    elsewhere = recording_id(Clip(id="second", camera="yard", start=dt_util.utcnow()), "elsewhere")
    for rest in (f"2026-01-01/{unknown}", f"2026-01-01/{elsewhere}", "2026-01-01/x", "2026-01-01", ""):
        assert not (await browser.ask("resolve", f"{key}/{rest}"))["success"]


async def test_who_may_not_see_a_camera_finds_no_recordings(
    clips: FakeClips,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
) -> None:
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.other": True}}})
    browser = Browser(await hass_ws_client(access_token=hass_read_only_access_token))
    assert await browser.open(ROOT) == []


async def test_home_assistant_itself_may(clips: FakeClips, hub: HomeAssistant) -> None:
    from homeassistant.components.media_source import async_browse_media

    root = await async_browse_media(hub, ROOT)
    assert [child.title for child in root.children or ()] == ["Yard"]


async def test_what_is_recorded_here_stands_beside_what_the_vendor_has(
    browser: Browser, clips: FakeClips, hub: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    (entry,) = hub.config_entries.async_loaded_entries("camhub")
    own = FakeClips()
    own.all = [replace(clips.all[0], start=clips.all[0].start + timedelta(minutes=30))]
    entry.runtime_data.clip_places["local"] = {"yard": own, "door": own}.get
    cameras = await browser.open(ROOT)
    assert [each["title"] for each in cameras] == ["Yard", "Door"]
    day = (await browser.open(cameras[0]["media_content_id"]))[0]["media_content_id"]
    shown = await browser.open(day)
    assert [each["title"] for each in shown] == ["04:00:00 Person", "03:30:00 (CamHub)", "03:00:00"]
    assert len({each["media_content_id"] for each in shown}) == 3, "one name in two places is two recordings"
    clips.error = Unreachable()
    (only,) = await browser.open(day)
    assert only == shown[1], "a vendor that is away hides nothing of ours"
    resolved = await browser.ask("resolve", only["media_content_id"])
    answer = await (await hass_client_no_auth()).get(resolved["result"]["url"])
    assert await answer.read() == b"film of first/one"


async def test_each_of_two_accounts_has_a_folder(
    browser: Browser, clips: FakeClips, fake: FakeSpec, add_account: AddAccount
) -> None:
    await add_account(unique_id="mjpeg_other", title="Cottage")
    home, cottage = await browser.open(ROOT)
    assert (home["title"], cottage["title"]) == ("Home", "Cottage")
    assert [each["title"] for each in await browser.open(cottage["media_content_id"])] == ["Yard"]


async def test_what_was_fetched_is_a_file_for_who_attaches_it(
    browser: Browser, clips: FakeClips, hub: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    from homeassistant.components.media_source import async_resolve_media

    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    _, oldest = await browser.open(day)
    media = await async_resolve_media(hub, oldest["media_content_id"], None)
    assert media.path is None
    answer = await (await hass_client_no_auth()).get(media.url, headers={"Range": "bytes=0-3"})
    assert (answer.status, await answer.read()) == (HTTPStatus.PARTIAL_CONTENT, b"film")
    kept = (await async_resolve_media(hub, oldest["media_content_id"], None)).path
    assert kept is not None
    assert kept.read_bytes() == b"film of first/one"

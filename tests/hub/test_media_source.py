from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.camhub.kernel.errors import HubError, Unreachable
from custom_components.camhub.kernel.model import Clip, EventKind

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec

ROOT = "media-source://camhub"


class FakeClips:
    """Two clips of today."""

    def __init__(self) -> None:
        begin = dt_util.start_of_local_day() + timedelta(hours=3)
        self.all = [
            Clip(id="first/one", camera="yard", start=begin),
            Clip(id="second", camera="yard", start=begin + timedelta(hours=1), kind=EventKind.PERSON),
        ]
        self.error: HubError | None = None

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        if self.error is not None:
            raise self.error
        return [clip for clip in self.all if start <= clip.start < end]

    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        yield b"video"


@pytest.fixture
async def clips(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> FakeClips:
    clips = FakeClips()

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", clips=clips), provider.camera("door")]

    assert await async_setup_component(hub, "media_source", {})
    fake.prepare = prepare
    await add_account()
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
    days = await browser.open(yard["media_content_id"])
    assert days[0]["title"] == dt_util.now().date().isoformat()
    newest, oldest = await browser.open(days[0]["media_content_id"])
    assert newest["title"] == "04:00:00 person"
    assert oldest["title"] == "03:00:00"
    assert await browser.open(days[1]["media_content_id"]) == []
    resolved = await browser.ask("resolve", oldest["media_content_id"])
    assert resolved["result"]["mime_type"] == "video/mp4"
    assert resolved["result"]["url"].startswith("/api/camhub/streams/")
    assert "/recordings/first%2Fone?authSig=" in resolved["result"]["url"]


async def test_a_recorder_that_is_away_is_said(browser: Browser, clips: FakeClips) -> None:
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    clip = (await browser.open(day))[0]["media_content_id"]
    clips.error = Unreachable()
    assert not (await browser.ask("browse", day))["success"]
    assert not (await browser.ask("resolve", clip))["success"]


@pytest.mark.parametrize("rest", ["no%20such~camera", "x", "no~camera/2026-01-01/clip"])
async def test_what_is_not_there_is_refused(browser: Browser, rest: str) -> None:
    for kind in ("browse", "resolve"):
        assert not (await browser.ask(kind, f"{ROOT}/{rest}"))["success"]


async def test_a_day_that_is_none_and_a_clip_that_is_none(browser: Browser) -> None:
    (yard,) = await browser.open(ROOT)
    key = yard["media_content_id"]
    today = dt_util.now().date().isoformat()
    assert not (await browser.ask("browse", f"{key}/yesterday"))["success"]
    assert not (await browser.ask("resolve", f"{key}/yesterday/second"))["success"]
    assert not (await browser.ask("resolve", f"{key}/{today}/third"))["success"]


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

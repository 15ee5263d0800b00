"""Films that their maker gives out for moments only: kept, listed after a restart, archived, gone with the account."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.camhub.archiving import EVENT_ARCHIVED
from custom_components.camhub.const import OPTION_KEPT
from custom_components.camhub.kernel.errors import HubError, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, Clip, EventKind, EventPhase
from custom_components.camhub.previews import LARGEST, preview_limits, previews_folder
from custom_components.camhub.recording.retention import RetentionLimits
from tests.recording.films import film

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .test_archiving import Counts, sealed
from .test_media_source import ROOT, Browser


class FakePreviews:
    """Gives a film once it may come."""

    def __init__(self) -> None:
        self.content = film()
        self.error: HubError | None = None
        self.fetched: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, clip: Clip) -> bytes:
        self.fetched.append(clip.id)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.content


@pytest.fixture
def previews(fake: FakeSpec) -> FakePreviews:
    previews = FakePreviews()

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", previews=previews), provider.camera("gate")]

    fake.prepare = prepare
    return previews


def told(
    name: str, kind: EventKind = EventKind.DOORBELL, camera: str = "yard", at: datetime | None = None
) -> CameraEvent:
    start = at or dt_util.utcnow()
    clip = Clip(id=f"session of {name}", camera=camera, start=start)
    return CameraEvent(id=f"{name}:{kind}", camera=camera, kind=kind, at=start, clip=clip)


async def hear(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry, *events: CameraEvent) -> None:
    """Let events come, and what follows from them."""
    left, all_heard = len(events), asyncio.Event()

    def count(_: CameraEvent) -> None:
        nonlocal left
        left -= 1
        if not left:
            all_heard.set()

    undo = entry.runtime_data.events.async_subscribe_all(count)
    for event in events:
        fake.provider.line.put_nowait(event)
    await all_heard.wait()
    undo()
    await until_idle(hub)


async def until_idle(hub: HomeAssistant) -> None:
    """Return when no film is on its way."""
    while tasks := [task for task in asyncio.all_tasks() if "preview" in task.get_name()]:
        await asyncio.wait(tasks)
    await hub.async_block_till_done()


async def listed(browser: Browser) -> list[dict[str, Any]]:
    (yard,) = await browser.open(ROOT)
    day = (await browser.open(yard["media_content_id"]))[0]["media_content_id"]
    return await browser.open(day)


async def test_after_a_restart_they_are_still_there(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    previews: FakePreviews,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hub, "media_source", {})
    entry = await add_account()
    browser = Browser(await hass_ws_client())
    assert await listed(browser) == []
    event = told("visit")
    person = replace(event, id="visit:person", kind=EventKind.PERSON, phase=EventPhase.UPDATE)
    await hear(hub, fake, entry, event, person, replace(event, clip=None, id="no film"))
    assert previews.fetched == ["session of visit"], "once however many events tell of it"
    assert await hub.config_entries.async_reload(entry.entry_id)
    previews.error = Unreachable()
    (row,) = await listed(browser)
    assert row["title"] == f"{dt_util.as_local(event.at):%H:%M:%S} Doorbell"
    client = await hass_client_no_auth()
    resolved = await browser.ask("resolve", row["media_content_id"])
    answer = await client.get(resolved["result"]["url"])
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, previews.content)
    assert (await (await client.get(row["thumbnail"])).read()).startswith(b"\xff\xd8")


async def test_one_that_never_comes_is_counted(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, previews: FakePreviews
) -> None:
    previews.error = Unreachable(reason="event_picture_gone")
    entry = await add_account()
    await hear(hub, fake, entry, told("visit"), told("other", camera="gate"), told("nowhere", camera="none"))
    assert previews.fetched == ["session of visit"]
    assert entry.runtime_data.counters.get("previews.event_picture_gone") == 1
    assert files(hub, entry.entry_id) == []


def files(hub: HomeAssistant, entry_id: str) -> list[Path]:
    return [path for path in previews_folder(hub, entry_id).rglob("*") if path.is_file()]


async def test_what_is_too_old_goes_and_all_goes_with_the_account(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, previews: FakePreviews
) -> None:
    entry = await add_account(options={OPTION_KEPT: {"keep_days": 3}})
    await hear(hub, fake, entry, told("long ago", at=dt_util.utcnow() - timedelta(days=4)))
    assert files(hub, entry.entry_id) == []
    await hear(hub, fake, entry, told("now"))
    assert {path.suffix for path in files(hub, entry.entry_id)} == {".mp4", ".jpg"}
    await hub.config_entries.async_remove(entry.entry_id)
    assert not previews_folder(hub, entry.entry_id).exists()


async def test_the_archive_takes_them_from_here(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, previews: FakePreviews, tmp_path: Path
) -> None:
    archived: list[Mapping[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        archived.append(event.data)

    hub.bus.async_listen(EVENT_ARCHIVED, note)
    (folder := tmp_path / "media").mkdir()
    hub.config.media_dirs = {"local": str(folder)}
    choice = await sealed(hub, kind="folder", folder=str(folder), kinds=["person"])
    entry = await add_account(options=choice)
    counts = Counts(entry)
    event = told("visit")
    person = replace(event, id="visit:person", kind=EventKind.PERSON)
    await hear(hub, fake, entry, event, person, told("another"))
    await counts.until(0, 0, "visit:person")
    (row,) = archived
    assert (folder / row["clip"]).read_bytes() == previews.content


def test_they_take_no_more_than_recordings_may() -> None:
    assert preview_limits(RetentionLimits(days=3, size=0, free=5)) == RetentionLimits(days=3, size=LARGEST, free=5)
    assert preview_limits(RetentionLimits(size=7)).size == 7

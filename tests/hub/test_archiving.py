"""Clips of an account on their way to its archive, over Home Assistant: tests/recording has what is below."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
import json
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.requirements import RequirementsNotFound
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.camhub import archive_choice, on_demand
from custom_components.camhub.archiving import EVENT_ARCHIVED, LINK_LIFE, queue_folder
from custom_components.camhub.const import DOMAIN, OPTION_ARCHIVE
from custom_components.camhub.diagnostics import async_get_config_entry_diagnostics
from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, Clip, CredentialState, EventKind
from custom_components.camhub.kernel.provider import Clips
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.repairs import async_create_fix_flow
from custom_components.camhub.runtime import SHARED
from tests.fake_clock import FakeClock
from tests.recording.films import film
from tests.sentinel import MARK

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec


class CameraClips(Clips):
    """One clip, or what a test wants to go wrong."""

    def __init__(self) -> None:
        self.content = film()
        self.error: HubError | None = None

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        return []

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        if self.error is not None:
            raise self.error
        yield self.content


@pytest.fixture
def clips(fake: FakeSpec) -> CameraClips:
    clips = CameraClips()

    def with_clips(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", clips=clips)]

    fake.prepare = with_clips
    return clips


@pytest.fixture
def media(hub: HomeAssistant, tmp_path: Path) -> Path:
    (folder := tmp_path / "media").mkdir()
    hub.config.media_dirs = {"local": str(folder)}
    return folder


async def sealed(hass: HomeAssistant, **choice: Any) -> dict[str, str]:
    return {OPTION_ARCHIVE: await hass.data[SHARED].store.async_seal(json.dumps(choice))}


def issues(hass: HomeAssistant) -> set[str]:
    return {issue.translation_key or "" for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def motion(name: str) -> CameraEvent:
    at = dt_util.utcnow()
    clip = Clip(id=name, camera="yard", start=at, end=at + timedelta(seconds=5), kind=EventKind.MOTION)
    return CameraEvent(id=name, camera="yard", kind=EventKind.MOTION, at=at, clip=clip)


class Counts:
    """Woken when the counts of the archive change."""

    def __init__(self, entry: MockConfigEntry) -> None:
        self.archiving = entry.runtime_data.archiving
        self._changed = asyncio.Event()
        self._undo = self.archiving.async_on_change(self._changed.set)

    async def changed(self) -> None:
        """Return with the next change."""
        self._changed.clear()
        await self._changed.wait()

    async def until(self, pending: int, dead: int, last: str | None) -> None:
        def reached() -> bool:
            tally = self.archiving.tally
            found = tally.last.event_id if tally.last else None
            return (tally.pending, tally.dead, found) == (pending, dead, last)

        while not reached():
            await self.changed()


async def test_a_clip_is_kept_told_and_linked(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    told: list[Mapping[str, Any]] = []

    @callback
    def hear(event: Event) -> None:
        told.append(event.data)

    hub.bus.async_listen(EVENT_ARCHIVED, hear)
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media), link_sensor=True))
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(0, 0, "e1")
    await hub.async_block_till_done()
    (event,) = told
    assert (event["camera"], event["event_id"], event["archive"]) == ("Yard", "e1", "folder")
    assert (media / event["clip"]).read_bytes() == clips.content
    assert event["clip_url"] == (media / event["clip"]).as_uri()
    assert event["processed_at"] is not None
    last = state_of(hub, "sensor.yard_last_archived_clip")
    assert last.attributes["clip"] == event["clip"]
    assert last.attributes["clip_url"].startswith("/media/local/Yard/")
    assert state_of(hub, "sensor.yard_clips_to_archive").state == "0"
    for asked in ({}, {"event_id": "e1", "seconds": 60}):
        answer: Any = await hub.services.async_call(
            DOMAIN, "clip_link", {"entity_id": "camera.yard", **asked}, blocking=True, return_response=True
        )
        assert answer["camera.yard"]["url"].startswith("/media/local/Yard/")
    with pytest.raises(ServiceValidationError):
        await hub.services.async_call(
            DOMAIN,
            "clip_link",
            {"entity_id": "camera.yard", "event_id": "none"},
            blocking=True,
            return_response=True,
        )
    await hub.services.async_call("button", "press", {"entity_id": "button.yard_test_archive"}, blocking=True)
    facts = await async_get_config_entry_diagnostics(hub, entry)
    assert facts["clips"] == {"pending": 0, "dead": 0, "reason": None}
    assert OPTION_ARCHIVE not in facts["options"]
    queue = queue_folder(hub, entry.entry_id)
    assert queue.exists()
    await hub.config_entries.async_remove(entry.entry_id)
    assert not queue.exists()


async def test_what_fails_is_listed_and_tried_again(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    counts = Counts(entry)
    clips.error = Unsupported("gone", reason="not_on_server")
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(0, 1, None)
    answer: Any = await hub.services.async_call(DOMAIN, "status", {}, blocking=True, return_response=True)
    (row,) = answer["clips"]
    assert (row["state"], row["stopped_at"], row["reason"], row["camera"]) == (
        "dead",
        "waiting",
        "not_on_server",
        "Yard",
    )
    assert answer["accounts"][0]["clips_failed"] == 1
    assert state_of(hub, "sensor.yard_clips_not_archived").state == "1"
    clips.error = None
    asked = {"config_entry_id": entry.entry_id}
    answer = await hub.services.async_call(DOMAIN, "retry_clips", asked, blocking=True, return_response=True)
    assert answer == {"clips": 1}
    await counts.until(0, 0, "e1")
    assert "clip_url" not in state_of(hub, "sensor.yard_last_archived_clip").attributes


async def test_a_refusal_asks_for_a_new_login(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    coordinator = entry.runtime_data
    refused = asyncio.Event()

    def look() -> None:
        if coordinator.login.state is CredentialState.REFUSED:
            refused.set()

    coordinator.async_add_listener(look)
    clips.error = AuthError()
    fake.provider.line.put_nowait(motion("e1"))
    await refused.wait()
    await hub.async_block_till_done()
    assert list(entry.async_get_active_flows(hub, {"reauth"}))


async def test_only_what_is_wanted_is_kept(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    choice = await sealed(hub, kind="folder", folder=str(media), kinds=["person"], cameras=["door"], keep_days=3)
    entry = await add_account(options=choice)
    entry.runtime_data.events.deliver(motion("e1"))
    entry.runtime_data.archiving.async_enqueue("yard", motion("e1").clip, None, source="local")
    await hub.async_block_till_done(wait_background_tasks=True)
    assert await entry.runtime_data.archiving.async_rows() == []


async def test_an_archive_that_cannot_be_used_has_clips_wait(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder="/elsewhere", link_sensor=True))
    assert issues(hub) == {"archive_failing"}
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(1, 0, None)
    for domain, action, target in (
        (DOMAIN, "clip_link", "camera.yard"),
        ("button", "press", "button.yard_test_archive"),
    ):
        with pytest.raises(HomeAssistantError):
            await hub.services.async_call(
                domain,
                action,
                {"entity_id": target},
                blocking=True,
                return_response=domain == DOMAIN,
            )
    hub.config_entries.async_update_entry(entry, options=await sealed(hub, kind="folder", folder=str(media)))
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    await Counts(entry).until(0, 0, "e1")
    assert issues(hub) == set()


async def test_an_archive_that_can_be_made_later_gets_what_waited(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
    clock: FakeClock,
) -> None:
    hub.config.media_dirs = {}
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media), keep_days=3))
    archive = entry.runtime_data.archiving.archive
    with pytest.raises(Unreachable):
        archive.address("x")
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    while not entry.runtime_data.archiving.tally.troubles:
        await counts.changed()
    assert issues(hub) == {"archive_failing"}
    hub.config.media_dirs = {"local": str(media)}
    await clock.advance(30)
    await counts.until(0, 0, "e1")
    assert issues(hub) == set()
    await hub.services.async_call("button", "press", {"entity_id": "button.yard_test_archive"}, blocking=True)
    asked: Any = {"entity_id": "camera.yard"}
    answer: Any = await hub.services.async_call(DOMAIN, "clip_link", asked, blocking=True, return_response=True)
    assert answer["camera.yard"]["url"].startswith("/media/local/Yard/")
    await archive.delete(entry.runtime_data.archiving.tally.last.reference)
    assert files(media) == []


async def test_the_repair_of_what_everybody_may_open_leads_to_the_settings(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, media: Path
) -> None:
    entry = await add_account(options={"viewers": {"yard": {}}, **await sealed(hub, kind="folder", folder=str(media))})
    flow: Any = await async_create_fix_flow(hub, f"archive_open_{entry.entry_id}", {"entry_id": entry.entry_id})
    flow.hass = hub
    form = await flow.async_step_init()
    assert form["description_placeholders"] == {"account": "Home", "reason": ""}
    await hub.config_entries.async_remove(entry.entry_id)
    assert (await flow.async_step_init())["type"] is FlowResultType.CREATE_ENTRY


async def test_an_archive_that_does_not_open_is_none(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips
) -> None:
    broken = await add_account(options={OPTION_ARCHIVE: "broken"})
    assert broken.runtime_data.archiving is None
    assert hub.states.get("button.yard_test_archive") is None
    with pytest.raises(ServiceValidationError):
        await hub.services.async_call(
            DOMAIN, "clip_link", {"entity_id": "camera.yard"}, blocking=True, return_response=True
        )


@pytest.fixture
def clock(hub: HomeAssistant) -> FakeClock:
    """Put a clock that stands still in the place of the hub's."""
    clock = FakeClock(dt_util.utcnow())
    hub.data[SHARED].clock = clock
    return clock


async def test_an_archive_that_refuses_for_long_is_a_repair_until_it_takes_a_clip(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
    clock: FakeClock,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hub, REPAIRS, {})
    (folder := media / "share").mkdir()
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(folder)))
    archiving = entry.runtime_data.archiving
    folder.rmdir()
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    while not archiving.tally.troubles:
        await counts.changed()
    await clock.advance(3500)
    entry.runtime_data.async_check()
    assert issues(hub) == set()
    await clock.advance(200)
    entry.runtime_data.async_check()
    assert issues(hub) == {"archive_failing"}

    client = await hass_client()
    issue = {"handler": DOMAIN, "issue_id": f"archive_failing_{entry.entry_id}"}
    form = await (await client.post("/api/repairs/issues/fix", json=issue)).json()
    assert form["description_placeholders"] == {
        "account": "Home",
        "reason": "The folder is not there; if it is a share, it may not be mounted",
    }
    done = await (await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})).json()
    kind, flow_id = done["next_flow"]
    assert kind == "options_flow"
    assert hub.config_entries.options.async_get(flow_id)["step_id"] == "archive"
    assert issues(hub) == {"archive_failing"}

    # Home Assistant starts anew, and the trouble goes on: nobody waits an hour for being told.
    hub.config_entries.options.async_abort(flow_id)
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    counts = Counts(entry)
    while not issues(hub):
        await counts.changed()
    folder.mkdir()
    await clock.advance(3700)
    await counts.until(0, 0, "e1")
    assert issues(hub) == set()


async def test_what_was_given_up_while_the_archive_was_away_is_tried_again_when_it_is_back(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.camhub.recording.pipeline.MOST_FAILURES", 1)
    (folder := media / "share").mkdir()
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(folder)))
    folder.rmdir()
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(0, 1, None)
    folder.mkdir()
    clips.content = film(shade=5)
    fake.provider.line.put_nowait(motion("e2"))
    await counts.until(0, 0, "e1")
    assert len(files(folder)) == 2


async def test_a_clip_that_is_at_fault_itself_is_no_trouble_of_the_archive(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path, clock: FakeClock
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    clips.error = Unreachable("away", reason="archive_unreachable")
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    while not entry.runtime_data.archiving.tally.troubles:
        await counts.changed()
    await clock.advance(4000)
    entry.runtime_data.async_check()
    assert issues(hub) == set()


async def test_an_ffmpeg_that_is_missing_is_a_repair_and_its_place_can_be_told(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
) -> None:
    hub.data["ffmpeg"] = SimpleNamespace(binary="/nowhere/ffmpeg")
    clips.content = film("mpeg4")
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    while issues(hub) != {"ffmpeg_missing"}:
        await counts.changed()
    hub.data["ffmpeg"] = SimpleNamespace(binary=shutil.which("ffmpeg"))
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    await Counts(entry).until(0, 0, "e1")
    assert issues(hub) == set()


@pytest.mark.parametrize(
    ("viewers", "choice", "told"),
    [
        ({}, {}, False),
        ({"yard": {}}, {}, True),
        ({"yard": {}}, {"cameras": ["door"]}, False),
        ({"yard": {}}, {"cameras": ["door", "yard"]}, True),
        ({"yard": {}}, {"folder": "elsewhere"}, False),
    ],
)
async def test_clips_that_everybody_may_open_are_told_of(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    media: Path,
    tmp_path: Path,
    viewers: dict[str, Any],
    choice: dict[str, Any],
    *,
    told: bool,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    hub.config.allowlist_external_dirs.add(str(tmp_path))
    place = {"folder": str(media), **choice}
    place["folder"] = str(tmp_path / place["folder"])
    options = {"viewers": viewers, **await sealed(hub, kind="folder", **place)}
    await add_account(options=options)
    assert issues(hub) == ({"archive_open"} if told else set())


async def test_what_is_too_old_leaves_the_archive(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path, clock: FakeClock
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media), keep_days=1))
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(0, 0, "e1")
    await clock.advance(90_000)
    async_fire_time_changed(hub, dt_util.utcnow() + timedelta(hours=1, seconds=1))
    await hub.async_block_till_done(wait_background_tasks=True)
    assert files(media) == []


async def test_a_clip_in_another_archive_than_todays_has_no_link(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, fake: FakeSpec, media: Path
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    fake.provider.line.put_nowait(motion("e1"))
    await Counts(entry).until(0, 0, "e1")
    (other := media / "other").mkdir()
    hub.config_entries.async_update_entry(entry, options=await sealed(hub, kind="folder", folder=str(other)))
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    asked = {"entity_id": "camera.yard"}
    with pytest.raises(ServiceValidationError, match="used before"):
        await hub.services.async_call(DOMAIN, "clip_link", asked, blocking=True, return_response=True)


async def test_a_link_opens_whatever_the_folder_is_called(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hub, "media_source", {})
    (folder := media / "My #1 clips? 100%").mkdir()
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(folder)))
    fake.provider.line.put_nowait(motion("e1"))
    await Counts(entry).until(0, 0, "e1")
    asked: Any = {"entity_id": "camera.yard"}
    answer: Any = await hub.services.async_call(DOMAIN, "clip_link", asked, blocking=True, return_response=True)
    client = await hass_client_no_auth()
    opened = await client.get(URL(answer["camera.yard"]["url"], encoded=True))
    assert await opened.read() == clips.content


async def test_the_link_on_the_sensor_is_renewed_before_it_ends(
    hub: HomeAssistant,
    add_account: AddAccount,
    clips: CameraClips,
    fake: FakeSpec,
    media: Path,
    freezer: FrozenDateTimeFactory,
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media), link_sensor=True))
    counts = Counts(entry)
    fake.provider.line.put_nowait(motion("e1"))
    await counts.until(0, 0, "e1")
    first = entry.runtime_data.archiving.link
    freezer.tick(LINK_LIFE / 2 + 1)
    async_fire_time_changed(hub)
    await counts.changed()
    second = entry.runtime_data.archiving.link
    assert second is not None
    assert second != first
    assert state_of(hub, "sensor.yard_last_archived_clip").attributes["clip_url"] == second


async def test_a_key_that_changes_takes_the_archive_along(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, media: Path
) -> None:
    entry = await add_account(options=await sealed(hub, kind="folder", folder=str(media)))
    before = entry.options[OPTION_ARCHIVE]
    store = hub.data[SHARED].store
    await store.async_rotate_key()
    assert entry.options[OPTION_ARCHIVE] != before
    assert json.loads(await store.async_unseal(entry.options[OPTION_ARCHIVE]))["kind"] == "folder"


async def page(hass: HomeAssistant, entry: MockConfigEntry, kind: str) -> Any:
    flow: Any = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(flow["flow_id"], {"next_step_id": "archive"})
    return await hass.config_entries.options.async_configure(flow["flow_id"], {"archive": kind})


async def test_a_folder_is_chosen_and_left(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, media: Path
) -> None:
    entry = await add_account()
    flow: Any = await page(hub, entry, "folder")
    for typed, field in (
        ({"folder": "relative"}, "folder"),
        ({"folder": str(media / "none")}, "folder"),
        ({"folder": f"{media}/.."}, "folder"),
        ({"folder": str(media), "pattern": "{camera}"}, "pattern"),
    ):
        flow = await hub.config_entries.options.async_configure(flow["flow_id"], typed)
        assert flow["errors"] == {field: "archive_failed"}
        assert flow["description_placeholders"]["reason"]
    flow = await hub.config_entries.options.async_configure(flow["flow_id"], {"folder": str(media), "keep_days": 5})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()
    assert entry.runtime_data.archiving is not None
    assert str(media) not in str(entry.options)
    flow = await page(hub, entry, "none")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()
    assert entry.runtime_data.archiving is None


async def test_a_secret_left_empty_stays(
    hub: HomeAssistant, add_account: AddAccount, clips: CameraClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Credentials] = []

    class Store:
        async def check(self) -> None:
            pass

        async def close(self) -> None:
            pass

    async def make(_: HomeAssistant, choice: Credentials, *__: object) -> Store:
        made.append(choice)
        return Store()

    monkeypatch.setattr("custom_components.camhub.archive_pages.async_make", make)
    entry = await add_account(options=await sealed(hub, kind="pi", address="http://pi:3002", token=f"t {MARK}"))
    flow = await page(hub, entry, "pi")
    assert MARK not in str(flow["data_schema"].schema)
    await hub.config_entries.options.async_configure(flow["flow_id"], {"address": "http://pi:3003"})
    assert made[-1].text("token") == f"t {MARK}"
    flow = await page(hub, entry, "pi")
    await hub.config_entries.options.async_configure(flow["flow_id"], {"address": "http://elsewhere:3003"})
    assert made[-1].text("token") == "", "it is for the host that it was entered for"
    await hub.async_block_till_done()
    flow = await page(hub, entry, "s3")
    typed = {"bucket": "b", "access_key": "a", "secret_key": f"s {MARK}"}
    await hub.config_entries.options.async_configure(flow["flow_id"], typed)
    assert made[-1].text("secret_key") == f"s {MARK}"
    assert MARK not in str(entry.options)
    await hub.async_block_till_done()


async def test_the_library_of_a_bucket_is_installed_when_it_is_wanted(
    hub: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise RequirementsNotFound(DOMAIN, ["aiobotocore"])

    choice = Credentials({"kind": "s3", "bucket": "b", "access_key": "a", "secret_key": "s", "endpoint": "http://x"})

    def session(**_: object) -> Any:
        return None

    clock = hub.data[SHARED].clock
    with monkeypatch.context() as patch:
        patch.setattr(on_demand, "async_process_requirements", refuse)
        with pytest.raises(Unsupported) as raised:
            await archive_choice.async_make(hub, choice, session, clock)
        assert raised.value.reason == "archive_no_library"
    archive = await archive_choice.async_make(hub, choice, session, clock)
    await archive.close()
    with pytest.raises(Unsupported):
        await archive_choice.async_make(hub, Credentials(), session, clock)

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
import shutil
from typing import Any, override

from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import pytest_socket

from custom_components.camhub.clip_sources import clip_sources
from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.recordings import EVENT_FINISHED, Recordings, entry_recordings
from simulators.rtsp import RtspServer
from tests.recording.film import played

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .people import person
from .pictures import jpeg
from .test_watching import LeasedRtsp

AUTOMATIC = {"yard": {"automatic": True, "duration": 5, "pre_roll": 2, "maximum": 60}}


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder of this test."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder / "camhub"


def _with_frames(provider: FakeProvider) -> None:
    provider.listed = [
        provider.camera("yard", mjpeg=provider.mjpeg),
        provider.camera("gate", webrtc=provider.webrtc),
    ]


@pytest.fixture
def filmed(fake: FakeSpec, media: Path) -> FakeSpec:
    fake.prepare = _with_frames
    return fake


class Feed:
    """Shows pictures, in real time, until the test is over."""

    def __init__(self, fake: FakeSpec) -> None:
        self._fake = fake
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        number = 0
        while True:
            number += 1
            self._fake.provider.mjpeg.queue.put_nowait(jpeg(number))
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def feed(filmed: FakeSpec, hub: HomeAssistant) -> AsyncIterator[Callable[[], Feed]]:
    feeds: list[Feed] = []

    def start() -> Feed:
        feeds.append(Feed(filmed))
        return feeds[-1]

    yield start
    for each in feeds:
        await each.close()


async def record(hass: HomeAssistant, camera: str = "yard", **data: object) -> Any:
    target = {"entity_id": f"camera.{camera}"}
    answer = await hass.services.async_call(DOMAIN, "record", {**target, **data}, blocking=True, return_response=True)
    assert answer is not None
    return answer[f"camera.{camera}"]


def heard(hass: HomeAssistant) -> asyncio.Future[Event[Any]]:
    """Return the next recording that can be played."""
    waiting: asyncio.Future[Event[Any]] = asyncio.get_running_loop().create_future()

    async def tell(event: Event[Any]) -> None:
        waiting.set_result(event)

    hass.bus.async_listen_once(EVENT_FINISHED, tell)
    return waiting


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def motion(phase: EventPhase = EventPhase.PULSE, kind: EventKind = EventKind.MOTION, number: int = 1) -> CameraEvent:
    return CameraEvent(id=f"e{number}", camera="yard", kind=kind, at=dt_util.utcnow(), phase=phase)


def issues(hass: HomeAssistant) -> set[str | None]:
    return {issue.translation_key for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN}


async def test_by_hand_a_recording_is_made_and_can_be_played(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, feed: Callable[[], Feed], media: Path
) -> None:
    entry = await add_account()
    feed()
    assert state_of(hub, "camera.yard").state == "idle"
    told = heard(hub)
    begun = await record(hub, duration=60)
    assert state_of(hub, "camera.yard").state == "recording"
    ended = await record(hub, action="stop")
    event = await told
    assert state_of(hub, "camera.yard").state == "idle"
    (file,) = files(media, "*.webm")
    assert played(file).size == (64, 48)
    assert event.data["entity_id"] == "camera.yard"
    assert event.data["trigger"] == "manual"
    assert event.data["media_content_id"] == ended["media_content_id"]
    assert event.data["file"] == begun["file"] == ended["file"] == file.name
    coordinator = entry.runtime_data
    found = clip_sources(coordinator, coordinator.data["yard"])
    name = str(ended["media_content_id"]).rpartition("/")[2]
    clip = await found.find(name)
    assert clip is not None
    assert (await clip.thumbnail()) is not None
    with pytest.raises(ServiceValidationError, match="not being recorded"):
        await record(hub, action="stop")


async def test_motion_is_recorded_and_told(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, feed: Callable[[], Feed], media: Path
) -> None:
    entry = await add_account(options={"recording": AUTOMATIC})
    await hub.async_block_till_done(wait_background_tasks=True)
    coordinator = entry.runtime_data
    recordings = entry_recordings(hub, coordinator)
    heard_of: list[tuple[str, str | None]] = []
    recordings.async_on_finished(lambda camera, _clip, event: heard_of.append((camera, event.id if event else None)))
    feed()
    coordinator.events.deliver(motion(kind=EventKind.SOUND, number=2))
    assert not recordings.is_recording("yard")
    told = heard(hub)
    coordinator.events.deliver(motion(kind=EventKind.PERSON))
    assert recordings.is_recording("yard")
    event = await told
    assert (event.data["trigger"], event.data["kind"]) == ("motion", "person")
    assert heard_of == [("yard", "e1")]
    (file,) = files(media, "motion_*.webm")
    assert played(file).length > 2


async def test_the_switch_pauses_it_and_stays_as_it_is(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(options={"recording": AUTOMATIC})
    await hub.async_block_till_done(wait_background_tasks=True)
    assert state_of(hub, "switch.yard_automatic_recording").state == "on"
    assert hub.states.get("switch.gate_automatic_recording") is None

    async def turn(service: str) -> None:
        await hub.services.async_call(
            "switch", service, {"entity_id": "switch.yard_automatic_recording"}, blocking=True
        )
        await hub.async_block_till_done()

    await turn("turn_off")
    assert entry.options["recording"]["yard"]["paused"] is True
    entry.runtime_data.events.deliver(motion())
    assert not entry_recordings(hub, entry.runtime_data).is_recording("yard")
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done(wait_background_tasks=True)
    assert state_of(hub, "switch.yard_automatic_recording").state == "off"
    entry.runtime_data.events.deliver(motion(number=2))
    assert not entry_recordings(hub, entry.runtime_data).is_recording("yard")
    await turn("turn_on")
    assert state_of(hub, "switch.yard_automatic_recording").state == "on"


async def test_unloading_ends_a_recording_in_good_order(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, feed: Callable[[], Feed], media: Path
) -> None:
    entry = await add_account()
    running = feed()
    await record(hub, duration=60)
    recordings = entry_recordings(hub, entry.runtime_data)
    recorder = recordings._recorders["yard"]
    current = recorder._current
    assert current is not None
    assert current[0].writer is not None
    encoder = current[0].writer.encoder
    assert encoder is not None
    await hub.config_entries.async_unload(entry.entry_id)
    await running.close()
    assert not encoder.running
    (file,) = files(media, "*.webm")
    assert played(file).size == (64, 48)
    assert (files(media, "*.part")) == []


async def test_what_was_left_by_a_kill_is_mended_at_the_start(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, feed: Callable[[], Feed], media: Path
) -> None:
    entry = await add_account()
    feed()
    begun = await record(hub, duration=60)
    await record(hub, action="stop")
    (file,) = files(media, "*.webm")
    file.rename(f"{file}.part")
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done(wait_background_tasks=True)
    assert [path.name for path in files(media, "*.webm*")] == [begun["file"]]


async def test_without_ffmpeg_there_is_a_repair_until_it_is_there(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    entry = await add_account(options={"recording": AUTOMATIC})
    await hub.async_block_till_done(wait_background_tasks=True)
    assert issues(hub) == {"ffmpeg_missing"}
    with pytest.raises(ServiceValidationError, match="no ffmpeg"):
        await record(hub)
    monkeypatch.undo()
    assert shutil.which("ffmpeg") is not None
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert issues(hub) == set()


async def test_a_full_disk_stops_recording_with_a_repair(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(options={"recordings_kept": {"free_gb": 10**9}})
    with pytest.raises(HomeAssistantError, match="disk for recordings is full"):
        await record(hub)
    assert issues(hub) == {"disk_full"}
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert issues(hub) == {"disk_full"}


async def test_a_camera_without_a_stream_says_so(hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    with pytest.raises(ServiceValidationError, match="no stream that CamHub can record"):
        await record(hub, "gate")


async def test_who_may_not_see_a_camera_records_nothing(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount
) -> None:
    await add_account()
    visitor = await person(hub, "elsewhere")
    data = {"entity_id": "camera.yard"}
    with pytest.raises(Unauthorized):
        await hub.services.async_call(DOMAIN, "record", data, blocking=True, context=Context(user_id=visitor.id))


ONLY_ANN = {"viewers": {"yard": {"users": ["ann"], "groups": []}}}


async def open_to_all(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    entry.runtime_data.async_check()
    await hass.async_block_till_done(wait_background_tasks=True)
    return "recordings_open" in issues(hass)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, False),
        ({"recording": AUTOMATIC}, False),
        (ONLY_ANN, False),
        ({**ONLY_ANN, "recording": AUTOMATIC}, True),
        ({**ONLY_ANN, "recording": {"gate": {"automatic": True}}}, False),
    ],
)
async def test_recordings_that_everybody_may_open_are_told_of(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, options: dict[str, Any], *, told: bool
) -> None:
    assert await open_to_all(hub, await add_account(options=options)) is told


async def test_another_folder_mends_what_everybody_may_open(
    hub: HomeAssistant,
    filmed: FakeSpec,
    add_account: AddAccount,
    feed: Callable[[], Feed],
    media: Path,
    tmp_path: Path,
) -> None:
    entry = await add_account(options=ONLY_ANN)
    assert not await open_to_all(hub, entry)
    feed()
    told = heard(hub)
    await record(hub, duration=60)
    await record(hub, action="stop")
    await told
    assert await open_to_all(hub, entry)
    kept = {"folder": str(tmp_path / "films")}
    hub.config_entries.async_update_entry(entry, options={**ONLY_ANN, "recording": AUTOMATIC, "recordings_kept": kept})
    await hub.config_entries.async_reload(entry.entry_id)
    assert await open_to_all(hub, entry), "what was recorded before lies where it lay"
    shutil.rmtree(media)
    assert not await open_to_all(hub, entry)


async def test_home_assistants_own_record_works_for_single_pictures(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, feed: Callable[[], Feed], media: Path
) -> None:
    await async_setup_component(hub, "stream", {})
    await add_account()
    feed()

    async def own(file: str) -> None:
        data = {"entity_id": "camera.yard", "filename": file, "duration": 1}
        await hub.services.async_call("camera", "record", data, blocking=True)

    file = media.parent / "films" / "yard.mp4"
    await own(str(file))
    assert played(file).codec == "h264"
    assert played(file).length < 3
    with pytest.raises(HomeAssistantError, match="may not write"):
        await own("/etc/yard.mp4")
    play = {"entity_id": "camera.yard", "media_player": "media_player.none"}
    with pytest.raises(HomeAssistantError):
        await hub.services.async_call("camera", "play_stream", play, blocking=True)


class Leased(LeasedRtsp):
    """Gives an address that there is."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    @override
    async def open(self) -> Lease[str]:
        return Lease(value=self._address, release=self._release)


@pytest.fixture
async def rtsp(hass: HomeAssistant) -> AsyncIterator[RtspServer]:
    pytest_socket.enable_socket()
    server = RtspServer(["/live"], "user", "secret-word", fps=10)
    await server.start()
    yield server
    await server.stop()


async def test_a_stream_is_recorded_as_it_is_and_its_address_shown_to_nobody(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, rtsp: RtspServer, media: Path
) -> None:
    lease = Leased(f"rtsp://user:secret-word@127.0.0.1:{rtsp.port}/live")
    fake.prepare = lambda provider: setattr(provider, "listed", [provider.camera("yard", rtsp=lease)])
    entry = await add_account(options={"recording": {"yard": {"container": "mp4"}}})
    await record(hub, duration=60)
    told = heard(hub)
    recorder = entry_recordings(hub, entry.runtime_data)._recorders["yard"]
    assert recorder._current is not None
    writer = recorder._current[0].writer
    assert writer is not None
    assert writer.encoder is not None
    command = command_of(writer.encoder.pid)
    assert b"ffmpeg" in command
    assert b"secret-word" not in command
    assert b"rtsp" not in command
    await record(hub, action="stop")
    await told
    (file,) = files(media, "*.mp4")
    assert played(file).codec == "h264"
    assert lease.released == 1


async def test_the_pages_store_what_is_recorded_and_kept(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, media: Path
) -> None:
    entry = await add_account()
    options = hub.config_entries.options

    async def page(name: str) -> Any:
        menu = await options.async_init(entry.entry_id)
        return await options.async_configure(menu["flow_id"], {"next_step_id": name})

    form = await page("recording")
    assert (form["description_placeholders"] or {})["camera"] == "Yard"
    answers = {
        "automatic": True,
        "duration": 20,
        "pre_roll": 3,
        "maximum": 90,
        "quality": "high",
        "container": "mp4",
    }
    await options.async_configure(form["flow_id"], answers)
    await hub.async_block_till_done(wait_background_tasks=True)
    assert entry.options["recording"] == {"yard": answers}
    assert state_of(hub, "switch.yard_automatic_recording").state == "on"
    form = await page("recordings_kept")
    kept = {"keep_days": 7, "keep_gb": 5, "free_gb": 1}
    again = await options.async_configure(form["flow_id"], {**kept, "folder": "/etc/camhub"})
    assert again["errors"] == {"folder": "path_not_allowed"}
    await options.async_configure(again["flow_id"], {**kept, "folder": str(media.parent / "films")})
    await hub.async_block_till_done(wait_background_tasks=True)
    recordings: Recordings = entry_recordings(hub, entry.runtime_data)
    assert recordings.library.root == media.parent / "films"
    await hub.config_entries.async_unload(entry.entry_id)
    assert (await page("recording"))["reason"] == "not_loaded"


async def test_a_camera_that_lost_its_stream_is_not_recorded_any_more(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account(options={"recording": AUTOMATIC})
    await hub.async_block_till_done(wait_background_tasks=True)
    filmed.provider.tell([filmed.provider.camera("yard")])
    await hub.async_block_till_done(wait_background_tasks=True)
    assert not entry_recordings(hub, entry.runtime_data).is_recording("yard")
    assert "Unexpected error" not in caplog.text


async def test_a_camera_that_leaves_is_not_recorded_any_more(
    hub: HomeAssistant, filmed: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(options={"recording": AUTOMATIC})
    await hub.async_block_till_done(wait_background_tasks=True)
    filmed.provider.listed = [filmed.provider.camera("gate", webrtc=filmed.provider.webrtc)]
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert entry_recordings(hub, entry.runtime_data)._recorders == {}

"""Much of everything: two hundred reloads, hundreds of cameras, a hundred events a second."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import gc
from http import HTTPStatus
import logging
from pathlib import Path
import threading

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.kernel.relay import OPENING
from custom_components.camhub.runtime import SHARED
from custom_components.camhub.stream_paths import camera_key, stream_path

from ..fake_clock import settle
from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg
from .stream_world import every_kind

RELOADS = 200
WARM = 20
CAMERAS = 300
SECONDS = 10
EACH_SECOND = 100
BEGUN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
OURS = "custom_components.camhub"


@pytest.fixture(autouse=True)
def _few_words(caplog: pytest.LogCaptureFixture) -> None:
    """Keep Home Assistant from writing down each of so many states."""
    caplog.set_level(logging.WARNING, "homeassistant")


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What there is in this process while nothing happens."""

    objects: Counter[str]
    tasks: int
    listeners: int
    files: int
    threads: int


def _files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def footprint(hass: HomeAssistant) -> Footprint:
    await hass.async_block_till_done()
    await settle(50)
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    return Footprint(
        objects=Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(OURS)),
        tasks=len(asyncio.all_tasks()),
        listeners=sum(hass.bus.async_listeners().values()),
        files=_files(),
        threads=threading.active_count(),
    )


@pytest.mark.timeout(300)
async def test_two_hundred_reloads_leave_nothing(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    fake.prepare = every_kind
    entry = await add_account()
    client = await hass_client()
    street = stream_path(camera_key(entry.entry_id, "street"), "mjpeg")

    async def reload_watched() -> None:
        """Reload while somebody watches and something moves."""
        provider = fake.provider
        provider.mjpeg.queue.put_nowait(jpeg(1))
        answer = await client.get(street)
        assert answer.status == HTTPStatus.OK
        await answer.content.readuntil(OPENING)
        provider.line.put_nowait(moved(provider.listed[0].id, 1))
        assert await hub.config_entries.async_reload(entry.entry_id)
        answer.close()
        assert provider.closed == 1
        del fake.opened[:-1]

    for _ in range(WARM):
        await reload_watched()
    before = await footprint(hub)
    for _ in range(RELOADS - WARM):
        await reload_watched()
    after = await footprint(hub)
    assert entry.state is ConfigEntryState.LOADED
    assert after.tasks <= before.tasks + 2
    assert after.listeners <= before.listeners + 4
    assert after.files <= before.files + 1
    assert after.threads <= before.threads + 1
    grown = after.objects - before.objects
    assert grown.total() <= WARM, grown


def moved(camera: str, number: int) -> CameraEvent:
    at = BEGUN + timedelta(milliseconds=number)
    return CameraEvent(id=f"e{number}", camera=camera, kind=EventKind.MOTION, at=at, phase=EventPhase.PULSE)


@pytest.mark.timeout(300)
async def test_hundreds_of_cameras_in_one_account(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def prepare(provider: FakeProvider) -> None:
        plain: dict[str, object] = {"event_kinds": frozenset(), "health": None}
        provider.listed = [provider.camera(f"cam{number}", **plain) for number in range(CAMERAS)]

    fake.prepare = prepare
    entry = await add_account()
    coordinator = entry.runtime_data
    assert entry.state is ConfigEntryState.LOADED
    assert len([each for each in hub.states.async_entity_ids("camera") if each.startswith("camera.cam")]) == CAMERAS
    assert coordinator.sweep is not None
    await coordinator.sweep
    album = hub.data[SHARED].album
    assert all(album.last(coordinator.picture_key(f"cam{number}")) for number in range(CAMERAS))
    assert fake.provider.stills.taken == CAMERAS


async def test_a_hundred_events_a_second_are_all_told(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    names = [f"cam{number}" for number in range(20)]

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera(name) for name in names]

    fake.prepare = prepare
    entry = await add_account()
    coordinator = entry.runtime_data
    told: Counter[str] = Counter()
    told_all = asyncio.Event()

    def hear(event: CameraEvent) -> None:
        told[event.camera] += 1
        if told.total() == number:
            told_all.set()

    for name in names:
        coordinator.events.async_subscribe(name, hear)
    taken = fake.provider.stills.taken
    number = 0
    for _ in range(SECONDS):
        told_all.clear()
        for _ in range(EACH_SECOND):
            number += 1
            fake.provider.line.put_nowait(moved(names[number % 20], number))
        await told_all.wait()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert told == Counter(dict.fromkeys(names, SECONDS * EACH_SECOND // 20))
    assert coordinator.counters.get("events.motion") == SECONDS * EACH_SECOND
    last = state_of(hub, "event.cam0_activity").attributes["at"]
    assert last == moved("cam0", number).at.isoformat()
    # Events that come while a picture is being taken share it.
    assert fake.provider.stills.taken - taken < number

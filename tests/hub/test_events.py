from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from homeassistant.components.image import async_get_image
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase, Image

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

SEEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def event(number: int, kind: EventKind = EventKind.MOTION, phase: EventPhase = EventPhase.START) -> CameraEvent:
    return CameraEvent(id=f"e{number}", camera="yard", kind=kind, at=SEEN, phase=phase, zones=("gate",), score=0.5)


async def tell(hass: HomeAssistant, fake: FakeSpec, *events: CameraEvent | HubError) -> None:
    for told in events:
        fake.provider.line.put_nowait(told)
    await hass.async_block_till_done(wait_background_tasks=False)
    for _ in range(20):
        await hass.async_block_till_done()


async def test_an_event_is_told_when_it_begins(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    await tell(hub, fake, event(1))
    state = state_of(hub, "event.yard_activity")
    assert state.attributes["event_type"] == "motion"
    assert state.attributes["zones"] == ["gate"]
    assert state.attributes["at"] == SEEN.isoformat()
    told_at = state.state
    await tell(hub, fake, event(1, phase=EventPhase.END))
    assert state_of(hub, "event.yard_activity").state == told_at


async def test_the_same_event_is_told_once(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await tell(hub, fake, event(1), event(1), event(2))
    assert entry.runtime_data.counters.get("events.motion") == 2


async def test_motion_lasts_from_start_to_end(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"
    await tell(hub, fake, event(1), event(2))
    assert state_of(hub, "binary_sensor.yard_motion").state == "on"
    await tell(hub, fake, event(1, phase=EventPhase.END))
    assert state_of(hub, "binary_sensor.yard_motion").state == "on"
    await tell(hub, fake, event(2, phase=EventPhase.END), event(3, EventKind.TAMPER))
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"


async def test_motion_without_an_end_is_held_for_a_while(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    await add_account()
    await tell(hub, fake, event(1, phase=EventPhase.PULSE), event(2, phase=EventPhase.PULSE))
    assert state_of(hub, "binary_sensor.yard_motion").state == "on"
    async_fire_time_changed(hub, dt_util.utcnow() + timedelta(seconds=11))
    await hub.async_block_till_done()
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"


async def test_motion_still_held_when_the_account_is_unloaded(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await tell(hub, fake, event(1, phase=EventPhase.PULSE))
    assert await hub.config_entries.async_unload(entry.entry_id)
    await hub.async_block_till_done()


async def test_a_doorbell_rings(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def doorbell(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", event_kinds=frozenset({EventKind.DOORBELL}))]

    fake.prepare = doorbell
    await add_account()
    await tell(hub, fake, event(1, EventKind.DOORBELL, EventPhase.PULSE), event(2))
    assert state_of(hub, "event.yard_doorbell").attributes["event_type"] == "ring"
    assert hub.states.get("event.yard_activity") is None
    assert hub.states.get("binary_sensor.yard_motion") is None


async def test_what_was_seen_is_kept(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    assert state_of(hub, "image.yard_last_event").state == "unknown"
    own = Image(content=jpeg(7), taken_at=SEEN, source="event")
    with_picture = CameraEvent(id="p", camera="yard", kind=EventKind.MOTION, at=SEEN, image=own)
    await tell(hub, fake, with_picture)
    await hub.async_block_till_done(wait_background_tasks=False)
    album = entry.runtime_data.album
    key = entry.runtime_data.event_picture_key("yard")
    assert album.last(key).taken_at == SEEN
    assert (await async_get_image(hub, "image.yard_last_event")).content == jpeg(7)
    assert state_of(hub, "image.yard_last_event").state == SEEN.isoformat()
    fake.provider.stills.content = jpeg(8)
    await tell(hub, fake, event(1))
    assert (await album.read(key)).content == jpeg(8)
    fake.provider.stills.error = Unreachable()
    await tell(hub, fake, event(2))
    assert (await album.read(key)).content == jpeg(8)
    assert entry.runtime_data.counters.get("event_picture.Unreachable") == 1


async def test_a_picture_that_comes_after_its_event_is_kept(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await tell(hub, fake, event(1, phase=EventPhase.PULSE))
    own = Image(content=jpeg(7), taken_at=SEEN, source="event")
    later = replace(event(1), phase=EventPhase.UPDATE, image=own)
    await tell(hub, fake, later, later)
    await hub.async_block_till_done(wait_background_tasks=False)
    assert (await async_get_image(hub, "image.yard_last_event")).content == jpeg(7)
    assert entry.runtime_data.counters.get("events.motion") == 2


async def test_an_event_is_told_though_the_last_look_failed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    coordinator = (await add_account()).runtime_data
    fake.provider.cameras_error = Unreachable()
    await coordinator.async_refresh()
    await hub.async_block_till_done()
    assert not coordinator.last_update_success
    await tell(hub, fake, event(1))
    assert state_of(hub, "event.yard_activity").attributes["event_type"] == "motion"


async def test_the_last_event_is_shown_though_the_last_look_failed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    """Its state tells how old it is; where there is none, there is nothing to show."""
    coordinator = (await add_account()).runtime_data
    fake.provider.cameras_error = Unreachable()
    await coordinator.async_refresh()
    assert state_of(hub, "image.yard_last_event").state == "unavailable"
    own = Image(content=jpeg(7), taken_at=SEEN, source="event")
    coordinator.album.put(coordinator.event_picture_key("yard"), own)
    shown = state_of(hub, "image.yard_last_event")
    assert shown.state == SEEN.isoformat()
    picture = await (await hass_client()).get(shown.attributes["entity_picture"])
    assert (picture.status, await picture.read()) == (HTTPStatus.OK, jpeg(7))
    await coordinator.async_refresh()
    assert not coordinator.last_update_success
    assert state_of(hub, "image.yard_last_event").state == SEEN.isoformat()
    assert state_of(hub, "binary_sensor.yard_online").state == "off"
    assert state_of(hub, "binary_sensor.yard_motion").state == "unavailable"


async def test_a_dropped_line_is_dialled_again(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await tell(hub, fake, event(1, phase=EventPhase.END))
    assert entry.runtime_data.pump.connected
    fake.provider.line.put_nowait(Unreachable())
    await tell(hub, fake)
    assert not entry.runtime_data.pump.connected
    assert state_of(hub, "binary_sensor.yard_motion").state == "unavailable"


async def test_a_refused_line_asks_for_a_new_login(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    fake.provider.line.put_nowait(AuthError())
    await tell(hub, fake)
    assert len(hub.config_entries.flow.async_progress()) == 1


@pytest.mark.parametrize("camera", ["unknown"])
async def test_an_event_of_an_unknown_camera_is_counted_only(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, camera: str
) -> None:
    entry = await add_account()
    await tell(hub, fake, CameraEvent(id="x", camera=camera, kind=EventKind.MOTION, at=SEEN))
    assert entry.runtime_data.counters.get("events.motion") == 1

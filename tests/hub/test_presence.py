from dataclasses import replace
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.camhub.binary_sensor import SILENCE
from custom_components.camhub.coordinator import EVENT_BACKOFF
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import EventKind, EventPhase

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .test_events import event, tell

PERSON, VEHICLE, SOUND = EventKind.PERSON, EventKind.VEHICLE, EventKind.SOUND
START, UPDATE, END, PRESENT = EventPhase.START, EventPhase.UPDATE, EventPhase.END, EventPhase.PRESENT
SENSOR = "binary_sensor.yard_person_detected"


def watching(provider: FakeProvider) -> None:
    kinds = frozenset({EventKind.MOTION, PERSON, VEHICLE, SOUND})
    provider.listed = [
        provider.camera("yard", event_kinds=kinds, lasting=kinds),
        provider.camera("door", event_kinds=frozenset({PERSON})),
    ]


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = watching
    return await add_account()


async def wait(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


async def test_what_is_there_is_counted(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    await tell(hub, fake, event(1, PERSON), event(2, PERSON, PRESENT), event(3, VEHICLE))
    state = state_of(hub, SENSOR)
    assert (state.state, state.attributes["count"], state.attributes["device_class"]) == ("on", 2, "occupancy")
    assert state_of(hub, "binary_sensor.yard_vehicle_detected").state == "on"
    await tell(hub, fake, event(1, PERSON, END))
    assert (state_of(hub, SENSOR).state, state_of(hub, SENSOR).attributes["count"]) == ("on", 1)
    await tell(hub, fake, event(2, PERSON, END), event(2, PERSON, END))
    assert (state_of(hub, SENSOR).state, state_of(hub, SENSOR).attributes["count"]) == ("off", 0)
    assert state_of(hub, "binary_sensor.yard_vehicle_detected").state == "on"


async def test_what_lies_still_is_there_but_no_motion(
    hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    await tell(hub, fake, event(1, VEHICLE), event(2, VEHICLE, PRESENT), event(1, VEHICLE, END))
    assert state_of(hub, "binary_sensor.yard_vehicle_detected").state == "on"
    assert state_of(hub, "binary_sensor.yard_motion").state == "off"
    assert state_of(hub, "event.yard_activity").attributes["event_id"] == "e1"


async def test_changes_are_attributes(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    known = replace(event(1, PERSON, UPDATE), zones=("gate", "street"), metadata={"who": "Robin", "label": "person"})
    await tell(hub, fake, event(1, PERSON), known, replace(known, id="e9"), event(4, PERSON, EventPhase.PULSE))
    state = state_of(hub, SENSOR)
    assert (state.attributes["names"], state.attributes["zones"]) == (["Robin"], ["gate", "street"])
    assert state.attributes["labels"] == ["person"]
    await tell(hub, fake, event(1, PERSON, EventPhase.PULSE))
    state = state_of(hub, SENSOR)
    assert state.attributes["count"] == 1, "neither a change of what never began nor a pulse is there"


async def test_what_has_no_end_is_not_said_to_be_there(hub: HomeAssistant, entry: MockConfigEntry) -> None:
    assert hub.states.get("binary_sensor.door_person_detected") is None
    assert hub.states.get("binary_sensor.door_motion") is not None
    registered = er.async_get(hub).async_get("binary_sensor.yard_sound_detected")
    assert registered is not None
    assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION


async def test_nothing_is_said_until_it_can_be(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    await tell(hub, fake)
    assert state_of(hub, SENSOR).state == "unknown"
    await tell(hub, fake, event(1, VEHICLE, PRESENT), event(2, PERSON, END))
    assert state_of(hub, "binary_sensor.yard_vehicle_detected").state == "on"
    assert state_of(hub, SENSOR).state == "unknown", "an end alone says nothing of the others"
    await wait(hub, SILENCE + 1)
    assert state_of(hub, SENSOR).state == "off"


async def test_a_line_that_drops(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    await tell(hub, fake, event(1, PERSON), event(2, VEHICLE), Unreachable())
    assert state_of(hub, SENSOR).state == "unavailable"
    await entry.runtime_data.pump.close()
    entry.runtime_data.pump.start()
    await tell(hub, fake, event(1, PERSON, END))
    assert state_of(hub, SENSOR).state == "off", "what ended meanwhile is told first"
    assert state_of(hub, "binary_sensor.yard_vehicle_detected").state == "on"


async def test_a_line_that_drops_before_anything_is_known(
    hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry
) -> None:
    await tell(hub, fake, Unreachable())
    assert state_of(hub, SENSOR).state == "unavailable"
    await wait(hub, SILENCE + 1)
    assert state_of(hub, SENSOR).state == "unavailable"
    assert EVENT_BACKOFF.first < SILENCE


async def test_an_account_unloaded_while_nothing_is_known(hub: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hub.config_entries.async_unload(entry.entry_id)
    await hub.async_block_till_done()

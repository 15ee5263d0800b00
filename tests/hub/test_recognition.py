from dataclasses import replace

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.camhub import event as event_platform
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase, JsonValue, Recognised

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .test_events import event, tell

PERSON = EventKind.PERSON
UPDATE, END = EventPhase.UPDATE, EventPhase.END
ENTITY = "event.yard_recognition"


def knowing(provider: FakeProvider) -> None:
    provider.listed = [
        provider.camera(
            "yard",
            event_kinds=frozenset({PERSON, EventKind.VEHICLE}),
            recognised=frozenset({Recognised.WHO, Recognised.PLATE}),
        ),
        provider.camera("door"),
    ]


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = knowing
    return await add_account()


class Seen:
    """What automations on a state would see."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        self.found: list[tuple[str, str]] = []
        async_track_state_change_event(hass, entity_id, self._take)

    @callback
    def _take(self, changed: Event[EventStateChangedData]) -> None:
        state = changed.data["new_state"]
        assert state is not None
        self.found.append((state.attributes["event_type"], state.attributes.get("name", "")))


def about(number: int, phase: EventPhase, kind: EventKind = PERSON, **metadata: JsonValue) -> CameraEvent:
    return replace(event(number, kind, phase), metadata=metadata)


async def test_who_it_was_is_told_when_it_is_known(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    activity, known = Seen(hub, "event.yard_activity"), Seen(hub, ENTITY)
    await tell(
        hub,
        fake,
        about(1, EventPhase.START, label="person"),
        about(1, UPDATE, label="person", severity="alert"),
        about(1, UPDATE, label="person", severity="alert", who="Robin"),
        about(1, UPDATE, label="person", severity="alert", who="Robin"),
        replace(about(1, UPDATE, label="person", who="Robin"), zones=("gate",), score=0.9),
        about(1, END, label="person", who="Robin"),
    )
    assert activity.found == [("person", "")], "automations run once for one person"
    assert known.found == [("who", "Robin")]
    attributes = state_of(hub, ENTITY).attributes
    assert (attributes["event_id"], attributes["kind"], attributes["score"]) == ("e1", "person", 0.5)
    assert attributes["metadata"]["who"] == "Robin"


async def test_a_car_and_its_plate(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    known = Seen(hub, ENTITY)
    car = EventKind.VEHICLE
    await tell(
        hub,
        fake,
        about(1, EventPhase.START, car, who="Alex", plate="EX 1", event_id="car"),
        about(2, EventPhase.START, car, plate="EX 1", event_id="car"),
        about(3, EventPhase.START, car, plate="EX 1", name="a van", event_id="other"),
        about(3, UPDATE, car, plate=7),
    )
    assert known.found == [("who", "Alex"), ("plate", "EX 1"), ("plate", "EX 1")]


async def test_who_was_there_before_is_no_news(hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry) -> None:
    known = Seen(hub, ENTITY)
    await tell(hub, fake, about(1, EventPhase.PRESENT, who="Robin", event_id="x"))
    await tell(hub, fake, about(2, EventPhase.START, who="Robin", event_id="x"))
    assert known.found == []
    assert hub.states.get("event.door_recognition") is None


async def test_names_are_forgotten_in_the_end(
    hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_platform, "NAMES_KEPT", 1)
    known = Seen(hub, ENTITY)
    for number in (1, 2):
        await tell(hub, fake, about(number, EventPhase.START, who="Robin"))
    await tell(hub, fake, about(1, END, who="Robin"))
    assert known.found == [("who", "Robin")] * 3

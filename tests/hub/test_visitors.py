import asyncio
from collections.abc import AsyncIterator
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, State
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.requirements import RequirementsNotFound
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    mock_restore_cache_with_extra_data,
)

from custom_components.camhub import on_demand
from custom_components.camhub.const import DOMAIN, EVENT_SEEN
from custom_components.camhub.kernel.model import CameraEvent, EventKind, Image, JsonValue, Recognised
from custom_components.camhub.kernel.vault import Vault
from custom_components.camhub.runtime import SHARED
from simulators.rekognition import RekognitionSimulator
from simulators.rekognition.server import KEY_ID
from tests.sentinel import MARK

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

SENSOR = "sensor.yard_last_visitor"
SECRET = f"the secret {MARK}"


@pytest.fixture
async def aws(socket_enabled: None) -> AsyncIterator[RekognitionSimulator]:
    async with RekognitionSimulator(secret=SECRET) as aws:
        aws.faces[jpeg(1)] = ("Ann_Example", 99.0)
        yield aws


async def choose(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> Any:
    flows = hass.config_entries.options
    menu = await flows.async_init(entry.entry_id)
    await flows.async_configure(menu["flow_id"], {"next_step_id": "recognition"})
    result = await flows.async_configure(menu["flow_id"], {"budget": 3, "similarity": 95, **typed})
    await hass.async_block_till_done()
    return result


def typed(aws: RekognitionSimulator, **changes: Any) -> dict[str, Any]:
    return {
        "cameras": ["yard"],
        "region": "eu-west-1",
        "collection": aws.collection,
        "key_id": KEY_ID,
        "secret": SECRET,
        "endpoint": aws.url,
        **changes,
    }


@pytest.fixture
async def entry(hub: HomeAssistant, add_account: AddAccount) -> MockConfigEntry:
    return await add_account()


async def see(
    hass: HomeAssistant,
    fake: FakeSpec,
    number: int,
    kind: EventKind = EventKind.MOTION,
    metadata: dict[str, JsonValue] | None = None,
) -> None:
    at = dt_util.utcnow()
    image = Image(content=jpeg(number), taken_at=at, source="event")
    event = CameraEvent(
        id=f"{kind}{at.timestamp()}", camera="yard", kind=kind, at=at, image=image, metadata=metadata or {}
    )
    fake.provider.line.put_nowait(event)
    await hass.async_block_till_done(wait_background_tasks=False)


async def until(hass: HomeAssistant, holds: Any) -> None:
    while not holds():
        await hass.async_block_till_done(wait_background_tasks=False)
        await asyncio.sleep(0.01)


async def test_nothing_is_sent_until_a_camera_is_chosen(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    result = await choose(hub, entry, **typed(aws, cameras=[]))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await see(hub, fake, 1)
    assert hub.states.get(SENSOR) is None
    assert aws.asked == []


async def test_a_visitor_is_named_in_sensor_event_and_logbook(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    result = await choose(hub, entry, **typed(aws))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert SECRET not in str(entry.options)
    told = async_capture_events(hub, EVENT_SEEN)
    await see(hub, fake, 1)
    await until(hub, lambda: state_of(hub, SENSOR).state == "Ann Example")
    attributes = state_of(hub, SENSOR).attributes
    assert (attributes["pictures_today"], attributes["pictures_a_day"], attributes["last_error"]) == (1, 3, None)
    assert state_of(hub, "event.yard_recognition").attributes["name"] == "Ann Example"
    assert state_of(hub, "event.yard_recognition").attributes["metadata"]["similarity"] == 99.0
    assert [event.data["who"] for event in told] == [None, "Ann Example"]
    await see(hub, fake, 2, EventKind.TAMPER)
    await see(hub, fake, 1, metadata={Recognised.WHO: "Ben"})
    await until(hub, lambda: state_of(hub, SENSOR).state == "Ben")
    assert aws.asked == [jpeg(1)], "who is known already, and what has no face, is not asked about"


async def test_a_budget_ends_without_an_error(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    await choose(hub, entry, **typed(aws, budget=2))
    for number in (4, 5):
        await see(hub, fake, number)
        await until(hub, lambda asked=number - 3: len(aws.asked) == asked)
    await see(hub, fake, 6)
    counters = entry.runtime_data.counters
    await until(hub, lambda: counters.get("recognition.left_out") == 1)
    assert len(aws.asked) == 2
    assert entry.runtime_data.visitor_facts()["pictures_today"] == 2
    assert state_of(hub, SENSOR).state == "unknown"


async def test_a_reload_neither_loses_nor_doubles_what_was_asked(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    await choose(hub, entry, **typed(aws))
    for number in (1, 2, 3):
        await see(hub, fake, number)
        await until(hub, lambda asked=number: len(aws.asked) == asked)
        assert await hub.config_entries.async_reload(entry.entry_id)
        await hub.async_block_till_done()
        assert entry.runtime_data.visitor_facts()["pictures_today"] == number
    await see(hub, fake, 4)
    counters = entry.runtime_data.counters
    await until(hub, lambda: counters.get("recognition.left_out") == 1)
    assert len(aws.asked) == 3


async def test_a_refusal_is_an_attribute_and_said_once(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeSpec,
    aws: RekognitionSimulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await choose(hub, entry, **typed(aws, collection="nobody"))
    facts = entry.runtime_data.visitor_facts
    for number in (1, 2):
        await see(hub, fake, number)
        await until(hub, lambda count=number: facts()["pictures_today"] == count)
    await until(hub, lambda: facts()["last_error"] == "recognition_no_collection")
    assert caplog.text.count("Faces of Home are not told") == 1
    issue = f"recognition_no_collection_{entry.entry_id}"
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is not None
    aws.collection = "nobody"
    await see(hub, fake, 1)
    await until(hub, lambda: state_of(hub, SENSOR).state == "Ann Example")
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is None


async def test_without_its_library_nobody_is_asked(
    hub: HomeAssistant,
    entry: MockConfigEntry,
    fake: FakeSpec,
    aws: RekognitionSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise RequirementsNotFound(DOMAIN, ["aiobotocore"])

    await choose(hub, entry, **typed(aws))
    monkeypatch.setattr(on_demand, "async_process_requirements", refuse)
    await see(hub, fake, 1)
    await until(hub, lambda: entry.runtime_data.visitor_facts()["last_error"] == "recognition_no_library")
    assert aws.asked == []


async def test_refused_keys_are_a_repair_and_a_used_up_budget_is_none(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    await choose(hub, entry, **typed(aws, budget=1, secret=f"another {MARK}"))
    await see(hub, fake, 1)
    issue = f"recognition_refused_{entry.entry_id}"
    await until(hub, lambda: ir.async_get(hub).async_get_issue(DOMAIN, issue) is not None)
    # The refused one counts, also after the reload that new keys are.
    await choose(hub, entry, **typed(aws, budget=2))
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is None
    asked = len(aws.asked)
    await see(hub, fake, 1)
    await until(hub, lambda: len(aws.asked) > asked)
    await see(hub, fake, 2)
    counters = entry.runtime_data.counters
    await until(hub, lambda: counters.get("recognition.left_out") == 1)
    assert not [each for each in ir.async_get(hub).issues.values() if each.issue_id.startswith("recognition")]


async def test_what_is_missing_is_asked_for_and_the_secret_is_kept(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    without = {name: value for name, value in typed(aws).items() if name not in {"secret", "region"}}
    result = await choose(hub, entry, **without)
    assert result["errors"] == {"region": "recognition_needed", "secret": "recognition_needed"}
    hub.config_entries.options.async_abort(result["flow_id"])
    await choose(hub, entry, **typed(aws))
    sealed = entry.options["recognition_keys"]
    assert await hub.data[SHARED].store.async_rotate_key() == 1
    assert entry.options["recognition_keys"] != sealed
    without["region"] = "eu-west-1"
    assert (await choose(hub, entry, **without))["type"] is FlowResultType.CREATE_ENTRY
    await see(hub, fake, 1)
    await until(hub, lambda: state_of(hub, SENSOR).state == "Ann Example")


async def test_keys_that_no_longer_open_are_asked_for_again(
    hub: HomeAssistant, entry: MockConfigEntry, fake: FakeSpec, aws: RekognitionSimulator
) -> None:
    await choose(hub, entry, **typed(aws))
    issue = f"recognition_keys_unreadable_{entry.entry_id}"
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is None
    other = Vault(bytes(32)).seal("{}")
    hub.config_entries.async_update_entry(entry, options={**entry.options, "recognition_keys": other})
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is not None
    await see(hub, fake, 1)
    assert aws.asked == []
    facts = state_of(hub, SENSOR).attributes
    assert (facts["pictures_today"], facts["last_error"]) == (0, "recognition_keys_unreadable")
    await choose(hub, entry, budget=5)
    assert entry.options["recognition_keys"] == other, "what does not open stays until other keys are typed"
    await choose(hub, entry, **typed(aws))
    assert ir.async_get(hub).async_get_issue(DOMAIN, issue) is None
    await see(hub, fake, 1)
    await until(hub, lambda: state_of(hub, SENSOR).state == "Ann Example")


@pytest.mark.parametrize(
    ("option", "problem"), [("archive", "archive_unreadable"), ("capture_browsers", "browsers_unreadable")]
)
async def test_other_sealed_settings_are_asked_for_again_too(
    hub: HomeAssistant, add_account: AddAccount, option: str, problem: str
) -> None:
    entry = await add_account(options={option: Vault(bytes(32)).seal("{}")})
    assert ir.async_get(hub).async_get_issue(DOMAIN, f"{problem}_{entry.entry_id}") is not None


async def test_an_account_that_is_not_open_has_no_cameras_to_choose(hub: HomeAssistant, entry: MockConfigEntry) -> None:
    await hub.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    result = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "recognition"})
    assert result["reason"] == "not_loaded"


async def test_the_last_visitor_outlives_a_restart(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def knowing(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", recognised=frozenset({Recognised.WHO}))]

    kept = State(SENSOR, "Ann", {"at": "2026-01-02T03:04:05+00:00"})
    mock_restore_cache_with_extra_data(hub, [(kept, {"native_value": "Ann", "native_unit_of_measurement": None})])
    fake.prepare = knowing
    await add_account()
    state = state_of(hub, SENSOR)
    assert (state.state, state.attributes["at"]) == ("Ann", "2026-01-02T03:04:05+00:00")
    assert "pictures_today" not in state.attributes

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.blueprint import models
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

BLUEPRINT = Path(__file__).parents[2] / "blueprints" / "automation" / "camhub" / "credential_alert.yaml"
LOGIN, OTHER = "sensor.home_login_status", "sensor.other_login_status"


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    """Return what was sent over any notifier."""
    calls: list[ServiceCall] = []
    for name in ("pushover", "send_message"):
        hass.services.async_register("notify", name, calls.append)
    return calls


type Automate = Callable[..., Awaitable[None]]


@pytest.fixture
async def automate(hass: HomeAssistant) -> AsyncIterator[Automate]:
    """Return a maker of the automation, which ends with the test."""
    await hass.config.async_set_time_zone("UTC")

    async def make(**inputs: Any) -> None:
        await _automate(hass, inputs)

    yield make
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


async def _automate(hass: HomeAssistant, inputs: dict[str, Any]) -> None:
    folder = Path(hass.config.path("blueprints", "automation", "camhub"))

    def copy() -> None:
        folder.mkdir(parents=True)
        shutil.copy(BLUEPRINT, folder)

    await hass.async_add_executor_job(copy)
    chosen = {"logins": [LOGIN, OTHER], **inputs}
    automation = {"use_blueprint": {"path": f"camhub/{BLUEPRINT.name}", "input": chosen}}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    assert len(hass.states.async_entity_ids("automation")) == 1


def show(hass: HomeAssistant, entity_id: str, status: str, days: float | None = None) -> None:
    ends = None if days is None else (dt_util.utcnow() + timedelta(days=days)).isoformat()
    hass.states.async_set(
        entity_id, status, {"account": entity_id[7:].partition("_")[0].title(), "expires": ends, "reason": None}
    )


def test_it_is_a_blueprint_by_home_assistants_own_schema() -> None:
    data = yaml_util.parse_yaml(BLUEPRINT.read_text())
    assert isinstance(data, dict)
    blueprint = models.Blueprint(data, expected_domain="automation", path=str(BLUEPRINT), schema=BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None


async def test_a_login_about_to_end_is_told_with_priority_and_steps(
    hass: HomeAssistant, calls: list[ServiceCall], automate: Automate, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-05-04 10:00:00+00:00")
    show(hass, LOGIN, "ok", 20)
    await automate(message_action="notify.pushover", extra={"sound": "siren"}, priority_urgent=2)
    assert calls == []
    show(hass, LOGIN, "expiring", 6.5)
    await hass.async_block_till_done()
    (call,) = calls
    assert (call.domain, call.service) == ("notify", "pushover")
    assert call.data["title"] == "The login of Home ends soon"
    ends = dt_util.as_local(dt_util.utcnow() + timedelta(days=6.5)).strftime("%Y-%m-%d %H:%M")
    assert call.data["message"].startswith(f"It ends on {ends}, in 7 days. Open Home Assistant, Settings, Repairs")
    assert call.data["data"] == {"sound": "siren", "priority": 0}
    show(hass, LOGIN, "expired", -1)
    await hass.async_block_till_done()
    assert calls[1].data["title"] == "The login of Home has ended"
    assert calls[1].data["data"] == {"sound": "siren", "priority": 2}
    show(hass, LOGIN, "ok", 30)
    show(hass, OTHER, "refused")
    await hass.async_block_till_done()
    assert [call.data["title"] for call in calls[2:]] == ["Other refuses its login"]
    assert calls[2].data["message"].startswith("No new pictures arrive until somebody signs in again. Open")


async def test_it_reminds_each_day_of_those_that_still_need_it(
    hass: HomeAssistant, calls: list[ServiceCall], automate: Automate, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-05-04 10:00:00+00:00")
    show(hass, LOGIN, "expiring", 1.6)
    show(hass, OTHER, "ok")
    await automate(message_entities=["notify.phone"], steps="Do this.")
    expectations = {5: "It ends on 2026-05-06 00:24, in 1 day. Do this.", 6: "Sign in again before it does. Do this."}
    for day, expected in expectations.items():
        freezer.move_to(f"2026-05-{day:02} 09:00:00+00:00")
        async_fire_time_changed(hass, dt_util.utcnow())
        await hass.async_block_till_done()
        assert calls[-1].service == "send_message"
        assert calls[-1].data == {
            "entity_id": ["notify.phone"],
            "title": "The login of Home ends soon",
            "message": expected,
        }
        assert len(calls) == day - 4
        # The same state with other attributes is nothing new; one whose end is not known is told of without it.
        show(hass, LOGIN, "expiring")
        await hass.async_block_till_done()
        assert len(calls) == day - 4


async def test_a_notifier_that_fails_does_not_stop_it(
    hass: HomeAssistant, calls: list[ServiceCall], automate: Automate, freezer: FrozenDateTimeFactory
) -> None:
    async def fail(call: ServiceCall) -> None:
        calls.append(call)
        raise HomeAssistantError("no network")

    show(hass, LOGIN, "refused")
    show(hass, OTHER, "expired")
    hass.services.async_register("notify", "broken", fail)
    freezer.move_to("2026-05-04 08:00:00+00:00")
    await automate(message_action="notify.broken", remind_at="08:30:00")
    freezer.move_to("2026-05-04 08:30:00+00:00")
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done()
    assert len(calls) == 2

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.blueprint import models
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, yaml as yaml_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, Image

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / "camhub"
DOORBELL, OFFLINE, ARCHIVE = "doorbell_push.yaml", "camera_offline.yaml", "nightly_archive.yaml"
CAMERA, ONLINE = "camera.yard", "binary_sensor.yard_online"

type Automate = Callable[..., Awaitable[None]]


@pytest.fixture
def calls(hub: HomeAssistant) -> list[ServiceCall]:
    """Return what was sent over any notifier."""
    calls: list[ServiceCall] = []
    for name in ("mobile_app_phone", "send_message"):
        hub.services.async_register("notify", name, calls.append)
    return calls


@pytest.fixture
async def automate(hub: HomeAssistant) -> AsyncIterator[Automate]:
    """Return a maker of an automation from a blueprint, which ends with the test."""
    await hub.config.async_set_time_zone("UTC")

    async def make(name: str, **inputs: Any) -> None:
        folder = Path(hub.config.path("blueprints", "automation", "camhub"))

        def copy() -> None:
            folder.mkdir(parents=True)
            shutil.copy(BLUEPRINTS / name, folder)

        await hub.async_add_executor_job(copy)
        automation = {"use_blueprint": {"path": f"camhub/{name}", "input": inputs}}
        assert await async_setup_component(hub, "automation", {"automation": [automation]})
        await hub.async_block_till_done()
        assert len(hub.states.async_entity_ids("automation")) == 1

    yield make
    await hub.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


@pytest.mark.parametrize("name", [DOORBELL, OFFLINE, ARCHIVE])
def test_they_are_blueprints_by_home_assistants_own_schema(name: str) -> None:
    data = yaml_util.parse_yaml((BLUEPRINTS / name).read_text())
    assert isinstance(data, dict)
    blueprint = models.Blueprint(data, expected_domain="automation", path=name, schema=BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None


def doorbell(provider: FakeProvider) -> None:
    provider.listed = [provider.camera("yard", event_kinds=frozenset({EventKind.DOORBELL}))]


async def ring(hass: HomeAssistant, fake: FakeSpec, number: int) -> None:
    at = dt_util.utcnow()
    image = Image(content=jpeg(number), taken_at=at, source="event")
    ringing = CameraEvent(id=f"e{number}", camera="yard", kind=EventKind.DOORBELL, at=at, image=image)
    fake.provider.line.put_nowait(ringing)
    await hass.async_block_till_done()


async def test_who_rings_is_told_at_once_and_once(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    calls: list[ServiceCall],
    automate: Automate,
    freezer: FrozenDateTimeFactory,
) -> None:
    fake.prepare = doorbell
    await add_account()
    # What was remembered when Home Assistant started is nothing new.
    await automate(DOORBELL, doorbells=["event.yard_doorbell"], message_action="notify.mobile_app_phone")
    await ring(hub, fake, 1)
    (call,) = calls
    assert call.data["title"] == "Yard"
    assert call.data["message"].startswith("Somebody rings, ")
    sent = call.data["data"]
    assert sent["image"].startswith("/api/camhub/streams/")
    assert sent["url"] == sent["clickAction"] == f"/lovelace?more-info-entity-id={CAMERA}"
    assert (sent["ttl"], sent["priority"], sent["push"]) == (0, "high", {"interruption-level": "time-sensitive"})
    assert [each["title"] for each in sent["actions"]] == ["Live", "Recordings"]
    freezer.tick(5)
    await ring(hub, fake, 2)
    assert len(calls) == 1, "somebody who rings twice is told of once"
    freezer.tick(20)
    await ring(hub, fake, 3)
    assert len(calls) == 2


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, minutes: float) -> None:
    freezer.tick(timedelta(minutes=minutes))
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done()


async def look(hass: HomeAssistant, fake: FakeSpec, *, online: bool) -> None:
    reason = None if online else "camera_offline"
    fake.provider.listed = [fake.provider.camera("yard", online=online, offline_reason=reason)]
    fake.provider.tell(fake.provider.listed)
    await hass.async_block_till_done()
    assert state_of(hass, ONLINE).state == ("on" if online else "off")


async def test_a_camera_that_stays_away_is_told_with_its_reason_and_when_it_is_back(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    calls: list[ServiceCall],
    automate: Automate,
    freezer: FrozenDateTimeFactory,
) -> None:
    await add_account()
    await automate(OFFLINE, cameras=[ONLINE], minutes=10, message_action="notify.mobile_app_phone")
    await look(hub, fake, online=False)
    await pass_time(hub, freezer, 4)
    await look(hub, fake, online=True)
    assert calls == [], "it was away for a short while only"
    await look(hub, fake, online=False)
    await pass_time(hub, freezer, 10.1)
    (gone,) = calls
    assert gone.data["title"] == "Yard is offline"
    assert gone.data["message"].startswith("It has not answered for 10 minutes. ")
    why = await hub.services.async_call(
        "camhub", "why_dark", {"entity_id": CAMERA}, blocking=True, return_response=True
    )
    found: Any = why and why[CAMERA]
    assert found["verdict"] in gone.data["message"]
    assert found["next_step"] in gone.data["message"]
    assert gone.data["data"]["tag"] == ONLINE
    await pass_time(hub, freezer, 20)
    await look(hub, fake, online=True)
    assert [call.data["title"] for call in calls[1:]] == ["Yard is back"]
    assert calls[1].data["message"] == "It was offline for 30 minutes."


async def test_by_notify_entities_and_without_a_word_when_it_is_back(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    calls: list[ServiceCall],
    automate: Automate,
    freezer: FrozenDateTimeFactory,
) -> None:
    await add_account()
    await automate(OFFLINE, cameras=[ONLINE], minutes=1, message_entities=["notify.ann"], tell_back=False)

    async def broken(_: ServiceCall) -> None:
        raise HomeAssistantError("no")

    # It is told of even where nothing can be found out.
    hub.services.async_register("camhub", "why_dark", broken, supports_response=SupportsResponse.ONLY)
    await look(hub, fake, online=False)
    await pass_time(hub, freezer, 1.1)
    await look(hub, fake, online=True)
    (call,) = calls
    assert call.data == {
        "entity_id": ["notify.ann"],
        "title": "Yard is offline",
        "message": "It has not answered for 1 minute.",
    }


@pytest.mark.parametrize(("keep", "file"), [("%Y-%m-%d", "2026-05-04.jpg"), ("%u", "day 1.jpg")])
async def test_a_picture_is_kept_every_night_and_what_gave_none_is_told(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    calls: list[ServiceCall],
    automate: Automate,
    freezer: FrozenDateTimeFactory,
    tmp_path: Path,
    keep: str,
    file: str,
) -> None:
    freezer.move_to("2026-05-04 02:00:00+00:00")
    await add_account()
    hub.config.allowlist_external_dirs.add(str(tmp_path))
    chosen = {"folder": str(tmp_path), "keep": keep, "message_action": "notify.mobile_app_phone"}
    await automate(ARCHIVE, cameras=[CAMERA], at="03:30:00", **chosen)
    fake.provider.stills.content = jpeg(5)
    freezer.move_to("2026-05-04 03:30:00+00:00")
    async_fire_time_changed(hub, dt_util.utcnow())
    await hub.async_block_till_done(wait_background_tasks=True)
    kept = tmp_path / "yard" / file
    assert kept.read_bytes() == jpeg(5)
    assert calls == []
    kept.unlink()
    fake.provider.stills.error = Unreachable()
    freezer.move_to("2026-05-05 03:30:00+00:00")
    async_fire_time_changed(hub, dt_util.utcnow())
    await hub.async_block_till_done(wait_background_tasks=True)
    assert list(kept.parent.iterdir()) == [], "yesterday's picture is not today's"
    (call,) = calls
    assert call.data["message"] == "These cameras gave none: Yard."

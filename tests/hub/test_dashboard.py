from dataclasses import replace
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.camhub.kernel.model import CredentialState, DeviceIdentity, TokenStatus

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import person


async def written(hass: HomeAssistant, user: MockUser | None = None, **data: Any) -> Any:
    context = Context(user_id=user.id) if user else None
    return await hass.services.async_call(
        "camhub", "dashboard", data, blocking=True, return_response=True, context=context
    )


def pages(dashboard: Any) -> dict[str, Any]:
    return {view["path"]: view for view in dashboard["views"]}


def cards(view: Any, kind: str) -> list[Any]:
    return [card for section in view["sections"] for card in section["cards"] if card["type"] == kind]


def named(value: Any) -> set[str]:
    """Return the entities that a part of a dashboard names."""
    match value:
        case dict():
            return {found for each in value.values() for found in named(each)}
        case list():
            return {found for each in value for found in named(each)}
        case str() if value.partition(".")[0] in {"camera", "event", "image", "binary_sensor", "sensor", "switch"}:
            return {value}
        case _:
            return set()


def two_cameras(provider: FakeProvider) -> None:
    provider.hub = DeviceIdentity(name="Recorder", manufacturer="Example", model="R", serial="R1")
    sleeping = replace(provider.camera("attic"), still_floor=600.0, event_kinds=frozenset())
    provider.listed = [provider.camera("yard"), sleeping]


async def test_it_shows_all_cameras_their_events_the_logins_and_each_camera(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = two_cameras
    await add_account()
    dashboard = await written(hub)
    assert dashboard["title"] == "Cameras"
    shown = pages(dashboard)
    assert list(shown) == ["cameras", "events", "logins", "attic", "yard"]
    pictures = cards(shown["cameras"], "picture-entity")
    assert [card["entity"] for card in pictures] == ["camera.attic", "camera.yard"]
    assert {card["camera_view"] for card in pictures} == {"auto"}
    (heading,) = cards(shown["cameras"], "heading")
    assert (heading["heading"], heading["badges"][0]["entity"]) == ("Home", "sensor.recorder_login_status")
    assert [chip["tap_action"]["navigation_path"] for chip in shown["cameras"]["badges"]] == ["attic", "yard"]
    (log,) = cards(shown["events"], "logbook")
    assert log["target"] == {"entity_id": ["event.yard_activity"]}
    assert log["grid_options"]["rows"] == 12, "five lines are few on a page of their own"
    (lasting,) = cards(shown["events"], "history-graph")
    assert lasting["hours_to_show"] == 24
    assert lasting["entities"] == ["binary_sensor.yard_motion"]
    (logins,) = cards(shown["logins"], "entities")
    assert (logins["title"], named(logins)) == ("Home", {"sensor.recorder_login_status"})
    (note,) = cards(shown["logins"], "markdown")
    assert note["visibility"][0]["conditions"] == [
        {"condition": "state", "entity": "sensor.recorder_login_status", "state_not": "ok"}
    ]
    assert cards(shown["yard"], "picture-entity")[0]["camera_view"] == "live"
    assert {"image.yard_last_event", "event.yard_activity", "binary_sensor.yard_online"} <= named(shown["yard"])
    assert not cards(shown["attic"], "logbook")
    assert {each for each in named(dashboard) if hub.states.get(each) is None} == set()


async def test_an_end_of_a_login_that_is_not_known_is_not_shown(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = lambda provider: setattr(provider, "status", TokenStatus(state=CredentialState.OK))
    await add_account()
    (logins,) = cards(pages(await written(hub))["logins"], "entities")
    status, ends = logins["entities"]
    assert status["entity"] == "sensor.home_login_status"
    assert (ends["type"], ends["row"]["entity"]) == ("conditional", "sensor.home_login_expires")
    assert ends["conditions"][0] == {"condition": "state", "entity": ends["row"]["entity"], "state_not": "unknown"}


async def test_live_pictures_leave_a_battery_camera_asleep(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = two_cameras
    await add_account()
    shown = pages(await written(hub, live=True))
    views = {card["entity"]: card["camera_view"] for card in cards(shown["cameras"], "picture-entity")}
    assert views == {"camera.attic": "auto", "camera.yard": "live"}
    assert cards(shown["attic"], "picture-entity")[0]["camera_view"] == "auto"


async def test_it_names_only_what_the_one_who_asks_may_see(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = two_cameras
    allowed = await person(hub, "allowed")
    await add_account(options={"viewers": {"attic": {"users": [], "groups": []}}})
    assert set(pages(await written(hub, allowed))) == {"cameras", "events", "logins", "yard"}
    assert set(pages(await written(hub, await person(hub, "admin")))) >= {"attic", "yard"}
    with pytest.raises(ServiceValidationError, match="no camera that you may see"):
        await written(hub, await person(hub, "nothing"))
    stranger = MockUser(name="gone")
    with pytest.raises(Unauthorized):
        await written(hub, stranger)


async def test_cameras_of_one_name_are_told_apart(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    await add_account(title="Cabin", unique_id="mjpeg_second")
    shown = pages(await written(hub, hours=6))
    assert [chip["name"] for chip in shown["cameras"]["badges"]] == ["Yard, Home", "Yard, Cabin"]
    assert {"yard", "yard-2"} <= set(shown)
    assert cards(shown["events"], "logbook")[0]["hours_to_show"] == 6


async def test_what_is_hidden_or_off_is_left_out(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    registry = er.async_get(hub)
    registry.async_update_entity("event.yard_activity", hidden_by=er.RegistryEntryHider.USER)
    registry.async_update_entity("binary_sensor.yard_motion", disabled_by=er.RegistryEntryDisabler.USER)
    registry.async_update_entity("sensor.yard_login_status", disabled_by=er.RegistryEntryDisabler.USER)
    shown = pages(await written(hub))
    assert list(shown) == ["cameras", "yard"]
    assert not {"event.yard_activity", "binary_sensor.yard_motion"} & named(shown)


async def test_without_a_camera_it_says_so(hub: HomeAssistant) -> None:
    with pytest.raises(ServiceValidationError, match="no camera that you may see"):
        await written(hub)

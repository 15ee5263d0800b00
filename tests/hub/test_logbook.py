from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.translation import async_get_translations
import pytest

from custom_components.camhub.logbook import async_describe_events

from .conftest import AddAccount

CASES: tuple[tuple[str, Mapping[str, Any], str, str], ...] = (
    ("camhub_seen", {"entity_id": "camera.yard", "kind": "line_crossing", "zones": []}, "Yard", "Line crossing"),
    (
        "camhub_seen",
        {"entity_id": "camera.yard", "kind": "person", "zones": ["porch"], "who": "Ann"},
        "Yard",
        "Ann (porch)",
    ),
    (
        "camhub_recording_finished",
        {"entity_id": "camera.yard", "trigger": "manual"},
        "Yard",
        "New recording: by hand",
    ),
    (
        "camhub_recording_finished",
        {"entity_id": "camera.yard", "trigger": "motion", "kind": "person"},
        "Yard",
        "New recording: Person",
    ),
    (
        "camhub_access_refused",
        {"entity_id": None, "user_id": "u", "route": "streams/hls"},
        "CamHub",
        "Refused to somebody (streams/hls)",
    ),
    (
        "camhub_credential_refused",
        {"account": "Home", "message": "The password is wrong."},
        "Home",
        "Login refused: The password is wrong.",
    ),
)


@pytest.mark.parametrize(("kind", "data", "name", "message"), CASES)
async def test_events_have_words(
    hub: HomeAssistant, add_account: AddAccount, kind: str, data: Mapping[str, Any], name: str, message: str
) -> None:
    await add_account()
    line = described(hub, kind, data)
    assert (line["name"], line["message"]) == (name, message)
    assert line.get("entity_id") == data.get("entity_id")


async def test_the_words_are_those_of_the_house(hub: HomeAssistant, add_account: AddAccount) -> None:
    await add_account()
    await async_get_translations(hub, "de", "common", ["camhub"])
    hub.config.language = "de"
    rang = {"entity_id": "camera.yard", "kind": "doorbell"}
    assert described(hub, "camhub_seen", rang)["message"] == "Türklingel"
    by_hand = {"entity_id": "camera.yard", "trigger": "manual"}
    assert described(hub, "camhub_recording_finished", by_hand)["message"] == "Neue Aufzeichnung: von Hand"


def described(hub: HomeAssistant, kind: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the line of an event."""
    lines: dict[str, Callable[[Any], dict[str, str]]] = {}

    def note(domain: str, event: str, describe: Callable[[Any], dict[str, str]]) -> None:
        assert domain == "camhub"
        lines[event] = describe

    async_describe_events(hub, note)
    return lines[kind](Event(kind, data))

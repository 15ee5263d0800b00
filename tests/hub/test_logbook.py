from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import Event, HomeAssistant
import pytest

from custom_components.camhub.logbook import async_describe_events

from .conftest import AddAccount

CASES: tuple[tuple[str, Mapping[str, Any], str, str], ...] = (
    ("camhub_seen", {"entity_id": "camera.yard", "kind": "line_crossing", "zones": []}, "Yard", "saw line crossing"),
    (
        "camhub_seen",
        {"entity_id": "camera.yard", "kind": "person", "zones": ["porch"], "who": "Ann"},
        "Yard",
        "saw Ann in porch",
    ),
    (
        "camhub_recording_finished",
        {"entity_id": "camera.yard", "trigger": "manual"},
        "Yard",
        "has a new recording by hand",
    ),
    (
        "camhub_recording_finished",
        {"entity_id": "camera.yard", "trigger": "motion", "kind": "person"},
        "Yard",
        "has a new recording of person",
    ),
    (
        "camhub_access_refused",
        {"entity_id": None, "user_id": "u", "route": "streams/hls"},
        "CamHub",
        "was refused to somebody (streams/hls)",
    ),
    (
        "camhub_credential_refused",
        {"account": "Home", "message": "The password is wrong."},
        "Home",
        "refuses its login: The password is wrong.",
    ),
)


@pytest.mark.parametrize(("kind", "data", "name", "message"), CASES)
async def test_events_have_words(
    hub: HomeAssistant, add_account: AddAccount, kind: str, data: Mapping[str, Any], name: str, message: str
) -> None:
    await add_account()
    described: dict[str, Callable[[Any], dict[str, str]]] = {}

    def note(domain: str, event: str, describe: Callable[[Any], dict[str, str]]) -> None:
        assert domain == "camhub"
        described[event] = describe

    async_describe_events(hub, note)
    line = described[kind](Event(kind, data))
    assert (line["name"], line["message"]) == (name, message)
    assert line.get("entity_id") == data.get("entity_id")

"""A recording that Home Assistant makes of a camera whose maker keeps none, played in a real browser."""

from typing import Any

from playwright.sync_api import Page

from .conftest import Demo
from .test_recordings import ASK, PLAY, STATES

CAMERA = "camera.garden_pi"
STATE = "state => document.querySelector('home-assistant')?.hass?.states['camera.garden_pi']?.state === state"


def record(page: Page, **data: object) -> dict[str, Any]:
    asked = {
        "type": "call_service",
        "domain": "camhub",
        "service": "record",
        "service_data": data,
        "target": {"entity_id": CAMERA},
        "return_response": True,
    }
    answer: dict[str, Any] = page.evaluate(ASK, asked)["response"][CAMERA]
    return answer


def test_a_recording_by_hand_is_made_and_plays(page: Page, demo: Demo) -> None:
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    assert CAMERA in dict(page.evaluate(STATES))
    begun = record(page, duration=60)
    page.wait_for_function(STATE, arg="recording")
    ended = record(page, action="stop")
    assert ended["file"] == begun["file"]
    asked = {"type": "media_source/resolve_media", "media_content_id": ended["media_content_id"]}
    assert page.evaluate(PLAY, page.evaluate(ASK, asked)["url"]) == 640
    page.wait_for_function(STATE, arg="idle")

"""What a Frigate server kept and what is before its cameras, in a real Home Assistant and a real browser."""

from typing import Any

from playwright.sync_api import Page
import pytest

from .conftest import Demo

ASK = "message => document.querySelector('home-assistant').hass.callWS(message)"
STATES = "() => Object.values(document.querySelector('home-assistant').hass.states).map(each => [each.entity_id, each])"
THERE = "name => document.querySelector('home-assistant')?.hass?.states[name]?.state === 'on'"
PLAY = """path => new Promise((resolve, reject) => {
  const video = document.createElement('video');
  video.onerror = () => reject(video.error.message);
  video.onloadeddata = () => resolve(video.videoWidth);
  video.muted = true;
  video.src = path;
})"""
SHOW = """path => new Promise((resolve, reject) => {
  const image = new Image();
  image.onerror = reject;
  image.onload = () => resolve(image.naturalWidth);
  image.src = path;
})"""


@pytest.fixture
def inside(page: Page, demo: Demo) -> Page:
    demo.visit(page, "/profile")
    page.locator("ha-sidebar").wait_for()
    return page


def opened(page: Page, content: str) -> list[dict[str, Any]]:
    asked = {"type": "media_source/browse_media", "media_content_id": content}
    answer: dict[str, Any] = page.evaluate(ASK, asked)
    children: list[dict[str, Any]] = answer["children"]
    return children


def named(children: list[dict[str, Any]], title: str) -> str:
    (content,) = [each["media_content_id"] for each in children if each["title"] == title]
    return str(content)


def test_a_recording_is_found_seen_and_played(inside: Page) -> None:
    folders = opened(inside, named(opened(inside, "media-source://camhub"), "Driveway"))
    clips = opened(inside, named(folders, "Car"))
    assert clips
    for clip in clips[:2]:
        assert inside.evaluate(SHOW, clip["thumbnail"]) == 320
        asked = {"type": "media_source/resolve_media", "media_content_id": clip["media_content_id"]}
        assert inside.evaluate(PLAY, inside.evaluate(ASK, asked)["url"]) == 320


def test_what_is_there_and_what_it_costs(inside: Page) -> None:
    inside.wait_for_function(THERE, arg="binary_sensor.driveway_vehicle_detected")
    states = dict(inside.evaluate(STATES))
    assert states["binary_sensor.driveway_vehicle_detected"]["attributes"]["count"] >= 1
    assert float(states["sensor.frigate_disk_used"]["state"]) == 293.0
    assert float(states["sensor.frigate_detection_time"]["state"]) == 9.8
    assert "event.back_door_recognition" in states

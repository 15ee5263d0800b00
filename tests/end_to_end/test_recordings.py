"""What a Frigate server and a recorder kept, and what is there, in a real Home Assistant and a real browser."""

from typing import Any

from playwright.sync_api import Page, Response
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
SEEK = """path => new Promise((resolve, reject) => {
  const video = document.createElement('video');
  video.onerror = () => reject(video.error.message);
  video.muted = true;
  let wanted = 0;
  video.onloadedmetadata = () => { wanted = video.duration * 0.7; video.currentTime = wanted; };
  video.onseeked = () => resolve({
    wanted, after: video.currentTime, duration: video.duration, seekable: video.seekable.end(0),
  });
  video.src = path;
})"""
PART = """async path => {
  const answer = await fetch(path, {headers: {Range: 'bytes=1000-1099'}});
  const size = (await answer.arrayBuffer()).byteLength;
  return {status: answer.status, range: answer.headers.get('content-range'), size};
}"""
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


def camera(page: Page, account: str, name: str) -> str:
    """Return what stands for a camera of the one account that has it and whose name begins so."""
    accounts = [each for each in opened(page, "media-source://camhub") if each["title"].startswith(account)]
    cameras = [each for found in accounts for each in opened(page, found["media_content_id"])]
    return named(cameras, name)


def named(children: list[dict[str, Any]], title: str) -> str:
    (content,) = [each["media_content_id"] for each in children if each["title"] == title]
    return str(content)


def test_a_recording_is_found_seen_and_played(inside: Page) -> None:
    folders = opened(inside, camera(inside, "Frigate", "Driveway"))
    clips = opened(inside, named(folders, "Car"))
    assert clips
    for clip in clips[:2]:
        assert inside.evaluate(SHOW, clip["thumbnail"]) == 320
        asked = {"type": "media_source/resolve_media", "media_content_id": clip["media_content_id"]}
        assert inside.evaluate(PLAY, inside.evaluate(ASK, asked)["url"]) == 320


def test_a_recording_is_jumped_about_in(inside: Page) -> None:
    """From the newest day in the media browser: the browser asks for parts and gets them."""
    days = [each for each in opened(inside, camera(inside, "Frigate", "Driveway")) if each["title"][:2] == "20"]
    shown = [each for day in days for each in opened(inside, day["media_content_id"])]
    # What was seen stands behind the time, continuous recordings have only that; the newest of them still goes on and
    # is no whole file yet.
    clip = [each for each in shown if each["can_play"] and each["thumbnail"] and " " not in each["title"]][1]
    assert any(clip["media_content_id"].startswith(day["media_content_id"].rpartition("/")[0]) for day in days)
    asked = {"type": "media_source/resolve_media", "media_content_id": clip["media_content_id"]}
    path = inside.evaluate(ASK, asked)["url"]
    answers: list[tuple[int, str]] = []

    def note(response: Response) -> None:
        if response.url.endswith(path):
            answers.append((response.status, response.headers.get("content-range", "")))

    inside.on("response", note)
    seen = inside.evaluate(SEEK, path)
    assert seen["after"] == pytest.approx(seen["wanted"], abs=0.1)
    assert seen["seekable"] == pytest.approx(seen["duration"], abs=0.1)
    assert answers
    assert {status for status, _ in answers} == {206}
    # Of what is kept a part in the middle is answered with just that.
    part = inside.evaluate(PART, path)
    assert (part["status"], part["size"]) == (206, 100)
    assert part["range"].startswith("bytes 1000-1099/")


def test_a_recorders_film_is_made_playable(inside: Page) -> None:
    """It is an MPEG program stream at the recorder, which no browser plays."""
    clips = opened(inside, named(opened(inside, camera(inside, "Cellar recorder", "Driveway")), "Motion"))
    asked = {"type": "media_source/resolve_media", "media_content_id": clips[0]["media_content_id"]}
    answer = inside.evaluate(ASK, asked)
    assert answer["mime_type"] == "video/mp4"
    assert inside.evaluate(PLAY, answer["url"]) == 320


def test_what_is_there_and_what_it_costs(inside: Page) -> None:
    inside.wait_for_function(THERE, arg="binary_sensor.driveway_vehicle_detected")
    states = dict(inside.evaluate(STATES))
    assert states["binary_sensor.driveway_vehicle_detected"]["attributes"]["count"] >= 1
    assert float(states["sensor.frigate_disk_used"]["state"]) == 293.0
    assert float(states["sensor.frigate_detection_time"]["state"]) == 9.8
    assert "event.back_door_recognition" in states

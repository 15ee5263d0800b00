import json

import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Health
from custom_components.camhub.providers.mjpeg.parse import State, pi_health, streamer_state


@pytest.mark.parametrize(
    ("status", "said", "state"),
    [
        (200, {"status": "ok", "camera": "connected", "timestamp": 1.5}, State(online=True)),
        (
            200,
            {"status": "ok", "camera": "disconnected", "timestamp": 1.5},
            State(online=False, offline_reason="camera_disconnected"),
        ),
        (503, {"status": "ok", "camera": "connected"}, State(online=False, offline_reason="camera_disconnected")),
        (200, {"status": "broken", "camera": "connected"}, State(online=False, offline_reason="camera_disconnected")),
        (200, {"camera": "Connected"}, State(online=True)),
        (200, {"status": "ok"}, State(online=True)),
        (503, {"status": "stale"}, State(online=False, offline_reason="camera_stalled")),
        (
            503,
            {"status": "starting", "camera": "disconnected"},
            State(online=False, offline_reason="camera_starting"),
        ),
        (
            503,
            {"status": "failed", "camera": "disconnected", "fps": 0.0, "disk": None},
            State(online=False, offline_reason="camera_failed", health=Health(fps=0.0)),
        ),
        (
            200,
            {"status": "ok", "camera": "connected", "fps": 14.6, "disk": {"free_percent": 40.4, "free_bytes": 1}},
            State(online=True, health=Health(fps=15.0, disk_free_percent=40.0)),
        ),
        (
            200,
            {"status": "ok", "camera": "connected", "fps": True, "disk": {"free_percent": 12}},
            State(online=True, health=Health(disk_free_percent=12.0)),
        ),
    ],
)
def test_reads_the_health_of_a_pi(status: int, said: JsonValue, state: State) -> None:
    assert pi_health(status, said) == state


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_none(number: str) -> None:
    said = json.loads(f'{{"camera": "connected", "fps": {number}, "disk": {{"free_percent": {number}}}}}')
    assert pi_health(200, said) == State(online=True)
    said = json.loads(f'{{"result": {{"source": {{"online": true, "captured_fps": {number}}}}}}}')
    assert streamer_state(200, said) == State(online=True)


@pytest.mark.parametrize("said", [None, [], "ok", {}, {"status": "running", "videosPath": "/x"}, 1])
def test_another_page_is_no_health(said: JsonValue) -> None:
    with pytest.raises(Malformed):
        pi_health(200, said)


def test_reads_the_state_of_a_streamer() -> None:
    on: JsonValue = {"ok": True, "result": {"source": {"online": True, "captured_fps": 29}}}
    assert streamer_state(200, on) == State(online=True, health=Health(fps=29.0))
    off: JsonValue = {"ok": True, "result": {"source": {"online": False, "captured_fps": 0}}}
    assert streamer_state(200, off) == State(online=False, offline_reason="no_signal", placeholder=True)


@pytest.mark.parametrize(
    "said", [None, {}, {"result": None}, {"result": {"source": []}}, {"result": {"source": {"online": "yes"}}}]
)
def test_another_page_is_no_state(said: JsonValue) -> None:
    with pytest.raises(Malformed):
        streamer_state(200, said)

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from custom_components.camhub.kernel.model import EventPhase
from custom_components.camhub.recording.grey import Grey, decode
from custom_components.camhub.recording.motion import Detector, MotionSettings, Reading, Spell
from custom_components.camhub.recording.zones import Zone
from simulators.scenes import FPS, QUIET, SCENES, shots

QUIET_SCENES = [name for name in SCENES if not name.startswith(("someone", "a car", "a cat"))]
BUSY_SCENES = [name for name in SCENES if name.startswith(("someone", "a car"))]


@cache
def sights(name: str) -> list[tuple[Grey, bool]]:
    return [(decode(shot.jpeg), shot.moves) for shot in shots(name, size=(160, 120), seed=7)]


@dataclass
class Tally:
    right: int = 0
    missed: int = 0
    wrong: int = 0


def watch(name: str, settings: MotionSettings) -> Tally:
    detector, tally = Detector(settings), Tally()
    for number, (grey, moves) in enumerate(sights(name)):
        said = detector.look(grey, 1 / FPS).moves
        tally.right += said and moves
        tally.missed += moves and not said and number >= QUIET
        tally.wrong += said and not moves
    return tally


@pytest.mark.parametrize("name", QUIET_SCENES)
def test_light_weather_noise_and_wind_are_no_motion(name: str) -> None:
    """At the sensitivity that is set unless the user chooses another; a cloud may pass for some."""
    assert watch(name, MotionSettings()).wrong <= (0.25 * 60 if name == "a cloud" else 1)


@pytest.mark.parametrize("name", BUSY_SCENES)
def test_people_and_cars_are_seen_whatever_the_weather(name: str) -> None:
    tally = watch(name, MotionSettings())
    assert tally.right >= 0.7 * (tally.right + tally.missed)


def test_more_sensitive_sees_smaller_things() -> None:
    seen = [watch("a cat", MotionSettings(sensitivity=sensitivity)).right for sensitivity in (0, 50, 100)]
    assert seen[0] == 0
    assert seen[2] > seen[1]


def test_sensitivity_beyond_its_bounds_is_taken_as_the_bound() -> None:
    assert watch("someone far", MotionSettings(sensitivity=500)) == watch(
        "someone far", MotionSettings(sensitivity=100)
    )


def test_motion_counts_only_in_the_zones_and_they_are_named() -> None:
    sky = Zone.read("sky", [[0, 0], [100, 0], [100, 15], [0, 15]])
    lawn = Zone.read("lawn", [[0, 20], [100, 20], [100, 100], [0, 100]])
    assert watch("someone near", MotionSettings(zones=(sky,))).right == 0
    detector = Detector(MotionSettings(zones=(sky, lawn)))
    readings = [detector.look(grey, 1 / FPS) for grey, _ in sights("someone near")]
    assert {reading.zones for reading in readings if reading.moves} == {("lawn",)}


def test_another_size_begins_anew() -> None:
    detector = Detector(MotionSettings(zones=(Zone.read("all", [[0, 0], [100, 0], [100, 100], [0, 100]]),)))
    assert not detector.look(np.zeros((60, 80), np.uint8), 0.2).moves
    assert not detector.look(np.full((48, 64), 255, np.uint8), 0.2).moves


@pytest.mark.parametrize("shape", [(4, 4), (3, 3), (8, 12)])
def test_the_smallest_pictures_are_no_trouble(shape: tuple[int, int]) -> None:
    detector = Detector(MotionSettings())
    for level in (0, 255, 0, 128):
        assert not detector.look(np.full(shape, level, np.uint8), 0.2).moves


def test_what_stays_becomes_the_usual_picture() -> None:
    detector = Detector(MotionSettings())
    empty = np.full((120, 160), 100, np.uint8)
    empty[::7] = 130
    parked = empty.copy()
    parked[40:80, 60:120] = 220
    for _ in range(20):
        detector.look(empty, 0.2)
    seen = [detector.look(parked, 0.2).moves for _ in range(1500)]
    assert any(seen[:10])
    assert not any(seen[-100:])


STILL, MOVES = Reading(score=0.1), Reading(score=0.9, zones=("gate",))


def spell(*seen: tuple[float, Reading]) -> list[tuple[float, EventPhase]]:
    found = Spell(MotionSettings(minimum=0.4, cool_down=10))
    return [(at, phase) for at, reading in seen if (phase := found.feed(reading, at))]


def test_motion_begins_when_it_has_lasted_and_ends_when_it_has_been_quiet() -> None:
    seen = spell((0, STILL), (1, MOVES), (1.2, MOVES), (1.5, MOVES), (2, MOVES), (9, STILL), (12.1, STILL), (30, STILL))
    assert seen == [(1.5, EventPhase.START), (12.1, EventPhase.END)]


def test_a_flicker_is_no_motion_and_a_short_pause_no_end() -> None:
    assert spell((0, MOVES), (0.2, STILL), (5, MOVES), (5.2, STILL)) == []
    assert spell((0, MOVES), (0.2, STILL), (0.6, MOVES)) == [(0.6, EventPhase.START)]
    assert spell((0, MOVES), (0.5, MOVES), (8, STILL), (9, MOVES), (18, STILL)) == [(0.5, EventPhase.START)]


def test_motion_can_begin_again() -> None:
    seen = spell((0, MOVES), (1, MOVES), (12, STILL), (13, MOVES), (13.5, MOVES))
    assert [phase for _, phase in seen] == [EventPhase.START, EventPhase.END, EventPhase.START]

"""Motion: what looking at one picture costs, decoding included, and how often it is right."""

from collections.abc import Callable, Sequence
from io import BytesIO
from statistics import median
import time
from typing import Final

import cv2
import numpy as np
from PIL import Image

from custom_components.camhub.recording.grey import decode
from custom_components.camhub.recording.motion import Detector, MotionSettings
from simulators.scenes import FPS, QUIET, SCENES, shots

from .figure import Figure
from .plan import FULL, Plan, ratio

# An empty yard most of the time, and someone in it.
TIMED: Final = ("still", "still", "still, at night", "someone near")
SENSITIVITIES: Final = (25, 50, 75)
type Look = Callable[[bytes], object]


def _ours() -> Look:
    detector = Detector(MotionSettings())
    return lambda jpeg: detector.look(decode(jpeg), 1 / FPS)


def _decode_only(jpeg: bytes) -> object:
    """Decode as we do and look at nothing: the floor."""
    return decode(jpeg)


def _naive() -> Look:
    """Return what one writes first: the whole picture, made grey, scaled, compared."""
    before: list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]] = []

    def look(jpeg: bytes) -> object:
        with Image.open(BytesIO(jpeg)) as picture:
            grey = np.asarray(picture.convert("L").resize((160, 120)), np.int16)
        different = np.abs(grey - before.pop()).mean() if before else 0
        before.append(grey)
        return different

    return look


def _opencv() -> Look:
    """Return what OpenCV's own examples do: decode grey at a quarter, blur, absdiff, threshold, count."""
    before: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []

    def look(jpeg: bytes) -> object:
        grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
        assert grey is not None
        soft = cv2.GaussianBlur(cv2.resize(grey, (160, 120)), (5, 5), 0).astype(np.uint8, copy=False)
        different = 0
        if before:
            _, mask = cv2.threshold(cv2.absdiff(before.pop(), soft), 25, 255, cv2.THRESH_BINARY)
            different = cv2.countNonZero(mask)
        before.append(soft)
        return different

    return look


def _milliseconds(look: Look, pictures: Sequence[bytes]) -> float:
    """Return the CPU time of one picture; the thread's own, so that other work does not count."""
    begun = time.thread_time_ns()
    for jpeg in pictures:
        look(jpeg)
    return (time.thread_time_ns() - begun) / len(pictures) / 1e6


def tally(sensitivity: float, *, seed: int) -> tuple[float, float]:
    """Return precision and recall over all scenes, each picture of them judged by itself."""
    right = wrong = missed = 0
    for name in SCENES:
        detector = Detector(MotionSettings(sensitivity=sensitivity))
        for number, shot in enumerate(shots(name, size=(320, 240), seed=seed)):
            said = detector.look(decode(shot.jpeg), 1 / FPS).moves
            right += said and shot.moves
            wrong += said and not shot.moves
            missed += shot.moves and not said and number >= QUIET
    return right / max(1, right + wrong), right / max(1, right + missed)


def _pictures(size: tuple[int, int], every: int) -> list[bytes]:
    return [shot.jpeg for scene in TIMED for shot in list(shots(scene, size=size))[::every]]


def _quality(plan: Plan) -> list[Figure]:
    figures = []
    for sensitivity in SENSITIVITIES if not plan.quick else SENSITIVITIES[1:2]:
        precision, recall = tally(sensitivity, seed=11)
        against = f"{len(SCENES)} scenes of our own at sensitivity {sensitivity}, picture by picture"
        goals = {25: (0.95, 0.6), 50: (0.95, 0.8), 75: (0.95, 0.9)}[sensitivity]
        for name, value, goal in (("precision", precision, goals[0]), ("recall", recall, goals[1])):
            figures.append(
                Figure(
                    figure=f"{name}_{sensitivity}",
                    value=value,
                    unit="ratio",
                    goal=goal,
                    better="higher",
                    against=against,
                )
            )
    return figures


async def run(plan: Plan = FULL) -> list[Figure]:
    """Measure VGA and 1080p, ours between the floor, the naive way and OpenCV's, and the scenes."""
    ways = {"ours": _ours(), "floor": _decode_only, "naive": _naive(), "opencv": _opencv()}
    sizes = {"vga": _pictures((640, 480), 1), "hd": _pictures((1920, 1080), 4)}
    spent: dict[tuple[str, str], list[float]] = {(size, way): [] for size in sizes for way in ways}
    for _ in range(plan.rounds):
        for size, pictures in sizes.items():
            for way, look in ways.items():
                spent[size, way].append(_milliseconds(look, pictures))
    kilobytes = {size: sum(map(len, pictures)) / len(pictures) / 1000 for size, pictures in sizes.items()}
    return [
        Figure(
            figure="ms_per_vga_frame",
            value=median(spent["vga", "ours"]),
            unit="ms",
            goal=0.7,
            better="lower",
            against=f"CPU of one thread, decoding included, {kilobytes['vga']:.0f} KB a picture",
        ),
        Figure(
            figure="vs_decode",
            value=ratio(spent["vga", "ours"], spent["vga", "floor"]),
            unit="ratio",
            goal=1.3,
            better="lower",
            against=f"decoding the same VGA pictures and no more, {median(spent['vga', 'floor']):.2f} ms",
        ),
        Figure(
            figure="vs_naive",
            value=ratio(spent["vga", "ours"], spent["vga", "naive"]),
            unit="ratio",
            goal=0.35,
            better="lower",
            against=f"decode all, grey, scale, difference: {median(spent['vga', 'naive']):.2f} ms",
        ),
        Figure(
            figure="vs_opencv",
            value=ratio(spent["vga", "ours"], spent["vga", "opencv"]),
            unit="ratio",
            goal=1.5,
            better="lower",
            against=f"OpenCV: grey at a quarter, blur, absdiff, threshold: {median(spent['vga', 'opencv']):.2f} ms",
        ),
        Figure(
            figure="ms_per_hd_frame",
            value=median(spent["hd", "ours"]),
            unit="ms",
            goal=4.5,
            better="lower",
            against=f"as above, 1080p, {kilobytes['hd']:.0f} KB a picture",
        ),
        *_quality(plan),
    ]

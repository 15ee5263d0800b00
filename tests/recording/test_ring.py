from custom_components.camhub.kernel.samples import Track
from custom_components.camhub.recording.ring import Ring

from .film import sample

OTHER = Track(codec="mjpeg", width=32, height=24)


def times(ring: Ring, seconds: float, now: float) -> list[float]:
    return [kept.at for kept in ring.last(seconds, now)]


def test_it_keeps_the_last_seconds() -> None:
    ring = Ring(5)
    for second in range(20):
        ring.add(sample(second, size=10))
    assert times(ring, 5, 19) == [14, 15, 16, 17, 18, 19]
    assert times(ring, 2, 19) == [17, 18, 19]
    assert ring.size == 60
    ring.clear()
    assert (times(ring, 5, 19), ring.size) == ([], 0)


def test_what_it_gives_begins_with_a_key_picture() -> None:
    ring = Ring(5)
    ring.add(sample(0, key=False, size=1))
    for second in range(1, 15):
        ring.add(sample(second, key=second % 4 == 1, size=1))
    assert times(ring, 3, 14) == [9, 10, 11, 12, 13, 14]
    assert times(ring, 0, 14) == [13, 14]


def test_what_is_too_old_is_not_given() -> None:
    ring = Ring(5)
    ring.add(sample(1, size=1))
    assert times(ring, 5, 60) == []


def test_it_never_takes_more_than_its_bytes() -> None:
    ring = Ring(100, most=35)
    for second in range(10):
        ring.add(sample(second, size=10))
        assert ring.size <= 35
    assert times(ring, 100, 9) == [7, 8, 9]
    ring.add(sample(10, size=36))
    assert (times(ring, 100, 10), ring.size) == ([], 0)
    ring.add(sample(11, key=False, size=1))
    assert times(ring, 100, 11) == []


def test_another_kind_of_picture_or_time_that_runs_back_begins_anew() -> None:
    ring = Ring(5)
    ring.add(sample(10, size=1))
    ring.add(sample(11, size=1, track=OTHER))
    assert times(ring, 5, 11) == [11]
    ring.add(sample(3, size=1, track=OTHER))
    assert times(ring, 5, 3) == [3]

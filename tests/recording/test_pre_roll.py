from custom_components.camhub.kernel.samples import Track
from custom_components.camhub.recording.pre_roll import PreRoll

from .film import sample

OTHER = Track(codec="mjpeg", width=32, height=24)


def times(kept: PreRoll, seconds: float, now: float) -> list[float]:
    return [one.at for one in kept.last(seconds, now)]


def test_it_keeps_the_last_seconds() -> None:
    kept = PreRoll(5)
    for second in range(20):
        kept.add(sample(second, size=10))
    assert times(kept, 5, 19) == [14, 15, 16, 17, 18, 19]
    assert times(kept, 2, 19) == [17, 18, 19]
    assert kept.size == 60
    kept.clear()
    assert (times(kept, 5, 19), kept.size) == ([], 0)


def test_what_it_gives_begins_with_a_key_picture() -> None:
    kept = PreRoll(5)
    kept.add(sample(0, key=False, size=1))
    for second in range(1, 15):
        kept.add(sample(second, key=second % 4 == 1, size=1))
    assert times(kept, 3, 14) == [9, 10, 11, 12, 13, 14]
    assert times(kept, 0, 14) == [13, 14]


def test_what_is_too_old_is_not_given() -> None:
    kept = PreRoll(5)
    kept.add(sample(1, size=1))
    assert times(kept, 5, 60) == []


def test_it_never_takes_more_than_its_bytes() -> None:
    kept = PreRoll(100, most=35)
    for second in range(10):
        kept.add(sample(second, size=10))
        assert kept.size <= 35
    assert times(kept, 100, 9) == [7, 8, 9]
    kept.add(sample(10, size=36))
    assert (times(kept, 100, 10), kept.size) == ([], 0)
    kept.add(sample(11, key=False, size=1))
    assert times(kept, 100, 11) == []


def test_another_kind_of_picture_or_time_that_runs_back_begins_anew() -> None:
    kept = PreRoll(5)
    kept.add(sample(10, size=1))
    kept.add(sample(11, size=1, track=OTHER))
    assert times(kept, 5, 11) == [11]
    kept.add(sample(3, size=1, track=OTHER))
    assert times(kept, 5, 3) == [3]

"""Every target, with what it is meant to read, broken in ways that hypothesis thinks of. The same every time."""

import re
from typing import Final

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from .seeds import NASTY, SEEDS
from .targets import TARGETS, run

EXAMPLES: Final = 150
STRIDE: Final = 5
# What stands alone in a message: a word, a number, a time.
_TOKEN: Final = re.compile(rb"([A-Za-z0-9_.:+%-]+)")


@st.composite
def broken(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Return a message of which some words are others, missing or there twice."""
    pieces = _TOKEN.split(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(pieces) - 1))
        other = draw(st.sampled_from(NASTY) | st.sampled_from(pieces) | st.binary(max_size=8))
        pieces[at] = draw(st.sampled_from((other, other, pieces[at] + other, other + pieces[at])))
    whole = b"".join(pieces)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.integers(0, 9)) == 0 else whole


def test_each_target_has_something_to_begin_with() -> None:
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_meant_is_read(name: str) -> None:
    for seed in SEEDS[name]:
        run(name, seed)


@pytest.mark.parametrize("name", TARGETS)
def test_every_word_in_turn_is_another(name: str) -> None:
    """A part of what is nasty for each word, another part for the next, so that it takes seconds and not minutes."""
    for seed in SEEDS[name]:
        pieces = _TOKEN.split(seed)
        for at in range(1, len(pieces), 2):
            for other in NASTY[at % STRIDE :: STRIDE]:
                run(name, b"".join((*pieces[:at], other, *pieces[at + 1 :])))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_our_errors(name: str) -> None:
    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    @given(broken(SEEDS[name]) | st.binary(max_size=200))
    def check(data: bytes) -> None:
        run(name, data)

    check()

import pytest

from custom_components.camhub.capture.probe import Film, probe
from custom_components.camhub.kernel.errors import Malformed
from simulators.film import encode


def test_what_a_film_is_made_of() -> None:
    film = encode("probe", seconds=2, fps=12)
    assert probe(film, 2) == Film(width=320, height=180, fps=12, codec="h264")
    assert probe(film, 0).fps is None


@pytest.mark.parametrize("film", [b"", b"no film"])
def test_what_is_no_film(film: bytes) -> None:
    with pytest.raises(Malformed):
        probe(film, 1)


def test_a_film_that_was_cut_off_is_none() -> None:
    with pytest.raises(Malformed):
        probe(encode("cut", seconds=1)[:200], 1)

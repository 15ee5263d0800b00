import pytest

from custom_components.camhub.kernel.errors import Unsupported
from custom_components.camhub.recording.zones import Zone, read_zones, typed_zones, zone_lines


def test_a_zone_covers_the_cells_inside_its_polygon() -> None:
    left = Zone.read("left", [[0, 0], [50, 0], [50, 100], [0, 100]])
    cells = left.cells((4, 8))
    assert cells[:, :4].all()
    assert not cells[:, 4:].any()


def test_a_polygon_may_be_hollow_and_need_no_right_angles() -> None:
    ring = Zone.read("bow", [[0, 0], [100, 100], [100, 0], [0, 100]])
    cells = ring.cells((10, 10))
    assert cells[5, 1]
    assert cells[5, 8]
    assert not cells[1, 5]
    assert not cells[8, 5]


@pytest.mark.parametrize(
    "points",
    [
        [],
        [[0, 0], [1, 1]],
        [[0, 0], [1, 1], [0, 0]],
        [[0, 0], [101, 0], [50, 50]],
        [[0, 0], [-1, 0], [5, 5]],
        [[0], [1, 2], [3, 4], [5, 6]],
    ],
)
def test_what_is_no_polygon_is_refused_with_its_name(points: list[list[float]]) -> None:
    with pytest.raises(Unsupported) as raised:
        read_zones({"gate": points})
    assert raised.value.reason == "invalid_zone"
    assert raised.value.placeholders == {"zone": "gate"}


def test_zones_keep_their_order() -> None:
    triangle = [[0, 0], [10, 0], [5, 5]]
    assert [zone.name for zone in read_zones({"b": triangle, "a": triangle})] == ["b", "a"]


def test_zones_are_typed_as_lines_and_shown_again_as_they_were_typed() -> None:
    typed = "gate: 0,0 50,0 50,100\nthe lawn: at night: 0.5,20 100,20 50,99.5"
    stored = typed_zones(f"\n  {typed}  \n\n")
    assert list(stored) == ["gate", "the lawn: at night"]
    assert stored["gate"] == [[0, 0], [50, 0], [50, 100]]
    assert zone_lines(stored) == typed
    assert typed_zones(zone_lines({})) == {}


@pytest.mark.parametrize("points", ["", "1,2", "1,2 3,4 a,b", "1;2 3;4 5;6"])
@pytest.mark.parametrize("name", ["gate: ", "gate", ":", ""])
def test_a_line_that_is_no_zone_is_refused(name: str, points: str) -> None:
    if not name and not points:
        points = "0,0 50,0 50,100"
    with pytest.raises(Unsupported) as raised:
        typed_zones(name + points)
    assert raised.value.reason == "invalid_zone"
    assert raised.value.placeholders["zone"]

from datetime import UTC, datetime

import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.reading import from_json, iso_time, moment, objects, texts

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_json() -> None:
    assert from_json(b'{"a": [1]}') == {"a": [1]}
    for content in ("", "{", b"\xff", "[" * 100_000):
        with pytest.raises(Malformed):
            from_json(content)


@pytest.mark.parametrize("value", [None, "ab", 1, {"a": {}}])
def test_what_is_no_list_holds_nothing(value: JsonValue) -> None:
    assert not objects(value)
    assert not texts(value)


def test_only_what_is_of_the_kind_is_taken_from_a_list() -> None:
    assert objects([{"a": 1}, 2, "b"]) == [{"a": 1}]
    assert texts([{"a": 1}, 2, "b"]) == ("b",)


@pytest.mark.parametrize(
    "value",
    [
        NOON.timestamp(),
        str(NOON.timestamp()),
        NOON.timestamp() * 1000,
        "2026-01-02T12:00:00",
        " 2026-01-02 13:00+01:00",
    ],
)
def test_a_time_is_read_in_seconds_milliseconds_and_as_iso(value: JsonValue) -> None:
    assert moment(value) == NOON


@pytest.mark.parametrize("value", [None, True, "soon", 1e300, "0001-01-01", [], NOON.timestamp() * 10**6])
def test_what_is_no_time(value: JsonValue) -> None:
    assert moment(value) is None


def test_an_iso_date_only() -> None:
    assert iso_time("2026-01-02T12:00:00Z") == NOON
    assert iso_time(NOON.timestamp()) is None

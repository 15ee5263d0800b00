from datetime import UTC, datetime, timedelta

import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import EventKind, JsonValue
from custom_components.camhub.providers.nest_legacy import parse
from custom_components.camhub.providers.nest_legacy.hosts import DEFAULT_REGION
from custom_components.camhub.providers.nest_legacy.parse import State, Unit

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AT = START.timestamp()


def unit(**value: JsonValue) -> Unit:
    bucket: JsonValue = {"object_key": "quartz.ab", "value": {"camera_type": 12, **value}}
    (found,) = parse.buckets({"updated_buckets": [bucket]}).units
    return found


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ({"streaming_state": "streaming-enabled"}, State.ON),
        ({"streaming_state": "streaming-disabled"}, State.OFF),
        ({"streaming_state": "OFFLINE"}, State.OFFLINE),
        ({"streaming_state": "camera-offline-enabled"}, State.OFFLINE),
        ({"is_online": "false"}, State.OFFLINE),
        ({"is_online": True, "is_streaming_enabled": "true"}, State.ON),
        ({"is_online": True, "properties": {"streaming.enabled": False}}, State.OFF),
        ({}, State.UNKNOWN),
        ({"properties": {"cc2migration.overview_state": "MIGRATED"}}, State.MOVED),
        ({"properties": {"cc2migration.overview_state": "normal"}, "is_streaming_enabled": True}, State.ON),
    ],
)
def test_how_a_camera_stands(value: dict[str, JsonValue], state: State) -> None:
    assert unit(**value).state is state


def test_names_and_what_stands_for_one() -> None:
    assert unit(description=" Shed ", name="x").name == "Shed"
    assert unit(description="", name="Porch").name == "Porch"
    assert unit(description=None, model="Nest Cam").name == "Nest Cam"
    assert unit(camera_type=None).name == "Camera"
    assert unit().region == DEFAULT_REGION


@pytest.mark.parametrize(
    ("value", "model"),
    [
        ({"camera_type": 9}, "Nest Cam Outdoor"),
        ({"camera_type": None, "type": "11"}, None),
        ({"camera_type": 5}, None),
        ({"camera_type": 12, "model": "Nest Hello v2"}, "Nest Hello v2"),
    ],
)
def test_models_by_number(value: dict[str, JsonValue], model: str | None) -> None:
    assert unit(**value).model == model


def test_names_of_places() -> None:
    wheres: JsonValue = [{"where_id": "w", "name": "Hall"}, {"where_id": "v"}, 7]
    home = parse.buckets(
        {
            "objects": [
                {"object_key": "quartz.ab", "value": {"where_id": "w"}},
                {"object_key": "where.s", "value": {"wheres": wheres}},
                {"object_key": "structure.s", "value": {"name": "Cottage"}},
                {"object_key": "structure.t", "value": {"name": "Barn"}},
                {"object_key": "quartz."},
                {"object_key": "device.x"},
                {},
                "odd",
            ]
        }
    )
    assert ([each.name for each in home.units], home.title) == (["Hall"], "Cottage")


@pytest.mark.parametrize("said", [None, [], {}, {"objects": "x"}, {"updated_buckets": {}}, {"error": "unauthorized"}])
def test_what_lists_no_buckets(said: JsonValue) -> None:
    with pytest.raises(Malformed):
        parse.buckets(said)


def test_the_list_of_the_camera_hosts() -> None:
    item: JsonValue = {"uuid": "ab", "name": "Hall", "type": 12, "capabilities": ["streaming.start-stop", 1]}
    home = parse.owned({"status": 0, "items": [item, {"name": "no uuid"}, None]})
    assert [(each.id, each.name, each.switchable) for each in home.units] == [("ab", "Hall", True)]
    assert home.title is None
    titled: JsonValue = [{"uuid": "ab"}, {"uuid": "cd", "type": 12, "nest_structure_name": "Cottage"}]
    assert parse.owned({"status": 0, "items": titled}).title == "Cottage"
    hello = parse.owned({"status": 0, "items": titled}).units[1]
    assert (hello.model, EventKind.DOORBELL in hello.kinds) == ("Nest Hello", True)
    assert parse.owned({"status": 200}).units == ()
    failures: list[JsonValue] = [{"status": 400, "items": []}, {}, [], {"status": "x", "items": [item]}]
    for said in failures:
        with pytest.raises(Malformed):
            parse.owned(said)


def test_a_camera_that_is_listed_twice_is_one() -> None:
    item: JsonValue = {"uuid": "ab", "name": "Hall"}
    other: JsonValue = {"uuid": "cd", "name": "", "where": "Porch"}
    shared: JsonValue = {"uuid": "ab", "name": "Hall of somebody"}
    home = parse.owned({"status": 0, "items": [item, other, shared]})
    assert [(each.id, each.name, each.place) for each in home.units] == [("ab", "Hall", None), ("cd", "Porch", "Porch")]
    bucket: JsonValue = {"object_key": "quartz.ab", "value": {"description": "Hall"}}
    assert len(parse.buckets({"objects": [bucket, bucket]}).units) == 1


def test_who_the_account_is() -> None:
    assert parse.account({"status": 0, "items": [{"email": "someone@example.com"}, {"id": 42}]}) == "42"
    assert parse.account({"status": 0, "items": []}) is None


def test_doorbells_tell_more() -> None:
    for value in ({"capabilities": ["indoor_chime"]}, {"model": "Nest HELLO"}):
        assert unit(**value).kinds >= {EventKind.DOORBELL, EventKind.PACKAGE}
    assert unit(model="Nest Cam").kinds == {EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.SOUND}


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ({"end_time": AT + 9, "in_progress": False}, 9),
        ({"end_time": AT + 9}, 9),
        ({"end_time": (AT + 9) * 1000}, 9),
        ({"end_time": AT - 9}, 0),
        ({"in_progress": False}, 0),
        ({"end_time": 0, "in_progress": True}, None),
        ({"end_time": AT + 9, "in_progress": True}, None),
        ({"end_time": 0}, None),
    ],
)
def test_the_end_of_a_stretch(value: dict[str, JsonValue], end: int | None) -> None:
    (point,) = parse.points([{"id": "1", "start_time": AT, **value}])
    assert point.start == START
    assert point.end == (None if end is None else START + timedelta(seconds=end))


def test_kinds_of_a_stretch() -> None:
    types: JsonValue = ["motion", "person", "unfamiliar-face", "dog-barking", "something-new", "doorbell"]
    (point,) = parse.points([{"id": "1", "start_time": AT, "types": types, "zone_ids": [0, 1, "2", None]}])
    assert point.kinds == (EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.SOUND, EventKind.DOORBELL)
    assert point.zones == (1, 2)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("personHeard", EventKind.SOUND),
        ("dogBarking", EventKind.SOUND),
        ("baby_crying", EventKind.SOUND),
        ("PERSON", EventKind.PERSON),
        ("package-in-transit", EventKind.PACKAGE),
        ("", EventKind.MOTION),
    ],
)
def test_types_are_spelt_in_several_ways(told: str, kind: EventKind) -> None:
    (point,) = parse.points([{"id": "1", "start_time": AT, "types": [told]}])
    assert point.kinds == (kind,)


def test_what_is_no_history() -> None:
    assert parse.points([{"id": "1"}, {"start_time": AT}, "x"]) == ()
    later: JsonValue = {"id": "2", "start_time": AT + 5}
    earlier: JsonValue = {"id": "1", "start_time": AT}
    assert [each.id for each in parse.points([later, earlier])] == ["1", "2"]
    others: list[JsonValue] = [None, {}, "x"]
    for said in others:
        with pytest.raises(Malformed):
            parse.points(said)


def test_zones_by_number() -> None:
    assert parse.zones([{"id": 1, "label": "Path"}, {"id": "2", "label": "Gate"}, {"id": 3}, {"label": "x"}]) == {
        1: "Path",
        2: "Gate",
    }
    assert parse.zones({}) == {}

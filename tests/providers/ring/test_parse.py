from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import EventKind
from custom_components.camhub.kernel.reading import moment, number, text
from custom_components.camhub.providers.ring import parse
from custom_components.camhub.providers.ring.answers import (
    CodeNeeded,
    NotThere,
    refusal,
    session_is_gone,
    token_refusal,
)
from custom_components.camhub.providers.ring.parse import Family
from custom_components.camhub.providers.ring.reading import flag, identifier, whole
from custom_components.camhub.providers.ring.settings import OPTIONS, Settings
from simulators.ring.happenings import message
from simulators.ring.home import BACK_DOOR, DRIVE, FRONT_DOOR, GARDEN, HALL, SHED, devices

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_example() -> None:
    lists = parse.by_number(devices())
    units = {each.number: each for each in parse.units(lists)}
    assert list(units) == [FRONT_DOOR, BACK_DOOR, GARDEN, DRIVE, SHED]
    front, back, garden, drive = (units[each] for each in (FRONT_DOOR, BACK_DOOR, GARDEN, DRIVE))
    assert front.family is Family.DOORBELL, "it stands in two lists"
    assert (front.on_battery, front.indoor_chime, front.rings) == (False, True, True)
    assert (back.on_battery, back.batteries, back.id) == (True, (87, None), str(BACK_DOOR))
    assert (garden.batteries, garden.siren, garden.light, garden.rings) == ((62, 31), False, None, False)
    assert (drive.light, drive.siren, drive.on_battery) == (False, False, False)
    assert not units[SHED].online
    assert front.mac == "02:00:00:00:56:61"
    assert [(each.number, each.volume) for each in parse.chimes(lists)] == [(HALL, 4)]


@pytest.mark.parametrize("said", [[], "x", None, 7, {}, {"devices": []}])
def test_no_list_of_devices(said: Any) -> None:
    with pytest.raises(Malformed):
        parse.by_number(said)


def test_devices_that_tell_hardly_anything() -> None:
    said: Any = {"doorbots": [{"id": "12"}, {"id": None}, "x"], "chimes": [{"id": 5}], "stickup_cams": None}
    lists = parse.by_number(said)
    (unit,) = parse.units(lists)
    assert (unit.number, unit.name, unit.kind, unit.mac, unit.online) == (12, "12", "", None, True)
    assert (unit.batteries, unit.on_battery, unit.records, unit.detects_motion) == ((None, None), False, False, None)
    assert (unit.light, unit.siren, unit.volume, unit.indoor_chime) == (None, None, None, None)
    assert unit.unsubscribed == ("subscribe", "motions_subscribe")
    assert parse.chimes(lists)[0].name == "5"


@pytest.mark.parametrize(
    ("told", "found"), [(None, None), ("52", 52), (4081, None), (-1, None), (100, 100), ("x", None)]
)
def test_batteries(told: Any, found: int | None) -> None:
    assert parse.percent(told) == found


def test_wifi() -> None:
    assert parse.wifi({"device_health": {"latest_signal_strength": -58}}) == -58
    assert parse.wifi({"device_health": None}) is None
    assert parse.wifi([]) is None


def entry(**others: Any) -> dict[str, Any]:
    return {"id": 7, "created_at": "2026-01-02T03:04:05.000Z", "kind": "motion"} | others


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ({}, EventKind.MOTION),
        ({"kind": "ding"}, EventKind.DOORBELL),
        ({"cv_properties": {"person_detected": True, "detection_type": "motion"}}, EventKind.PERSON),
        ({"cv_properties": {"detection_type": "human"}}, EventKind.PERSON),
        ({"cv_properties": {"detection_type": "other_motion"}}, EventKind.MOTION),
        ({"cv_properties": {"detection_type": "package_delivery"}}, EventKind.PACKAGE),
        ({"cv_properties": {"detection_type": "vehicle"}}, EventKind.VEHICLE),
        ({"cv_properties": {"detection_type": "animal"}}, EventKind.ANIMAL),
        ({"cv_properties": {"detection_type": "carpet"}}, EventKind.MOTION),
    ],
)
def test_kinds_of_events(others: dict[str, Any], kind: EventKind) -> None:
    (found,) = parse.history([entry(**others)], "1")
    assert (found.id, found.camera, found.kind, found.at) == ("7", "1", kind, AT)


def test_an_entry_of_the_history() -> None:
    told = entry(recording={"status": "ready"}, duration=12.5, answered=False, riid="secret", cv_properties={"x": 1})
    (found,) = parse.history([told], "1")
    assert (found.ready, found.length) == (True, timedelta(seconds=12.5))
    assert found.metadata == {
        "kind": "motion",
        "answered": False,
        "created_at": "2026-01-02T03:04:05.000Z",
        "duration": 12.5,
        "heard": "history",
    }


@pytest.mark.parametrize("broken", [entry(kind="on_demand"), entry(id=None), entry(created_at="soon"), {}, "x"])
def test_what_is_no_event(broken: Any) -> None:
    assert parse.history([broken], "1") == []


def test_the_numbers_of_a_page() -> None:
    assert parse.numbers([entry(), entry(kind="on_demand", id="3"), {"id": None}, "x"]) == [7, 3]
    assert parse.numbers([]) == parse.numbers({}) == []


def pushed(**others: Any) -> dict[str, Any]:
    (device,) = devices()["doorbots"]
    return message(device, entry(cv_properties={"person_detected": False}, **others), snapshot="picture-1")


def test_a_push_message() -> None:
    found = parse.pushed(pushed())
    assert found is not None
    assert (found.id, found.camera, found.kind, found.at) == ("7", str(FRONT_DOOR), EventKind.MOTION, AT)
    assert found.snapshot == "picture-1"
    assert found.metadata["device_kind"] == "lpd_v2"
    json.dumps(found.metadata)
    ding = parse.pushed(pushed(kind="ding"))
    assert ding is not None
    assert ding.kind is EventKind.DOORBELL


@pytest.mark.parametrize(
    ("action", "subtype", "kind"),
    [
        ("com.ring.push.HANDLE_NEW_DING", "ding", EventKind.DOORBELL),
        ("com.ring.push.HANDLE_NEW_motion", "human", EventKind.PERSON),
    ],
)
def test_a_push_message_of_the_old_form(action: str, subtype: str, kind: EventKind) -> None:
    ding = {"id": 12, "created_at": "2026-01-02T03:04:05.395Z", "doorbot_id": FRONT_DOOR, "device_kind": "lpd_v1"}
    told = {"data": {"gcmData": json.dumps({"ding": ding, "action": action, "subtype": subtype})}}
    found = parse.pushed(told)
    assert found is not None
    assert (found.id, found.camera, found.kind, found.snapshot) == ("12", str(FRONT_DOOR), kind, None)


def of_present_form(ding: dict[str, Any], category: str = "motion", **event: Any) -> dict[str, Any]:
    whole_one = pushed()
    said = json.loads(whole_one["data"]["data"])
    said["event"] = {"ding": {"id": "7", "created_at": "2026-01-02T03:04:05Z", **ding}, **event}
    config = json.dumps({"category": f"com.ring.pn.live-event.{category}"})
    return {"data": {**whole_one["data"], "data": json.dumps(said), "android_config": config}}


@pytest.mark.parametrize(
    ("ding", "category", "kind"),
    [
        ({"subtype": "human", "detection_type": "null"}, "motion", EventKind.PERSON),
        ({"subtype": "vehicle", "detection_type": "motion"}, "motion", EventKind.VEHICLE),
        ({"subtype": "motion", "detection_type": "moving_vehicle"}, "motion", EventKind.VEHICLE),
        ({"subtype": "button_press"}, "motion", EventKind.DOORBELL),
        ({"subtype": "button_press"}, "button", EventKind.DOORBELL),
        ({"subtype": "ding"}, "ding", EventKind.DOORBELL),
        ({"subtype": "ding"}, "something-new", EventKind.DOORBELL),
        ({"subtype": "ding"}, "motion", EventKind.MOTION),
    ],
)
def test_what_a_push_tells_of(ding: dict[str, Any], category: str, kind: EventKind) -> None:
    found = parse.pushed(of_present_form(ding, category))
    assert found is not None
    assert found.kind is kind


def test_a_live_view_somebody_opened_is_no_event() -> None:
    assert parse.pushed(of_present_form({"subtype": "on_demand"}, "on-demand")) is None


def test_a_push_that_tells_its_time_elsewhere() -> None:
    eventito = {"type": "motion", "timestamp": round(AT.timestamp() * 1000)}
    found = parse.pushed(of_present_form({"created_at": None}, eventito=eventito))
    assert found is not None
    assert found.at == AT


def test_the_picture_of_a_push_of_the_old_form() -> None:
    ding = {"id": 12, "created_at": "2026-01-02T03:04:05.395Z", "doorbot_id": FRONT_DOOR, "detection_type": "null"}
    told = {"ding": ding | {"image_uuid": "picture-2:7654"}, "action": "com.ring.push.HANDLE_NEW_motion"}
    found = parse.pushed({"data": {"gcmData": json.dumps(told | {"subtype": "human"})}})
    assert found is not None
    assert (found.snapshot, found.kind) == ("picture-2", EventKind.PERSON)


def broken_pushes() -> list[Any]:
    whole_one = pushed()
    said = json.loads(whole_one["data"]["data"])
    del said["event"]["ding"]["id"]
    without_id = {"data": {**whole_one["data"], "data": json.dumps(said)}}
    alarm = {"gcmData": json.dumps({"action": "com.ring.push.HANDLE_NEW_USER_SOUND_SIREN", "alarm_meta": {}})}
    other = {**whole_one["data"], "android_config": json.dumps({"category": "com.ring.pn.news"})}
    return [
        without_id,
        {"data": alarm},
        {"data": other},
        {"data": {**whole_one["data"], "data": "no json"}},
        {"data": {"gcmData": "[]"}},
        {"data": []},
        {"message": "x"},
        {},
    ]


@pytest.mark.parametrize("told", broken_pushes())
def test_a_push_message_of_something_else(told: Any) -> None:
    assert parse.pushed(told) is None


@pytest.mark.parametrize(
    ("status", "body", "expected", "reason"),
    [
        (401, b"{}", AuthError, "login_ended"),
        (403, b"", Unsupported, "insufficient_permission"),
        (404, b'{"errors": [7019]}', Unreachable, "camera_not_connected"),
        (404, b'{"errors": [1]}', NotThere, "not_on_server"),
        (404, b"no snapshot", NotThere, "not_on_server"),
        (406, b"", Throttled, "account_blocked"),
        (429, b"", Throttled, "throttled"),
        (502, b"<html>", Unreachable, "service_unavailable"),
        (504, b"", Unreachable, "service_unavailable"),
        (418, b"", Malformed, "malformed"),
        (302, b"", Malformed, "malformed"),
    ],
)
def test_refusals(status: int, body: bytes, expected: type[HubError], reason: str) -> None:
    error = refusal(status, body, None)
    assert type(error) is expected
    assert error.reason == reason


def test_how_long_to_wait() -> None:
    said = refusal(429, b"", 12)
    assert isinstance(said, Throttled)
    assert said.retry_after == 12
    usual = refusal(429, b"", None)
    assert isinstance(usual, Throttled)
    assert usual.retry_after == 200


def test_a_challenge_without_its_way_is_an_outage() -> None:
    assert type(token_refusal(412, b"{}", None)) is Unreachable


def test_a_challenge_that_names_a_telephone_is_a_text_message() -> None:
    found = token_refusal(412, b'{"next_time_in_secs": 60, "phone": "+1xxxxxxxx34"}', None)
    assert isinstance(found, CodeNeeded)
    assert (found.way, found.to, found.wait) == ("sms", "+1xxxxxxxx34", 60)


def test_a_session_that_is_gone() -> None:
    assert session_is_gone(404, b'{"error": "Session not found for x"}')
    assert not session_is_gone(404, b'{"error": 7}')
    assert not session_is_gone(400, b'{"error": "Session not found for x"}')


def test_readers_read_nothing_into_anything() -> None:
    assert whole({"a": 1}) == {"a": 1}
    with pytest.raises(Malformed):
        whole([])
    assert (text(" x "), text(" "), text(1)) == ("x", None, None)
    assert (number("1.5"), number(True), number("x"), number(float("inf")), number([])) == (1.5, None, None, None, None)
    assert (identifier(9007199254740997), identifier("9007199254740997")) == (9007199254740997, 9007199254740997)
    assert (identifier(True), identifier("1.5"), identifier(None), identifier("²")) == (None, None, None, None)
    assert (flag(False), flag(1), flag(2), flag("x")) == (False, True, None, None)
    assert moment(AT.timestamp()) == moment(AT.timestamp() * 1000) == moment("2026-01-02T03:04:05") == AT
    assert moment("2026-01-02T04:04:05+01:00") == AT
    assert (moment("x"), moment(None), moment(10**30)) == (None, None, None)


def test_settings_have_defaults() -> None:
    assert Settings.load({}) == Settings()
    assert Settings.load({"poll": 300, "siren_time": None}) == Settings(poll=300)
    assert {each.key: each.default for each in OPTIONS} == {
        "poll": 60,
        "wired_floor": 30,
        "battery_floor": 600,
        "siren_time": 30,
    }

from datetime import UTC, datetime

import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.kernel.model import EventKind, EventPhase, JsonValue, Recognised
from custom_components.camhub.kernel.reading import child, from_json, moment, number, text, texts
from custom_components.camhub.kernel.secret import Credentials
from custom_components.camhub.providers.frigate import parse
from custom_components.camhub.providers.frigate.answers import THROTTLE_S, login_refusal, refusal
from custom_components.camhub.providers.frigate.features import features
from custom_components.camhub.providers.frigate.reading import objects
from custom_components.camhub.providers.frigate.settings import Settings, candidates, is_loopback
from custom_components.camhub.providers.frigate.tracked_object import present_object, tracked_object
from custom_components.camhub.providers.frigate.tracker import REMEMBERED, Heard, Tracker
from tests.fake_clock import FakeClock


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("192.0.2.30", ["https://192.0.2.30:8971/", "http://192.0.2.30:8971/", "http://192.0.2.30:5000/"]),
        (" cams.example:8971 ", ["https://cams.example:8971/", "http://cams.example:8971/"]),
        ("cams.example:5000", ["http://cams.example:5000/"]),
        ("http://cams.example:8971", ["http://cams.example:8971/", "https://cams.example:8971/"]),
        ("https://cams.example/", ["https://cams.example/"]),
        ("https://viewer@cams.example/below/?x=1#y", ["https://cams.example/below"]),
        ("http://http://192.0.2.30:5000", ["http://192.0.2.30:5000/"]),
        ("http://2001:db8::1/", ["http://[2001:db8::1]/", "https://[2001:db8::1]/"]),
        ("http://cams.example/below", ["http://cams.example/below", "https://cams.example/below"]),
        ("[2001:db8::1]:5000", ["http://[2001:db8::1]:5000/"]),
    ],
)
def test_addresses(typed: str, meant: list[str]) -> None:
    assert [str(each) for each in candidates(typed)] == meant


@pytest.mark.parametrize("typed", ["", "two words", "rtsp://192.0.2.30", "http://", "http://[1", "http://a:99999"])
def test_no_addresses(typed: str) -> None:
    with pytest.raises(Unreachable) as caught:
        candidates(typed)
    assert caught.value.reason == "invalid_address"


def test_this_machine() -> None:
    own = [is_loopback(candidates(each)[0]) for each in ("127.0.0.1:5000", "localhost", "[::1]:5000")]
    others = [is_loopback(candidates(each)[0]) for each in ("192.0.2.1", "cams.example")]
    assert (own, others) == ([True] * 3, [False] * 2)


def test_settings_are_stored_as_they_are_read() -> None:
    given = {"address": "http://192.0.2.30:5000/", "live": "webrtc", "rtsp_template": "rtsps://{host}/{name}"}
    settings = Settings.load(Credentials(given))
    assert Settings.load(Credentials(settings.stored())) == settings
    assert settings.stream_address("a b") == "rtsps://192.0.2.30/a%20b"
    with pytest.raises(Unsupported):
        Settings.load(Credentials({**given, "rtsp_template": "rtsp://192.0.2.30/all"}))


@pytest.mark.parametrize(
    ("said", "version", "height", "hls", "limited", "tested"),
    [
        (("0.14.1-f4f3cfa",), "0.14.1-f4f3cfa", "h", True, False, True),
        (("0.16.4-abc\n",), "0.16.4-abc", "height", True, False, True),
        (("0.18.0-beta1-abc",), "0.18.0-beta1-abc", "height", False, True, True),
        (("dev-abc", "0.17-2"), "0.17-2", "height", True, True, True),
        (("1.0.0-abc",), "1.0.0-abc", "height", False, True, False),
    ],
)
def test_versions(said: tuple[str, ...], version: str, height: str, hls: bool, limited: bool, tested: bool) -> None:
    found = features(*said)
    assert (found.version, found.height, found.hls, found.allowed_cameras, found.tested) == (
        version,
        height,
        hls,
        limited,
        tested,
    )


def test_no_version() -> None:
    with pytest.raises(Malformed):
        features("<html>", "")


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (401, b"<html>", AuthError, "login_required"),
        (
            403,
            b'{"detail": "Access denied. A user with the admin role is required."}',
            Unsupported,
            "admin_role_missing",
        ),
        (403, b'{"detail": "Role not provided"}', Unsupported, "insufficient_permission"),
        (404, b'"Event not found"', Unsupported, "not_on_server"),
        (400, b'{"message": "No recordings found for the time"}', Unsupported, "not_on_server"),
        (400, b'"Invalid height"', Malformed, "malformed"),
        (422, b'{"detail": [{"type": "int_parsing"}]}', Malformed, "malformed"),
        (429, b"{}", Throttled, "throttled"),
        (500, b"webrtc: no route", Unreachable, "camera_offline"),
        (500, b"\xff", Unreachable, "device_fault"),
        (502, b"<html>", Unreachable, "server_starting"),
        (503, b"<html>", Unreachable, "server_starting"),
        (503, b'{"message": "Export queue is full. Try again later."}', Throttled, "throttled"),
    ],
)
def test_refusals(status: int, body: bytes, error: type[HubError], reason: str) -> None:
    found = refusal(status, body)
    assert isinstance(found, error)
    assert found.reason == reason


def test_throttling_says_how_long() -> None:
    found = [refusal(429, b"", 7.0), login_refusal(429, b"")]
    assert [each.retry_after for each in found if isinstance(each, Throttled)] == [7.0, THROTTLE_S]
    assert isinstance(login_refusal(400, b""), AuthError)


def test_reading_trusts_nothing() -> None:
    with pytest.raises(Malformed):
        from_json("[" * 100_000)
    assert child({"a": {"b": 1}}, "a", "b") == {}
    assert (texts("abc"), texts(["a", 1, "b"]), texts(None)) == ((), ("a", "b"), ())
    assert (text("  "), text(3)) == (None, None)
    assert [number(each) for each in (True, None, "x", "1.5", "nan", 10**400)] == [None, None, None, 1.5, None, None]
    for value in ("no list", {"a": 1}, 3):
        with pytest.raises(Malformed):
            objects(value)
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert [moment(each) for each in (noon.timestamp(), str(noon.timestamp()), "2026-01-02T12:00:00")] == [noon] * 3
    assert moment("2026-01-02 13:00:00+01:00") == noon
    assert [moment(each) for each in (None, "soon", 1e300)] == [None] * 3


def test_a_configuration_of_little_use() -> None:
    useless: tuple[JsonValue, ...] = (None, [], {}, {"cameras": []})
    for said in useless:
        with pytest.raises(Malformed):
            parse.site(said)
    found = parse.site({"cameras": {"_": {}}, "mqtt": {"topic_prefix": "garage"}, "birdseye": {"enabled": True}})
    assert (found.title, found.version) == ("Frigate (garage)", "")
    assert found.units == (parse.Unit(id="_", name="_", kinds=frozenset({EventKind.MOTION})),)


def test_a_stream_goes_by_its_own_name() -> None:
    def stream(live: JsonValue, *names: str) -> str | None:
        config: JsonValue = {"cameras": {"a": {"live": live}}, "go2rtc": {"streams": dict.fromkeys(names, "")}}
        return parse.site(config).units[0].stream

    assert stream({"streams": {"HD": "gone", "SD": "small"}}, "small", "a") == "small"
    assert stream({"stream_name": "main"}, "main", "a") == "main"
    assert stream({"streams": {"HD": "gone"}}, "a") == "a"
    assert stream({}, "b") is None


def test_the_stream_of_the_birdseye_view_is_not_in_the_configuration() -> None:
    def birdseye(view: JsonValue, *names: str) -> str | None:
        config: JsonValue = {"cameras": {}, "birdseye": view, "go2rtc": {"streams": dict.fromkeys(names, "")}}
        return next((each.stream for each in parse.site(config).units), "none")

    restreamed = {"enabled": True, "restream": True}
    assert [birdseye(restreamed), birdseye(restreamed, "yard")] == ["birdseye"] * 2
    assert birdseye({"enabled": True, "restream": False}, "yard") == "none"


@pytest.mark.parametrize(("configured", "offered"), [(True, True), (None, True), (False, False)])
def test_recordings_are_switched_only_where_the_server_would(configured: bool | None, offered: bool) -> None:
    record: JsonValue = {"enabled": False, "enabled_in_config": configured}
    (unit,) = parse.site({"cameras": {"gate": {"record": record}}}).units
    assert ("recordings" in unit.switches) == offered


def test_a_replay_is_no_camera() -> None:
    assert [each.id for each in parse.site({"cameras": {"gate": {}, "_replay_gate": {}}}).units] == ["gate"]


def test_a_camera_for_number_plates_tells_of_vehicles() -> None:
    (unit,) = parse.site({"cameras": {"gate": {"type": "lpr", "objects": {"track": []}}}}).units
    assert unit.kinds == {EventKind.MOTION, EventKind.VEHICLE}
    assert unit.recognised == {Recognised.PLATE, Recognised.NAME}


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("golf cart", EventKind.VEHICLE),
        ("Golf_Cart", EventKind.VEHICLE),
        ("coyote", EventKind.ANIMAL),
        ("baby", EventKind.PERSON),
        ("parcelforce", EventKind.PACKAGE),
        ("umbrella", EventKind.MOTION),
    ],
)
def test_what_labels_stand_for(label: str, kind: EventKind) -> None:
    assert parse.kind_of(label) is kind
    assert parse.kind_of(label, audio=True) is EventKind.SOUND


def test_figures_of_little_use() -> None:
    useless: tuple[JsonValue, ...] = (None, {}, {"detectors": {}}, {"cameras": "a,b"}, {"service": None})
    for said in useless:
        with pytest.raises(Malformed):
            parse.stats(said)
    storage = {"/media/frigate/recordings": {"free": 3, "total": 0}}
    found = parse.stats({"cameras": {"a": {"pid": 1}}, "service": {"storage": storage}, "detectors": {"cpu": 1}})
    assert (found.disk_free, found.inference, found.cpu) == (None, None, None)
    assert (found.disk_used_gib, found.disk_free_gib) == (None, 0)
    assert found.cameras["a"] == parse.Figures()
    assert parse.role({"username": "x"}) == ("admin", frozenset())
    with pytest.raises(Malformed):
        parse.role({})
    assert parse.review({"severity": "alert"}) == {}
    assert parse.reviews([{"data": {"detections": ["1"]}}]) == {}
    assert parse.presets({}) == ()
    assert parse.presets({"presets": ["a", " ", "a", "b"]}) == ("a", "b")


def test_sights() -> None:
    data: JsonValue = {"type": "audio", "score": 0.4}
    told: dict[str, JsonValue] = {"id": "1", "camera": "a", "start_time": "5.5", "sub_label": [], "data": data}
    found = tracked_object(told)
    assert (found.kind, found.label, found.score, found.sub_label) == (EventKind.SOUND, "", 0.4, None)
    assert found.details == {}
    for missing in ("id", "camera", "start_time"):
        with pytest.raises(Malformed):
            tracked_object({key: value for key, value in told.items() if key != missing})


def test_a_carrier_is_nobody_s_name() -> None:
    told: dict[str, JsonValue] = {"id": "1", "camera": "a", "label": "person", "start_time": 5}
    brought = tracked_object({**told, "sub_label": ["fedex", 0.8]})
    assert brought.details == {"label": "person", "sub_label": "fedex", "name": "fedex"}
    assert tracked_object({**told, "sub_label": ["Robin", 0.8]}).details["who"] == "Robin"


def test_only_what_is_over_is_forgotten(clock: FakeClock) -> None:
    tracker = Tracker(clock)

    def seen(at: int, end: float | None, heard: Heard, tracker: Tracker) -> int:
        event: JsonValue = {"id": f"{at}", "camera": "a", "label": "person", "start_time": at, "end_time": end}
        return len(tracker.take(tracked_object(child(event)), heard))

    assert seen(0, None, Heard.LISTED, tracker) == 1
    for at in range(1, REMEMBERED + 5):
        assert seen(at, at + 1, Heard.LISTED, tracker) == 2
    assert tracker.knows("0")
    assert not tracker.knows("1")
    assert seen(0, 9e5, Heard.LISTED, tracker) == 1
    busy = Tracker(clock)
    for at in range(REMEMBERED + 2):
        seen(at, None, Heard.LIVE, busy)
    assert (busy.knows("0"), busy.knows(f"{REMEMBERED + 1}")) == (True, True)
    assert busy.name("none", sub_label="x", plate=None) == []
    assert busy.name("0", sub_label=None, plate=None) == []


def test_an_object_at_rest_may_go_unseen(clock: FakeClock) -> None:
    tracker = Tracker(clock)
    event: dict[str, JsonValue] = {"id": "1", "camera": "a", "label": "car", "start_time": 1}
    assert len(tracker.take(tracked_object(event), Heard.LIVE)) == 1
    assert len(tracker.take(tracked_object({**event, "stationary": True}), Heard.LIVE)) == 2
    (named,) = tracker.name("1", sub_label="Robin's", plate=None)
    assert (named.id, named.phase, named.metadata["name"]) == ("1~rest1", EventPhase.UPDATE, "Robin's")
    assert tracker.lost("1") == [], "it was heard on this line"
    tracker.dialled()
    assert [(each.id, each.phase) for each in tracker.lost("1")] == [("1~rest1", EventPhase.END)]
    assert tracker.going_on == []


def test_what_has_ended_is_not_there_again(clock: FakeClock) -> None:
    tracker = Tracker(clock)
    event: dict[str, JsonValue] = {"id": "1", "camera": "a", "label": "car", "start_time": 1}
    there = present_object("a", {"id": "1", "label": "amazon", "stationary": True}, clock.now())
    assert [each.phase for each in tracker.there([there])] == [EventPhase.PRESENT]
    assert tracker.there([there]) == []
    (update,) = tracker.take(tracked_object({**event, "stationary": True, "zones": ["gate"]}), Heard.LIVE)
    assert (update.kind, update.metadata["label"]) == (EventKind.PACKAGE, "car"), "it ends as what it began as"
    (end,) = tracker.take(tracked_object({**event, "end_time": 9}), Heard.LIVE)
    assert (end.kind, end.phase) == (EventKind.PACKAGE, EventPhase.END)
    assert tracker.there([there]) == []


def test_when_what_is_there_came(clock: FakeClock) -> None:
    known = present_object("a", {"id": "1718987129.308396-fqk5ka", "label": "person-verified"}, clock.now())
    assert (known.label, known.kind, known.start.timestamp()) == ("person", EventKind.PERSON, 1718987129.308396)
    assert present_object("a", {"id": "x-y"}, clock.now()).start == clock.now()
    with pytest.raises(Malformed):
        present_object("a", {"label": "person"}, clock.now())

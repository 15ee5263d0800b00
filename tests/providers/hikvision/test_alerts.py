from datetime import UTC, datetime, timedelta, timezone

import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import EventKind
from custom_components.camhub.kernel.multipart import Part
from custom_components.camhub.providers.hikvision.alerts import Alert, read_alert, read_date, read_part, split_part
from custom_components.camhub.providers.hikvision.tree import read_xml


def alert(**fields: object) -> Alert:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return read_alert(read_xml(f"<EventNotificationAlert>{inside}</EventNotificationAlert>".encode()))


def entry(target: str) -> str:
    return f"<DetectionRegionEntry><detectionTarget>{target}</detectionTarget></DetectionRegionEntry>"


def part(body: bytes, kind: str = 'application/xml; charset="UTF-8"') -> Part:
    return Part(headers={"content-type": kind} if kind else {}, body=body)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02T03:04:05+01:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))),
        ("2026-01-02T03:04:05-8:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-8)))),
        ("2026-01-02T03:04:05-0330", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("2026-01-02T03:04:05+5", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5)))),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (" 2026-1-2 3:04:05 ", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2024-01-22T11:47:0500:00", datetime(2024, 1, 22, 11, 47, 5, tzinfo=UTC)),
        ("2024-01-22T11:47:0502:00", datetime(2024, 1, 22, 11, 47, 5, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-02-30T03:04:05Z", None),
        ("2026-01-02T03:04:05+99:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: datetime | None) -> None:
    assert read_date(value) == expected


def test_an_event_with_everything() -> None:
    regions = "".join(
        f"<DetectionRegionEntry><regionID>{region}</regionID><detectionTarget>{target}</detectionTarget>"
        "</DetectionRegionEntry>"
        for region, target in ((3, "human"), (4, "human"), (3, "vehicle"))
    )
    assert alert(
        channelID=34,
        dynChannelID=2,
        inputIOPortID=1,
        dynInputIOPortID=301,
        dateTime="2026-01-02T03:04:05Z",
        activePostCount=2,
        eventType="fielddetection",
        eventState="active",
        DetectionRegionList=regions,
    ) == Alert(
        type="fielddetection",
        kind=EventKind.INTRUSION,
        active=True,
        heartbeat=False,
        channel=34,
        proxy=2,
        io_port=1,
        proxy_io_port=301,
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        zones=("3", "4"),
        targets=("human", "vehicle"),
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VMD", EventKind.MOTION),
        ("vmd", EventKind.MOTION),
        ("VMDHumanVehicle", EventKind.MOTION),
        ("PIR", EventKind.MOTION),
        ("linedetection", EventKind.LINE_CROSSING),
        ("fielddetection", EventKind.INTRUSION),
        ("regionEntrance", EventKind.REGION_ENTRANCE),
        ("regionExiting", EventKind.REGION_EXIT),
        ("scenechangedetection", EventKind.SCENE_CHANGE),
        ("facedetection", EventKind.FACE),
        ("tamperdetection", EventKind.TAMPER),
        ("shelteralarm", EventKind.TAMPER),
        ("videoloss", EventKind.VIDEO_LOSS),
        ("IO", EventKind.ALARM_INPUT),
        ("faceCapture", EventKind.FACE),
        ("vehicledetection", EventKind.VEHICLE),
        ("ANPR", EventKind.VEHICLE),
        ("diskfull", None),
        ("TMA", None),
    ],
)
def test_kinds(name: str, kind: EventKind | None) -> None:
    assert alert(eventType=name, eventState="active", channelID=1).kind is kind


def test_a_duration_event_is_its_relation() -> None:
    related = "<Duration><relationEvent>linedetection</relationEvent></Duration>"
    found = alert(eventType="duration", eventState="active", DurationList=related)
    assert (found.type, found.kind) == ("linedetection", EventKind.LINE_CROSSING)
    assert alert(eventType="duration", eventState="active").kind is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 0, "channelID": 0}, True),
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 0, "channelID": 1}, True),
        ({"eventType": "videoloss", "eventState": "inactive", "channelID": "", "dynChannelID": ""}, True),
        ({"eventType": "heartBeat", "eventState": "active"}, True),
        ({"eventType": "other", "eventState": "inactive", "eventDescription": "Heartbeat"}, True),
        ({"eventType": "other", "eventState": "inactive", "eventDescription": "Other alarm"}, False),
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 1, "channelID": 0}, True),
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 0, "channelID": 3}, False),
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 0, "dynChannelID": 3}, False),
        ({"eventType": "videoloss", "eventState": "inactive", "activePostCount": 4, "channelID": 1}, False),
        ({"eventType": "videoloss", "eventState": "active", "activePostCount": 1, "channelID": 1}, False),
        ({"eventType": "VMD", "eventState": "inactive", "activePostCount": 0, "channelID": 0}, False),
    ],
)
def test_heartbeats(fields: dict[str, object], expected: bool) -> None:
    assert alert(**fields).heartbeat is expected


def test_an_empty_id_counts_as_absent() -> None:
    found = alert(eventType="VMD", channelID="", dynChannelID=5)
    assert (found.channel, found.proxy, found.active) == (None, 5, True)


def test_parts() -> None:
    xml = b"<EventNotificationAlert><eventType>VMD</eventType></EventNotificationAlert>"
    raw = xml.replace(b"</EventN", b"<eventPush>VMD&&EX-1,1</eventPush></EventN")
    for body in (xml, b"\r\n" + xml, raw):
        found = read_part(part(body))
        assert found is not None
        assert found.kind is EventKind.MOTION
    for body, kind in (
        (b'{"eventType": "VMD", "channelID": 1}', "application/json; charset=UTF-8"),
        (b' {"EventNotificationAlert": {"eventType": "VMD", "channelID": 1}}', ""),
    ):
        found = read_part(part(body, kind))
        assert found is not None
        assert (found.kind, found.channel) == (EventKind.MOTION, 1)
    assert read_part(part(b"\xff\xd8\xff", "image/jpeg")) is None
    assert read_part(part(b"\r\n")) is None


@pytest.mark.parametrize(
    ("fields", "targets"),
    [
        ({"targetType": "human"}, ("human",)),
        ({"detectionTarget": "vehicle"}, ("vehicle",)),
        (
            {"DetectionRegionList": "<DetectionRegionEntry><targetType>human</targetType></DetectionRegionEntry>"},
            ("human",),
        ),
        ({"targetType": "human", "DetectionRegionList": entry("human") + entry("vehicle")}, ("human", "vehicle")),
        ({"targetType": ""}, ()),
    ],
)
def test_what_was_seen_stands_in_several_places(fields: dict[str, object], targets: tuple[str, ...]) -> None:
    assert alert(eventType="VMD", eventState="active", channelID=2, **fields).targets == targets


def test_several_alerts_in_one_part_are_all_read() -> None:
    one = b"<EventNotificationAlert version='2.0'><eventType>%b</eventType></EventNotificationAlert>"
    body = b"<?xml version='1.0'?>" + one % b"VMD" + b"\r\n<?xml version='1.0'?>\n" + one % b"IO" + b"\r\n"
    assert [each.body.count(b"eventType>") for each in split_part(part(body))] == [2, 2]
    found = [read_part(each) for each in split_part(part(body))]
    assert [each and each.type for each in found] == ["VMD", "IO"]
    for alone in (part(one % b"VMD"), part(b"\xff\xd8\xff", "image/jpeg"), part(b'{"eventType": "VMD"}')):
        assert split_part(alone) == [alone]


@pytest.mark.parametrize(
    "body", [b"<EventNotificationAlert/>", b"<Other><eventType>VMD</eventType></Other>", b"{}", b"\xff\xd8", b"<"]
)
def test_what_is_no_alert_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_part(part(body))

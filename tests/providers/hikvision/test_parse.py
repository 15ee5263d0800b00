from collections.abc import Callable
import itertools

import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.model import EventKind
from custom_components.camhub.providers.hikvision import parse
from custom_components.camhub.providers.hikvision.parse import (
    Capabilities,
    Channel,
    Device,
    Source,
    State,
    Stream,
    Trigger,
)
from custom_components.camhub.providers.hikvision.tree import Node, read_xml

NAMESPACES = ["", ' xmlns="http://www.hikvision.com/ver20/XMLSchema"', ' xmlns="urn:psialliance-org"']


def tree(text: str) -> Node:
    return read_xml(text.encode())


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_device(namespace: str) -> None:
    root = tree(
        f"<DeviceInfo{namespace}><deviceName>Barn</deviceName><model>EX-1</model><serialNumber>EX-1S</serialNumber>"
        "<macAddress>02:00:5e:00:53:01</macAddress><firmwareVersion>V5</firmwareVersion>"
        "<firmwareReleasedDate>build 1</firmwareReleasedDate><deviceType>IPCamera</deviceType>"
        "<manufacturer>hikvision</manufacturer></DeviceInfo>"
    )
    assert parse.device(root) == Device(
        name="Barn",
        model="EX-1",
        serial="EX-1S",
        mac="02:00:5e:00:53:01",
        firmware="V5 build 1",
        type="IPCamera",
        manufacturer="Hikvision",
    )


def test_a_device_that_says_little() -> None:
    about = parse.device(tree("<DeviceInfo><deviceName> </deviceName><serialNumber/></DeviceInfo>"))
    assert (about.name, about.model, about.serial, about.firmware, about.type) == ("Hikvision", None, None, None, "")
    assert parse.device(tree("<DeviceInfo><model>EX-1</model></DeviceInfo>")).name == "EX-1"


def test_capabilities() -> None:
    root = tree(
        "<DeviceCap><SysCap><VideoCap><videoInputPortNums>4</videoInputPortNums></VideoCap></SysCap>"
        "<RacmCap><inputProxyNums>6</inputProxyNums><isSupportZeroChan>false</isSupportZeroChan></RacmCap></DeviceCap>"
    )
    assert parse.capabilities(root) == Capabilities(inputs=4, proxies=6, zero=False)
    assert parse.capabilities(tree("<DeviceCap/>")) == Capabilities(inputs=0, proxies=0, zero=True)


@pytest.mark.parametrize(
    ("kind", "able", "expected"),
    [
        ("NVR", Capabilities(), True),
        ("DVR", Capabilities(inputs=4), True),
        ("hybirdNVR", Capabilities(), True),
        ("IPCamera", Capabilities(inputs=2), False),
        ("IPDome", Capabilities(proxies=4), False),
        ("VIS", Capabilities(inputs=1, proxies=16), False),
        ("ACS", Capabilities(proxies=2), False),
        ("", Capabilities(inputs=1), False),
        ("", Capabilities(inputs=4, proxies=2), True),
    ],
)
def test_what_is_a_recorder(kind: str, able: Capabilities, expected: bool) -> None:
    about = parse.device(tree(f"<DeviceInfo><deviceType>{kind}</deviceType></DeviceInfo>"))
    assert parse.is_recorder(about, able) is expected


def test_inputs_one_or_many_with_and_without_signal() -> None:
    one = "<VideoInputChannel><id>1</id><name> Porch</name><resDesc>1920*1080P25</resDesc></VideoInputChannel>"
    dark = "<VideoInputChannel><id>2</id><name>  </name><resDesc>NO VIDEO</resDesc></VideoInputChannel>"
    unused = "<VideoInputChannel><id>3</id><videoInputEnabled>false</videoInputEnabled></VideoInputChannel>"
    nameless = "<VideoInputChannel><name>no id</name></VideoInputChannel>"
    first = Channel(source=Source.INPUT, number=1, name="Porch", online=True)
    second = Channel(source=Source.INPUT, number=2, online=False, offline_reason="no_video_signal")
    assert parse.inputs(tree(f"<VideoInputChannelList>{one}</VideoInputChannelList>")) == [first]
    listed = f"<VideoInputChannelList>{one}{dark}{unused}{nameless}</VideoInputChannelList>"
    assert parse.inputs(tree(listed)) == [first, second]
    assert parse.inputs(tree("<VideoInputChannelList/>")) == []


def test_an_id_may_be_a_letter_and_a_number() -> None:
    listed = "".join(f"<VideoInputChannel><id>{each}</id></VideoInputChannel>" for each in ("I-1", "A2", "x", "1-2"))
    found = parse.inputs(tree(f"<VideoInputChannelList>{listed}</VideoInputChannelList>"))
    assert [each.id for each in found] == ["input-1", "input-2"]
    found = parse.proxies(
        tree("<InputProxyChannelList><InputProxyChannel><id>D-9</id></InputProxyChannel></InputProxyChannelList>")
    )
    assert [each.id for each in found] == ["proxy-9"]
    state = "<InputProxyChannelStatus><id>D-9</id><online>true</online></InputProxyChannelStatus>"
    assert parse.states(tree(state)) == {9: State(online=True)}
    told = trigger("VMD", "<videoInputChannelID>I-3</videoInputChannelID>", "center")
    assert parse.triggers(tree(f"<EventTriggerList>{told}</EventTriggerList>")) == {
        Trigger(kind=EventKind.MOTION, channel=3, proxied=False)
    }


def proxy(number: int, *, serial: str = "", protocol: str = "ONVIF") -> str:
    return (
        f"<InputProxyChannel><id>{number}</id><name>P{number}</name><sourceInputPortDescriptor>"
        f"<proxyProtocol>{protocol}</proxyProtocol><ipAddress>192.0.2.{number}</ipAddress><model/>"
        f"<serialNumber>{serial}</serialNumber></sourceInputPortDescriptor></InputProxyChannel>"
    )


def test_proxies_with_repeated_serials_stay_apart() -> None:
    listed = proxy(1, serial="A", protocol="HIKVISION") + proxy(2, serial="0") + proxy(3, serial="0") + proxy(4)
    found = parse.proxies(tree(f"<InputProxyChannelList>{listed}<InputProxyChannel/></InputProxyChannelList>"))
    assert [each.id for each in found] == ["proxy-1", "proxy-2", "proxy-3", "proxy-4"]
    assert [each.serial for each in found] == ["A", None, None, None]
    assert [each.manufacturer for each in found] == ["Hikvision", "ONVIF", "ONVIF", "ONVIF"]
    own = parse.proxies(tree(f"<InputProxyChannelList>{proxy(1, protocol='ISAPI')}</InputProxyChannelList>"))
    assert own[0].manufacturer == "Hikvision"
    assert found[1].address == "192.0.2.2"
    assert found[1].name == "P2"


def test_zero_channels_only_when_switched_on() -> None:
    listed = "".join(
        f"<ZeroVideoChannel>{inside}</ZeroVideoChannel>"
        for inside in ("<id>1</id><enabled>true</enabled>", "<id>2</id><enabled>false</enabled>", "")
    )
    found = parse.zeros(tree(f"<ZeroVideoChannelList>{listed}</ZeroVideoChannelList>"))
    assert found == [Channel(source=Source.ZERO, number=1, online=True)]


@pytest.mark.parametrize(
    ("online", "detect", "expected"),
    [
        ("true", "connect", (True, None)),
        ("", "connect", (True, None)),
        ("true", "", (True, None)),
        ("", "", (None, None)),
        ("false", "", (False, "camera_offline")),
        ("false", "connect", (False, "camera_offline")),
        ("false", "offline", (False, "camera_offline")),
        ("true", "notExist", (False, "camera_offline")),
        ("false", "netUnreachable", (False, "camera_network_unreachable")),
        ("false", "ipAddrConflict", (False, "camera_network_unreachable")),
        ("false", "userNameOrPasswordError", (False, "camera_wrong_password")),
        ("false", "noVideo", (False, "no_video_signal")),
    ],
)
def test_states(online: str, detect: str, expected: tuple[bool | None, str | None]) -> None:
    one = (
        f"<InputProxyChannelStatus><id>3</id><online>{online}</online>"
        f"<chanDetectResult>{detect}</chanDetectResult></InputProxyChannelStatus>"
    )
    state = State(online=expected[0], offline_reason=expected[1])
    assert parse.states(tree(one)) == {3: state}
    listed = f"<InputProxyChannelStatusList>{one}<InputProxyChannelStatus/></InputProxyChannelStatusList>"
    assert parse.states(tree(listed)) == {3: state}


def test_streams() -> None:
    first = (
        "<StreamingChannel><id>101</id><enabled>true</enabled><Video><videoResolutionWidth>2560</videoResolutionWidth>"
        "<videoResolutionHeight>1440</videoResolutionHeight></Video></StreamingChannel>"
    )
    others = (
        "<StreamingChannel><id>1</id></StreamingChannel><StreamingChannel><id>1202</id></StreamingChannel>"
        "<StreamingChannel><id>x</id></StreamingChannel>"
        "<StreamingChannel><id>103</id><enabled>false</enabled></StreamingChannel>"
    )
    main = Stream(id="101", channel=1, rank=1, width=2560, height=1440)
    listed = parse.streams(tree(f"<StreamingChannelList>{first}{others}</StreamingChannelList>"))
    assert listed == [main, Stream(id="001", channel=0, rank=1), Stream(id="1202", channel=12, rank=2)]
    assert parse.streams(tree(first)) == [main]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<protocol>HTTP</protocol><portNo>80</portNo>", 554),
        ("<protocol>RTSP</protocol><portNo>10554</portNo>", 10554),
        ("<protocol>rtsp</protocol><portNo>8554</portNo>", 8554),
        ("<protocol>RTSP</protocol><portNo>99999</portNo>", 554),
        ("<protocol>RTSP</protocol>", 554),
    ],
)
def test_rtsp_port(inside: str, expected: int) -> None:
    assert (
        parse.rtsp_port(
            tree(
                f"<AdminAccessProtocolList><AdminAccessProtocol>{inside}</AdminAccessProtocol>"
                "</AdminAccessProtocolList>"
            )
        )
        == expected
    )


def trigger(kind: str, where: str, *methods: str) -> str:
    told = "".join(
        f"<EventTriggerNotification><notificationMethod>{method}</notificationMethod></EventTriggerNotification>"
        for method in methods
    )
    return (
        f"<EventTrigger><eventType>{kind}</eventType>{where}"
        f"<EventTriggerNotificationList>{told}</EventTriggerNotificationList></EventTrigger>"
    )


def test_triggers_are_what_reaches_the_surveillance_centre() -> None:
    listed = (
        trigger("VMD", "<videoInputChannelID>1</videoInputChannelID>", "record", "center")
        + trigger("linedetection", "<dynVideoInputChannelID>2</dynVideoInputChannelID>", "center")
        + trigger("IO", "<dynInputIOPortID>301</dynInputIOPortID>", "center")
        + trigger("IO", "<inputIOPortID>1</inputIOPortID>", "center")
        + trigger("PIR", "<videoInputChannelID>4</videoInputChannelID>", "HTTP")
        + trigger("fielddetection", "<videoInputChannelID>1</videoInputChannelID>", "email")
        + trigger("facedetection", "<videoInputChannelID>1</videoInputChannelID>")
        + trigger("diskfull", "", "center")
    )
    assert parse.triggers(tree(f"<EventTriggerList>{listed}</EventTriggerList>")) == {
        Trigger(kind=EventKind.MOTION, channel=1, proxied=False),
        Trigger(kind=EventKind.LINE_CROSSING, channel=2, proxied=True),
        Trigger(kind=EventKind.MOTION, channel=4, proxied=False),
        Trigger(kind=EventKind.ALARM_INPUT, channel=3, proxied=True),
        Trigger(kind=EventKind.ALARM_INPUT, channel=None, proxied=False),
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("<VideoEncryption><enabled>true</enabled></VideoEncryption>", True),
        ("<VideoEncryption><enabled>false</enabled></VideoEncryption>", False),
        ("<Any><x><enabled>true</enabled></x></Any>", True),
        ("<EZVIZ><enabled>true</enabled><streamEncrypteEnabled>false</streamEncrypteEnabled></EZVIZ>", False),
        ("<EZVIZ><enabled>false</enabled><streamEncrypteEnabled>true</streamEncrypteEnabled></EZVIZ>", True),
    ],
)
def test_encryption(document: str, expected: bool) -> None:
    assert parse.encrypted(tree(document)) is expected


READERS: list[Callable[[Node], object]] = [
    parse.device,
    parse.capabilities,
    parse.inputs,
    parse.proxies,
    parse.zeros,
    parse.states,
    parse.streams,
    parse.rtsp_port,
    parse.triggers,
    parse.encrypted,
]


@pytest.mark.parametrize(
    ("read", "document"),
    list(itertools.product(READERS, ["<html><body>login</body></html>", "<EZVIZ/>"])),
)
def test_another_document_is_malformed(read: Callable[[Node], object], document: str) -> None:
    with pytest.raises(Malformed):
        read(tree(document))

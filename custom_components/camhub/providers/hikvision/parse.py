"""What a device says of itself, as values (protocols.md 1.3). Each function raises Malformed for another document."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
import re
from types import MappingProxyType
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import EventKind
from .tree import Node, children, descendants, flag, name_of, number, text

DEFAULT_RTSP_PORT: Final = 554
_HIGHEST_PORT: Final = 65535
_STREAMS_PER_CHANNEL: Final = 100
_CONNECTED: Final = frozenset({"connect", "connected", "normal", "online", "ok"})
_OWN_PROTOCOLS: Final = frozenset({"HIKVISION", "ISAPI"})
# Parts of what `chanDetectResult` may say; firmwares differ in the words (protocols.md 1.3 names three).
_PASSWORD_WORDS: Final = ("passw", "username", "login", "locked")
_NETWORK_WORDS: Final = ("unreach", "network", "domain", "ipaddr", "ipconflict")
_PICTURE_WORDS: Final = ("video", "stream")


class Source(StrEnum):
    """Where a channel's picture comes from; with the channel's number it makes the camera's id."""

    INPUT = "input"
    PROXY = "proxy"
    ZERO = "zero"


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """`System/deviceInfo`."""

    name: str
    model: str | None
    serial: str | None
    mac: str | None
    firmware: str | None
    type: str
    manufacturer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """`System/capabilities`: how many analogue inputs and IP channels there may be, and the zero channel."""

    inputs: int = 0
    proxies: int = 0
    zero: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One camera as the device lists it; `number` is its own of its `source`, `name` None where it is blank."""

    source: Source
    number: int
    name: str | None = None
    manufacturer: str = "Hikvision"
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    address: str | None = None
    online: bool | None = None
    offline_reason: str | None = None

    @property
    def id(self) -> str:
        """Return the camera's id within the account: it survives a new name, address or camera behind the channel."""
        return f"{self.source}-{self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Whether an IP channel's camera is there, and the slug of why not; None where the recorder does not say."""

    online: bool | None = None
    offline_reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """One encoded stream: `id` as in its addresses, its channel, 1 for main, and its size in pixels."""

    id: str
    channel: int
    rank: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """An event that the device was told to send; `channel` None is the device itself."""

    kind: EventKind
    channel: int | None
    proxied: bool


EVENT_KINDS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "vmd": EventKind.MOTION,
        "motion": EventKind.MOTION,
        "motiondetection": EventKind.MOTION,
        "vmdhumanvehicle": EventKind.MOTION,
        "pir": EventKind.MOTION,
        "linedetection": EventKind.LINE_CROSSING,
        "fielddetection": EventKind.INTRUSION,
        "regionentrance": EventKind.REGION_ENTRANCE,
        "regionexiting": EventKind.REGION_EXIT,
        "scenechangedetection": EventKind.SCENE_CHANGE,
        "facedetection": EventKind.FACE,
        "facesnap": EventKind.FACE,
        "facecapture": EventKind.FACE,
        "vehicledetection": EventKind.VEHICLE,
        "anpr": EventKind.VEHICLE,
        "tamperdetection": EventKind.TAMPER,
        "shelteralarm": EventKind.TAMPER,
        "videoloss": EventKind.VIDEO_LOSS,
        "audioexception": EventKind.SOUND,
        "io": EventKind.ALARM_INPUT,
    }
)


def device(root: Node) -> Device:
    """Read `System/deviceInfo`."""
    _expect(root, "DeviceInfo")
    model = text(root, "model")
    return Device(
        name=text(root, "deviceName") or model or "Hikvision",
        model=model,
        serial=text(root, "serialNumber"),
        mac=text(root, "macAddress"),
        firmware=" ".join(filter(None, (text(root, "firmwareVersion"), text(root, "firmwareReleasedDate")))) or None,
        type=text(root, "deviceType") or "",
        manufacturer=(text(root, "manufacturer") or "Hikvision").title(),
    )


def capabilities(root: Node) -> Capabilities:
    """Read `System/capabilities`."""
    _expect(root, "DeviceCap")
    return Capabilities(
        inputs=_first_number(root, "videoInputPortNums"),
        proxies=_first_number(root, "inputProxyNums"),
        zero=all(flag(each) is not False for each in descendants(root, "isSupportZeroChan")),
    )


def stream_id(channel: int, rank: int) -> str:
    """Return a stream's id by the rule channel * 100 + stream: `101`, and `001` for the zero channel."""
    return f"{channel * _STREAMS_PER_CHANNEL + rank:03}"


def is_recorder(about: Device, able: Capabilities) -> bool:
    """Return whether the device records other cameras; its type decides, else the number of channels."""
    if re.search(r"nvr|dvr|hvr|xvr|hybrid", about.type, re.IGNORECASE):
        return True
    if re.search(r"ipc|camera|dome|zoom|door|^vis$|^acs$", about.type, re.IGNORECASE):
        return False
    return able.inputs + able.proxies > 1


def inputs(root: Node) -> Sequence[Channel]:
    """Read `System/Video/inputs/channels`: the inputs of a camera or the analogue ones of a recorder."""
    _expect(root, "VideoInputChannelList")
    return [
        Channel(
            source=Source.INPUT,
            number=found,
            name=text(each, "name"),
            online="NO VIDEO" not in (text(each, "resDesc") or "").upper(),
            offline_reason="no_video_signal" if "NO VIDEO" in (text(each, "resDesc") or "").upper() else None,
        )
        for each in children(root, "VideoInputChannel")
        if (found := _ordinal(each, "id")) is not None and flag(each, "videoInputEnabled") is not False
    ]


def proxies(root: Node) -> Sequence[Channel]:
    """Read `ContentMgmt/InputProxy/channels`: the IP cameras of a recorder."""
    _expect(root, "InputProxyChannelList")
    found = [channel for each in children(root, "InputProxyChannel") if (channel := _proxy(each)) is not None]
    times = Counter(channel.serial for channel in found)
    return [channel if times[channel.serial] == 1 else replace(channel, serial=None) for channel in found]


def zeros(root: Node) -> Sequence[Channel]:
    """Read `ContentMgmt/ZeroVideo/channels`: the recorder's own mosaic, if it is switched on."""
    _expect(root, "ZeroVideoChannelList")
    return [
        Channel(source=Source.ZERO, number=found, name=text(each, "name"), online=True)
        for each in children(root, "ZeroVideoChannel")
        if (found := number(each, "id")) is not None and flag(each, "enabled")
    ]


def states(root: Node) -> Mapping[int, State]:
    """Read the status of one or all IP channels, by number."""
    _expect(root, "InputProxyChannelStatusList", "InputProxyChannelStatus")
    found = (root,) if name_of(root) == "InputProxyChannelStatus" else children(root, "InputProxyChannelStatus")
    return {channel: _state(each) for each in found if (channel := _ordinal(each, "id")) is not None}


def streams(root: Node) -> Sequence[Stream]:
    """Read `Streaming/channels` or `ContentMgmt/StreamingProxy/channels`; an id is channel * 100 + stream."""
    _expect(root, "StreamingChannelList", "StreamingProxyChannelList", "StreamingChannel")
    listed = (root,) if name_of(root) == "StreamingChannel" else root
    return [stream for each in listed if (stream := _stream(each)) is not None]


def rtsp_port(root: Node) -> int:
    """Read the port of RTSP from `Security/adminAccesses`, 554 where it is not named."""
    _expect(root, "AdminAccessProtocolList")
    for each in children(root, "AdminAccessProtocol"):
        port = number(each, "portNo")
        if (text(each, "protocol") or "").upper() == "RTSP" and port and port <= _HIGHEST_PORT:
            return port
    return DEFAULT_RTSP_PORT


def triggers(root: Node) -> frozenset[Trigger]:
    """Read from `Event/triggers` what is sent to the surveillance centre; all else never reaches alertStream."""
    _expect(root, "EventTriggerList", "EventNotification")
    found = (_trigger(each) for each in descendants(root, "EventTrigger"))
    return frozenset(each for each in found if each is not None)


def encrypted(root: Node) -> bool:
    """Read whether streams leave the device encrypted, from `Security/videoEncryption` or `System/Network/EZVIZ`.

    The first is what pyHik reads, any `enabled`; the second holds `streamEncrypteEnabled` (sic).
    """
    switch = "streamEncrypteEnabled" if name_of(root) == "EZVIZ" else "enabled"
    values = [flag(each) for each in descendants(root, switch)]
    if not values:
        raise Malformed(f"no {switch}")
    return values[0] is True


def has_disk(root: Node) -> bool:
    """Read from `ContentMgmt/Storage` whether there is anything to record on: a disk, a card or a network drive."""
    _expect(root, "storage")
    return any(next(descendants(root, name), None) is not None for name in ("hdd", "nas"))


def _expect(root: Node, *names: str) -> None:
    if name_of(root) not in names:
        raise Malformed(f"{name_of(root)[:40]} in place of {names[0]}")


def _ordinal(node: Node, name: str) -> int | None:
    """Return a channel's number; hybrid recorders of other makes write `I-1` and `D-1`."""
    found = re.fullmatch(r"[A-Za-z]?-?(\d{1,5})", text(node, name) or "", re.ASCII)
    return int(found[1]) if found else None


def _first_number(root: Node, name: str) -> int:
    return next((found for each in descendants(root, name) if (found := number(each)) is not None), 0)


def _proxy(node: Node) -> Channel | None:
    found = _ordinal(node, "id")
    if found is None:
        return None
    source = next(children(node, "sourceInputPortDescriptor"), None)
    protocol = text(source, "proxyProtocol") or "Hikvision"
    return Channel(
        source=Source.PROXY,
        number=found,
        name=text(node, "name"),
        manufacturer="Hikvision" if protocol.upper() in _OWN_PROTOCOLS else protocol,
        model=text(source, "model"),
        serial=text(source, "serialNumber"),
        firmware=text(source, "firmwareVersion"),
        address=text(source, "ipAddress"),
    )


def _state(node: Node) -> State:
    online, result = flag(node, "online"), (text(node, "chanDetectResult") or "").lower()
    if online is False or (result and result not in _CONNECTED):
        return State(online=False, offline_reason=_offline_reason(result))
    return State(online=True if result else online)


def _offline_reason(result: str) -> str:
    if any(word in result for word in _PASSWORD_WORDS):
        return "camera_wrong_password"
    if any(word in result for word in _NETWORK_WORDS):
        return "camera_network_unreachable"
    if any(word in result for word in _PICTURE_WORDS):
        return "no_video_signal"
    return "camera_offline"


def _stream(node: Node) -> Stream | None:
    found = number(node, "id")
    if found is None or flag(node, "enabled") is False:
        return None
    video = next(children(node, "Video"), None)
    channel, rank = divmod(found, _STREAMS_PER_CHANNEL)
    return Stream(
        id=stream_id(channel, rank),
        channel=channel,
        rank=rank,
        width=number(video, "videoResolutionWidth"),
        height=number(video, "videoResolutionHeight"),
    )


def _trigger(node: Node) -> Trigger | None:
    kind = EVENT_KINDS.get((text(node, "eventType") or "").lower())
    methods = {(text(each) or "").lower() for each in descendants(node, "notificationMethod")}
    # Old firmware calls it HTTP.
    if kind is None or not methods & {"center", "http"}:
        return None
    own, proxied = _ordinal(node, "videoInputChannelID"), _ordinal(node, "dynVideoInputChannelID")
    if own is None and proxied is None and (port := number(node, "dynInputIOPortID")) is not None:
        # 301 is the first alarm input of IP channel 3.
        proxied = port // _STREAMS_PER_CHANNEL
    return Trigger(kind=kind, channel=proxied if own is None else own, proxied=own is None and proxied is not None)

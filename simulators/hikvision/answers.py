"""The documents a device gives of itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .markup import Value, document
from .personality import Channel, Personality

TIME_ZONE: Final = "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"
STATUS_TEXT: Final = {
    1: "OK",
    2: "Device Busy",
    3: "Device Error",
    4: "Invalid Operation",
    5: "Invalid XML Format",
    6: "Invalid XML Content",
    7: "Reboot Required",
}


class Answers:
    """The documents of one device, by path below its prefix; `online` tells whether a channel is there now."""

    def __init__(self, device: Personality, rtsp_port: int, online: Callable[[Channel], bool]) -> None:
        """Remember what to speak of."""
        self._device = device
        self._online = online
        self.rtsp_port = rtsp_port
        self.video_encryption = False
        self._documents: Mapping[str, Callable[[], str | int]] = {
            "/System/deviceInfo": self._device_info,
            "/System/capabilities": self._capabilities,
            "/System/status": self._status,
            "/System/time": self._time,
            "/System/Video/inputs/channels": self._inputs,
            "/Security/userCheck": self._user_check,
            "/Security/adminAccesses": self._ports,
            "/Security/videoEncryption": self._encryption,
            "/ContentMgmt/InputProxy/channels": self._proxies,
            "/ContentMgmt/InputProxy/channels/status": self._proxy_states,
            "/ContentMgmt/ZeroVideo/channels": self._zero,
            "/ContentMgmt/Storage": self._storage,
            "/Streaming/channels": self._streams,
            "/Event/triggers": self._triggers,
        }

    def find(self, path: str) -> str | int:
        """Return a document, or the bare status of a path that this device refuses."""
        if (maker := self._documents.get(path)) is not None:
            return maker()
        parts = path.strip("/").split("/")
        match parts:
            case ["Streaming", "channels", number] if number.isdigit():
                return self._stream(int(number))
            case ["ContentMgmt", "InputProxy", "channels", number, "status"] if number.isdigit():
                return self._proxy_state(int(number))
            case _:
                return 404

    def status(self, path: str, code: int, sub_code: str = "") -> str:
        """Return a `ResponseStatus`."""
        told: dict[str, Value] = {"requestURL": path, "statusCode": code, "statusString": STATUS_TEXT[code]}
        if sub_code:
            told["subStatusCode"] = sub_code
        return self._document("ResponseStatus", told)

    def search_result(self, content: Value) -> str:
        """Return a `CMSearchResult`."""
        return self._document("CMSearchResult", content)

    def channel_of_stream(self, stream: int) -> Channel | None:
        """Return whose stream an id names; a camera also takes its bare channel number."""
        number = stream if stream < 100 and self._device.kind == "IPCamera" else stream // 100
        return next((each for each in self._device.channels if each.id == number), None)

    def _document(self, root: str, value: Value) -> str:
        return document(root, value, self._device.namespace)

    def _device_info(self) -> str:
        device = self._device
        return self._document(
            "DeviceInfo",
            {
                "deviceName": device.name,
                "deviceID": f"53494d00-0000-0000-0000-{device.mac.replace(':', '')}",
                "model": device.model,
                "serialNumber": device.serial,
                "macAddress": device.mac,
                "firmwareVersion": device.firmware,
                "firmwareReleasedDate": "build 260101",
                "deviceType": device.kind,
            },
        )

    def _capabilities(self) -> str:
        own = sum(not each.ip for each in self._device.channels)
        told: dict[str, Value] = {"SysCap": {"VideoCap": {"videoInputPortNums": own, "videoOutputPortNums": 0}}}
        if self._device.ip_slots:
            told["RacmCap"] = {"inputProxyNums": self._device.ip_slots}
        return self._document("DeviceCap", told)

    def _status(self) -> str:
        return self._document(
            "DeviceStatus",
            {
                "currentDeviceTime": "2026-01-02T04:04:05+01:00",
                "deviceUpTime": 86_400,
                "CPUList": {"CPU": {"cpuDescription": "1", "cpuUtilization": 21}},
                "MemoryList": {"Memory": {"memoryDescription": "DDR", "memoryUsage": 180, "memoryAvailable": 76}},
            },
        )

    def _time(self) -> str:
        told = {"timeMode": "NTP", "localTime": "2026-01-02T04:04:05+01:00", "timeZone": TIME_ZONE}
        return self._document("Time", told)

    def _user_check(self) -> str:
        return self._document("userCheck", {"statusValue": 200, "statusString": "OK"})

    def _ports(self) -> str:
        ports = {"HTTP": 80, "RTSP": self.rtsp_port, "HTTPS": 443, "DEV_MANAGE": 8000}
        listed: list[Value] = [
            {"id": place, "enabled": True, "protocol": name, "portNo": port}
            for place, (name, port) in enumerate(ports.items(), 1)
        ]
        return self._document("AdminAccessProtocolList", {"AdminAccessProtocol": listed})

    def _encryption(self) -> str:
        return self._document("VideoEncryption", {"enabled": self.video_encryption})

    def _proxies(self) -> str | int:
        if not self._device.ip_slots:
            return 403
        return self._list("InputProxyChannelList", "InputProxyChannel", [self._proxy(each) for each in self._ip()])

    def _proxy(self, channel: Channel) -> Value:
        return {
            "id": channel.id,
            "name": channel.name,
            "sourceInputPortDescriptor": {
                **_source(channel),
                "model": channel.model,
                "serialNumber": channel.serial,
                "firmwareVersion": channel.firmware,
                "deviceID": None,
            },
            "enableTiming": True,
        }

    def _proxy_states(self) -> str | int:
        if not self._device.ip_slots or not self._device.status_list:
            return 404
        states = [self._state(each) for each in self._ip()]
        return self._list("InputProxyChannelStatusList", "InputProxyChannelStatus", states)

    def _proxy_state(self, number: int) -> str | int:
        found = next((each for each in self._ip() if each.id == number), None)
        return 404 if found is None else self._document("InputProxyChannelStatus", self._state(found))

    def _state(self, channel: Channel) -> Value:
        online = self._online(channel)
        return {
            "id": channel.id,
            "sourceInputPortDescriptor": _source(channel),
            "online": online,
            "chanDetectResult": "connect" if online else channel.detect,
            "securityStatus": "strong",
        }

    def _inputs(self) -> str | int:
        own = [each for each in self._device.channels if not each.ip]
        if not own:
            return 403
        return self._list("VideoInputChannelList", "VideoInputChannel", [self._input(each) for each in own])

    def _input(self, channel: Channel) -> Value:
        told: dict[str, Value] = {"id": channel.id, "inputPort": channel.id, "name": channel.name, "videoFormat": "PAL"}
        if self._device.kind == "DVR":
            width, height = channel.size
            told["resDesc"] = f"{width}*{height}P25" if self._online(channel) else "NO VIDEO"
        return told

    def _zero(self) -> str | int:
        if not self._device.zero_channel:
            return 403
        return self._list("ZeroVideoChannelList", "ZeroVideoChannel", [{"id": 1, "enabled": True, "inputPort": 1}])

    def _storage(self) -> str:
        disk: Value = {
            "id": 1,
            "hddName": "hdd1",
            "hddType": "SATA",
            "status": "ok",
            "capacity": 1_907_729,
            "freeSpace": 512,
        }
        return self._document("storage", {"hddList": {"hdd": disk}, "nasList": None, "workMode": "quota"})

    def _streams(self) -> str:
        found: list[Value] = [
            self._stream_value(channel, kind) for channel in self._device.channels for kind in self._device.streams
        ]
        if self._device.zero_channel:
            found.append({"id": 1, "channelName": "Zero", "enabled": True, "Video": {"videoCodecType": "H.264"}})
        return self._list("StreamingChannelList", "StreamingChannel", found)

    def _stream(self, number: int) -> str | int:
        channel = self.channel_of_stream(number)
        kind = number % 100 if number >= 100 else 1
        if channel is None or (channel.ip and not self._online(channel)):
            return 403
        if kind not in self._device.streams:
            return self._device.missing.get(kind, 403)
        return self._document("StreamingChannel", self._stream_value(channel, kind))

    def _stream_value(self, channel: Channel, kind: int) -> Value:
        width, height = channel.size if kind == 1 else (640, 360)
        return {
            "id": channel.id * 100 + kind,
            "channelName": channel.name,
            "enabled": True,
            "Transport": {"ControlProtocolList": {"ControlProtocol": {"streamingTransport": "RTSP"}}},
            "Video": {
                "enabled": True,
                "videoInputChannelID": channel.id,
                "videoCodecType": channel.codec if kind == 1 else channel.sub_codec,
                "videoResolutionWidth": width,
                "videoResolutionHeight": height,
                "maxFrameRate": 2500,
                "snapShotImageType": "JPEG",
            },
            "Audio": {"enabled": False, "audioCompressionType": "G.711ulaw"},
        }

    def _triggers(self) -> str:
        kinds = ("VMD", "linedetection", "fielddetection", "tamperdetection")
        told = [self._trigger(channel, kind) for channel in self._device.channels for kind in kinds]
        return self._list("EventTriggerList", "EventTrigger", told)

    def _trigger(self, channel: Channel, kind: str) -> Value:
        where = "dynVideoInputChannelID" if channel.ip else "videoInputChannelID"
        methods = ["record", "center"] if channel.notifies else ["record"]
        told = [{"id": method, "notificationMethod": method} for method in methods]
        return {
            "id": f"{kind}-{channel.id}",
            "eventType": kind,
            where: channel.id,
            "EventTriggerNotificationList": {"EventTriggerNotification": told},
        }

    def _ip(self) -> list[Channel]:
        return [each for each in self._device.channels if each.ip]

    def _list(self, root: str, name: str, values: Sequence[Value]) -> str:
        return self._document(root, {name: values} if values else {})


def _source(channel: Channel) -> Mapping[str, Value]:
    return {
        "proxyProtocol": channel.protocol,
        "addressingFormatType": "ipaddress",
        "ipAddress": f"192.0.2.{20 + channel.id}",
        "managePortNo": 8000 if channel.protocol == "HIKVISION" else 80,
        "srcInputPort": 1,
        "userName": "admin",
        "streamType": "auto",
    }

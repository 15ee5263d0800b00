"""The devices that can be played: what each has and how its answers differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HIKVISION_20: Final = "http://www.hikvision.com/ver20/XMLSchema"
HIKVISION_10: Final = "http://www.hikvision.com/ver10/XMLSchema"
ISAPI_20: Final = "http://www.isapi.org/ver20/XMLSchema"
STD_CGI_20: Final = "http://www.std-cgi.com/ver20/XMLSchema"


@dataclass(kw_only=True, slots=True)
class Channel:
    """One camera of a device; `ip` tells a recorder's network camera from an analogue or its own input.

    `alert_id` is the number its alerts carry, `detect` what `chanDetectResult` says while it is offline.
    """

    id: int
    name: str
    ip: bool = False
    protocol: str = "HIKVISION"
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    codec: str = "H.264"
    sub_codec: str = "H.264"
    size: tuple[int, int] = (1920, 1080)
    online: bool = True
    detect: str = "netUnreachable"
    alert_id: int = 0
    notifies: bool = True

    def __post_init__(self) -> None:
        """Let alerts carry the channel's own number unless told otherwise."""
        self.alert_id = self.alert_id or self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Personality:
    """A kind of device; `missing` is the status of streams it does not have, by the last digit of their id.

    `status_list` says whether the list form of the channel states exists; `json_alerts` that alerts are JSON;
    `dynamic_ids` that alerts name network cameras by `dynChannelID`; `prefix` is empty on old firmware.
    """

    kind: str
    model: str
    serial: str
    name: str
    mac: str
    firmware: str
    channels: tuple[Channel, ...]
    namespace: str = HIKVISION_20
    realm: str = "5f0c1be2a9d34786c0de2041"
    server: str = "App-webs/"
    prefix: str = "/ISAPI"
    streams: tuple[int, ...] = (1, 2)
    missing: Mapping[int, int] = field(default_factory=dict)
    status_list: bool = True
    zero_channel: bool = False
    dynamic_ids: bool = False
    json_alerts: bool = False
    ip_slots: int = 0


def _camera() -> Personality:
    return Personality(
        kind="IPCamera",
        model="SIM-CAM-4",
        serial="SIM-CAM-420260101AAWR000000041",
        name="Garden gate",
        mac="02:00:5e:00:53:41",
        firmware="V5.7.15",
        channels=(Channel(id=1, name="Garden gate", size=(2560, 1440), codec="H.265"),),
        streams=(1, 2, 3),
        missing={4: 403},
    )


def _json_camera() -> Personality:
    return Personality(
        kind="IPCamera",
        model="SIM-CAM-9",
        serial="SIM-CAM-920260101AAWR000000091",
        name="Loading bay",
        mac="02:00:5e:00:53:91",
        firmware="V5.8.10",
        channels=(Channel(id=1, name="Loading bay"),),
        namespace=ISAPI_20,
        missing={3: 403, 4: 403},
        json_alerts=True,
    )


def _nvr() -> Personality:
    twin = "SIM-ONV-20260101BBWR000000077"
    channels = (
        Channel(
            id=1,
            name="Driveway",
            ip=True,
            model="SIM-CAM-8",
            serial="SIM-CAM-820260101AAWR000000011",
            firmware="V5.7.14",
            codec="H.265",
            size=(3840, 2160),
        ),
        Channel(id=2, name="Back door", ip=True, protocol="ONVIF"),
        Channel(id=3, name="Shed", ip=True, protocol="ONVIF", model="SIM-ONV-2", serial=twin, firmware="1.0"),
        Channel(id=4, name="Hen house & yard", ip=True, protocol="ONVIF", model="SIM-ONV-2", serial=twin),
        Channel(
            id=5,
            name="Boat house",
            ip=True,
            model="SIM-CAM-4",
            serial="SIM-CAM-420260101AAWR000000015",
            firmware="V5.6.5",
            online=False,
        ),
        Channel(
            id=6,
            name="Workshop",
            ip=True,
            model="SIM-CAM-4",
            serial="SIM-CAM-420260101AAWR000000016",
            firmware="V5.6.5",
            sub_codec="MJPEG",
            notifies=False,
        ),
    )
    return Personality(
        kind="NVR",
        model="SIM-NVR-16",
        serial="SIM-NVR-1620260101CCRR000000016WCVU",
        name="Cellar recorder",
        mac="02:00:5e:00:53:16",
        firmware="V4.74.210",
        channels=channels,
        server="DNVRS-Webs",
        missing={3: 403, 4: 403},
        status_list=False,
        zero_channel=True,
        dynamic_ids=True,
        ip_slots=16,
    )


def _dvr() -> Personality:
    return Personality(
        kind="DVR",
        model="SIM-DVR-4",
        serial="SIM-DVR-420260101CCWR000000004WCVU",
        name="Attic recorder",
        mac="02:00:5e:00:53:04",
        firmware="V4.30.080",
        channels=(
            Channel(id=1, name=" Porch", size=(2560, 1440)),
            Channel(id=2, name="Camera 02", online=False),
            Channel(id=3, name=""),
            Channel(id=4, name="Alley", codec="H.265"),
        ),
        realm="dvr-realm",
        server="webserver",
        missing={3: 400, 4: 403},
        namespace=HIKVISION_20,
        ip_slots=2,
    )


def _hybrid() -> Personality:
    return Personality(
        kind="DVR",
        model="SIM-HYB-8",
        serial="SIM-HYB-820260101CCWR000000008WCVU",
        name="Office recorder",
        mac="02:00:5e:00:53:08",
        firmware="V4.60.000",
        channels=(
            Channel(id=1, name="Stairs"),
            Channel(id=2, name="Hall"),
            Channel(
                id=9,
                name="Roof",
                ip=True,
                model="SIM-CAM-8",
                serial="SIM-CAM-820260101AAWR000000031",
                firmware="V5.7.14",
                alert_id=33,
            ),
            Channel(
                id=10,
                name="Parking",
                ip=True,
                model="SIM-CAM-8",
                serial="SIM-CAM-820260101AAWR000000032",
                firmware="V5.7.14",
                alert_id=34,
            ),
        ),
        namespace=STD_CGI_20,
        missing={3: 403, 4: 403},
        ip_slots=2,
    )


def _old_camera() -> Personality:
    return Personality(
        kind="IPCamera",
        model="SIM-CAM-1",
        serial="SIM-CAM-120100101AAWR000000001",
        name="Old barn",
        mac="02:00:5e:00:53:01",
        firmware="V4.0.1",
        channels=(Channel(id=1, name="Old barn", size=(1280, 720)),),
        namespace=HIKVISION_10,
        prefix="",
        missing={3: 500, 4: 500},
    )


MODELS: Final = {
    "camera": _camera,
    "json": _json_camera,
    "nvr": _nvr,
    "dvr": _dvr,
    "hybrid": _hybrid,
    "old": _old_camera,
}

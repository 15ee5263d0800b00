"""The devices of a home, as `devices.list` tells them (protocols.md 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TRAITS: Final = "sdm.devices.traits."
RTSP: Final = "RTSP"
WEB_RTC: Final = "WEB_RTC"


@dataclass(kw_only=True)
class Device:
    """One device; what it can may be changed while the service runs, as when it is moved to another app.

    `protocols` None leaves the field out, which means RTSP. `traits` are further ones by the last part of their name.
    `extends` is whether its WebRTC sessions can be extended.
    """

    id: str
    room: str
    type: str = "CAMERA"
    name: str = ""
    protocols: tuple[str, ...] | None = None
    codec: str = "H264"
    traits: dict[str, dict[str, Any]] = field(default_factory=dict)
    extends: bool = True

    @property
    def speaks(self) -> tuple[str, ...]:
        """Return the ways of watching it."""
        return (RTSP,) if self.protocols is None else self.protocols

    def told(self, enterprise: str, structure: str) -> Mapping[str, Any]:
        """Return the device as the service tells it."""
        room = f"{enterprise}/structures/{structure}/rooms/{self.room.lower().replace(' ', '-')}"
        live: dict[str, Any] = {"videoCodecs": [self.codec], "audioCodecs": ["OPUS" if self.protocols else "AAC"]}
        if self.protocols is None:
            live["maxVideoResolution"] = {"width": 640, "height": 480}
        else:
            live["supportedProtocols"] = list(self.protocols)
        traits = {"Info": {"customName": self.name}, "CameraLiveStream": live, **self.traits}
        if self.type == "THERMOSTAT":
            del traits["CameraLiveStream"]
        return {
            "name": f"{enterprise}/devices/{self.id}",
            "type": f"sdm.devices.types.{self.type}",
            "assignee": room,
            "traits": {f"{TRAITS}{name}": value for name, value in traits.items()},
            "parentRelations": [{"parent": room, "displayName": self.room}],
        }


def home() -> list[Device]:
    """Return a wired camera of the old app, a battery camera, a battery doorbell and a thermostat."""
    sees: dict[str, dict[str, Any]] = {"CameraMotion": {}, "CameraPerson": {}}
    return [
        Device(
            id="AVPHw-wired-0001",
            room="Hallway",
            traits={
                **sees,
                "CameraSound": {},
                "CameraEventImage": {},
                "CameraImage": {"maxImageResolution": {"width": 1920, "height": 1080}},
                "Connectivity": {"status": "ONLINE"},
            },
        ),
        Device(id="AVPHw-battery-0002", room="Garden", name="Garden shed", protocols=(WEB_RTC,), traits=dict(sees)),
        Device(
            id="AVPHw-doorbell-0003",
            room="Front door",
            type="DOORBELL",
            protocols=(WEB_RTC,),
            extends=False,
            traits={**sees, "CameraClipPreview": {}, "DoorbellChime": {}},
        ),
        Device(
            id="AVPHw-thermostat-0004",
            room="Hallway",
            type="THERMOSTAT",
            traits={"Humidity": {"ambientHumidityPercent": 40.0}},
        ),
    ]

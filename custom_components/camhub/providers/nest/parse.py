"""What a device is and can, by its traits (protocols.md 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from google_nest_sdm.camera_traits import StreamingProtocol
from google_nest_sdm.device import Device

from ...kernel.model import DeviceIdentity, EventKind
from ...kernel.reading import child, objects
from .listed import TRAITS, Listed
from .reading import text

KINDS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "sdm.devices.events.CameraMotion.Motion": EventKind.MOTION,
        "sdm.devices.events.CameraPerson.Person": EventKind.PERSON,
        "sdm.devices.events.CameraSound.Sound": EventKind.SOUND,
        "sdm.devices.events.DoorbellChime.Chime": EventKind.DOORBELL,
    }
)
CLIP: Final = "sdm.devices.events.CameraClipPreview.ClipPreview"
_MODELS: Final[Mapping[str, str]] = MappingProxyType({"CAMERA": "Camera", "DOORBELL": "Doorbell", "DISPLAY": "Display"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A camera as it was listed; `name` is how the service calls it, `id` the last part of that."""

    id: str
    name: str
    identity: DeviceIdentity
    online: bool | None
    kinds: frozenset[EventKind]
    abilities: frozenset[str]
    device: Device = field(repr=False, compare=False)

    def can(self, ability: str) -> bool:
        """Return whether the camera has one of the abilities `rtsp`, `webrtc`, `event_image`, `clip_preview` now."""
        return ability in self.abilities


def unit(listed: Listed) -> Unit | None:
    """Return a device that streams, None for any other."""
    device = listed.device
    live = device.camera_live_stream
    name = device.name
    if live is None or not (identifier := name.rpartition("/")[2]):
        return None
    abilities = {
        "rtsp": StreamingProtocol.RTSP in live.supported_protocols,
        "webrtc": StreamingProtocol.WEB_RTC in live.supported_protocols,
        "event_image": device.camera_event_image is not None,
        "clip_preview": device.camera_clip_preview is not None,
    }
    kinds = {
        EventKind.MOTION: device.camera_motion,
        EventKind.PERSON: device.camera_person,
        EventKind.SOUND: device.camera_sound,
        EventKind.DOORBELL: device.doorbell_chime,
    }
    return Unit(
        id=identifier,
        name=name,
        identity=DeviceIdentity(
            name=_title(listed), manufacturer="Google Nest", model=_model(device), area=_room(listed)
        ),
        online=_online(listed),
        kinds=frozenset(kind for kind, trait in kinds.items() if trait is not None),
        abilities=frozenset(name for name, has in abilities.items() if has),
        device=device,
    )


def _title(listed: Listed) -> str:
    """Return what the user calls it: its own name, else that of its room."""
    own = text(child(listed.raw, "traits", f"{TRAITS}Info").get("customName"))
    return own or _room(listed) or _model(listed.device)


def _room(listed: Listed) -> str | None:
    """Return the room that the user has put it in, else what else it is in: its home."""
    relations = objects(listed.raw.get("parentRelations"))
    named = [(text(each.get("parent")), name) for each in relations if (name := text(each.get("displayName")))]
    rooms = [name for parent, name in named if "/rooms/" in parent]
    return next(iter(rooms or [name for _, name in named]), None)


def _model(device: Device) -> str:
    return _MODELS.get((device.type or "").rpartition(".")[2], "Camera")


def _online(listed: Listed) -> bool | None:
    """Return what the device says, None where it says nothing, as most cameras do."""
    status = text(child(listed.raw, "traits", f"{TRAITS}Connectivity").get("status"))
    return {"ONLINE": True, "OFFLINE": False}.get(status)

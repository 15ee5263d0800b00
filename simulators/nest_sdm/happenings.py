"""What the devices see, told as messages of a thread: started, updated, ended (protocols.md 2.5)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import secrets
from typing import Any, Final

from .devices import TRAITS, Device
from .media import CLIP_LIFE_S, PICTURE_LIFE_S, Media
from .replies import ApiError

EVENTS: Final = {
    "motion": "CameraMotion.Motion",
    "person": "CameraPerson.Person",
    "sound": "CameraSound.Sound",
    "chime": "DoorbellChime.Chime",
}
_CLIP: Final = "CameraClipPreview.ClipPreview"
_PREFIX: Final = "sdm.devices.events."


@dataclass(kw_only=True)
class Seen:
    """One session of something seen; `events` as they were last told."""

    device: Device
    thread: str
    session: str
    events: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Picture:
    device: Device
    until: float


class Happenings:
    """Tells `publish` what is seen; pictures of it are kept in `media`."""

    def __init__(
        self,
        enterprise: str,
        media: Media,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        publish: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Begin with nothing seen."""
        self._enterprise = enterprise
        self._media = media
        self._now = now
        self._monotonic = monotonic
        self._publish = publish
        self._pictures: dict[str, _Picture] = {}
        self._count = 0

    def begin(self, device: Device, kind: str, *, zones: tuple[str, ...] = (), threaded: bool = True) -> Seen:
        """Let a device see or hear something; unthreaded messages carry no state, as those of older devices."""
        seen = Seen(device=device, thread=secrets.token_hex(8) if threaded else "", session=self._name("session"))
        self.add(seen, kind, zones=zones, state="STARTED")
        return seen

    def add(self, seen: Seen, kind: str, *, zones: tuple[str, ...] = (), state: str = "UPDATED") -> None:
        """Let the same session go on with another kind."""
        event: dict[str, Any] = {"eventSessionId": seen.session, "eventId": self._name("event")}
        if zones:
            event["zones"] = list(zones)
        seen.events[f"{_PREFIX}{EVENTS[kind]}"] = event
        self._pictures[event["eventId"]] = _Picture(device=seen.device, until=self._monotonic() + PICTURE_LIFE_S)
        self._tell(seen, state)

    def clip(self, seen: Seen, *, state: str = "UPDATED") -> None:
        """Let the clip of a session be ready."""
        address = self._media.clip(seen.device.room, self._monotonic() + CLIP_LIFE_S)
        seen.events[f"{_PREFIX}{_CLIP}"] = {"eventSessionId": seen.session, "previewUrl": address}
        self._tell(seen, state)

    def end(self, seen: Seen) -> None:
        """End a session."""
        self._tell(seen, "ENDED")

    def trait(self, device: Device, name: str, value: Mapping[str, Any]) -> None:
        """Change a trait and tell of it."""
        device.traits[name] = dict(value)
        self._say({"resourceUpdate": {"name": self._device(device), "traits": {f"{TRAITS}{name}": dict(value)}}})

    def relation(self, device: Device, kind: str = "CREATED") -> None:
        """Tell that a device came, moved or left."""
        subject = f"{self._enterprise}/structures/home"
        self._say({"relationUpdate": {"type": kind, "subject": subject, "object": self._device(device)}})

    def image(self, device: Device, event: str) -> dict[str, str]:
        """Return address and token of an event's picture; raises ApiError."""
        picture = self._pictures.get(event)
        if picture is None or picture.device is not device:
            raise ApiError("FAILED_PRECONDITION", "Event id does not belong to the camera.")
        if self._monotonic() >= picture.until:
            raise ApiError("DEADLINE_EXCEEDED", "Camera image is no longer available for download.")
        return self._media.picture(f"{device.room} {event}", picture.until)

    def _tell(self, seen: Seen, state: str) -> None:
        message: dict[str, Any] = {
            "resourceUpdate": {"name": self._device(seen.device), "events": seen.events},
            "resourceGroup": [self._device(seen.device)],
        }
        if seen.thread:
            message |= {"eventThreadId": seen.thread, "eventThreadState": state}
        self._say(message)

    def _say(self, message: Mapping[str, Any]) -> None:
        stamp = self._now().isoformat().replace("+00:00", "Z")
        self._publish({"eventId": self._name("message"), "timestamp": stamp, "userId": "AVPHw-user", **message})

    def _device(self, device: Device) -> str:
        return f"{self._enterprise}/devices/{device.id}"

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count:06}"

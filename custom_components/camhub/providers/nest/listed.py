"""A device as Google lists it, and as the library takes it: with nothing in it but what commands need.

The library reads no device at all of which a single field is missing or of another kind, be it a resolution.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google_nest_sdm.auth import AbstractAuth
from google_nest_sdm.device import Device

from ...kernel.model import JsonValue
from ...kernel.reading import Object, child, texts
from .reading import text

TRAITS: Final = "sdm.devices.traits."
LIVE: Final = f"{TRAITS}CameraLiveStream"
# Those that say something by being there; none of their fields is needed.
_OTHERS: Final = (
    f"{TRAITS}CameraEventImage",
    f"{TRAITS}CameraClipPreview",
    f"{TRAITS}CameraMotion",
    f"{TRAITS}CameraPerson",
    f"{TRAITS}CameraSound",
    f"{TRAITS}DoorbellChime",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A device as it was listed: the library's, and what it was made of."""

    device: Device = field(repr=False)
    raw: Object = field(repr=False)


def listed(told: JsonValue, auth: AbstractAuth) -> Listed | None:
    """Return a device of a listing, None for what names none."""
    raw = child(told)
    name = text(raw.get("name"))
    if not name:
        return None
    plain = {"name": name, "type": text(raw.get("type")), "traits": _traits(child(raw, "traits"))}
    return Listed(Device.MakeDevice(plain, auth), raw)


def _traits(told: Object) -> dict[str, Any]:
    found: dict[str, Any] = {each: {} for each in _OTHERS if isinstance(told.get(each), Mapping)}
    if isinstance(told.get(LIVE), Mapping):
        # Without any the library takes it for RTSP, as the protocol has it (protocols.md 2.2).
        protocols = texts(child(told, LIVE).get("supportedProtocols"))
        found[LIVE] = {"supportedProtocols": list(protocols)} if protocols else {}
    return found

"""What an account owns: doorbells, cameras and chimes as `ring_devices` tells them, and what can be set of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

type Device = dict[str, Any]

FRONT_DOOR: Final = 7100001
# Larger than a JavaScript number can be.
BACK_DOOR: Final = 9007199254740997
GARDEN: Final = 7100003
DRIVE: Final = 7100004
SHED: Final = 7100005
HALL: Final = 7100006
_FAMILIES: Final = ("doorbots", "authorized_doorbots", "stickup_cams")


def _device(identifier: int, name: str, kind: str, **others: Any) -> Device:
    return {
        "id": identifier,
        "description": name,
        "device_id": f"02000000{identifier % 65536:04x}",
        "kind": kind,
        "location_id": "a1b2c3d4-0000-4000-8000-000000000001",
        "time_zone": "Europe/London",
        "firmware_version": "3.14.15",
        "alerts": {"connection": "online"},
        "battery_life": None,
        "external_connection": False,
        "features": {"motions_enabled": True, "show_recordings": True, "rich_notifications_eligible": True},
        "settings": {"motion_detection_enabled": True, "live_view_disabled": False, "doorbell_volume": 6},
        "subscribed": True,
        "subscribed_motions": True,
        "owned": True,
    } | others


def devices() -> dict[str, list[Device]]:
    """Return the example: a wired doorbell, a battery one, four cameras of which one is off, a chime, an intercom.

    The garden's camera has two batteries, the drive's a light and a siren; the shed's is of a kind nobody knows, and
    the front door stands in two lists.
    """
    front = _device(FRONT_DOOR, "Front door", "lpd_v2", external_connection=True)
    front["settings"]["chime_settings"] = {"type": 0, "enable": True, "duration": 5}
    light = {"led_status": "off", "siren_status": {"seconds_remaining": 0}}
    return {
        "doorbots": [front],
        "authorized_doorbots": [
            _device(BACK_DOOR, "Back door", "df_doorbell_clownfish", battery_life="87", owned=False),
        ],
        "stickup_cams": [
            dict(front, kind="stickup_cam_elite"),
            _device(GARDEN, "Garden", "stickup_cam_lunar", battery_life=62, battery_life_2="31")
            | {"siren_status": {"seconds_remaining": 0}},
            _device(DRIVE, "Drive", "floodlight_v2", **light),
            _device(SHED, "Shed", "cam_of_next_year", alerts={"connection": "offline"}),
        ],
        "chimes": [_device(HALL, "Hall", "chime_pro_v2", settings={"volume": 4})],
        "other": [
            _device(7100007, "Street", "intercom_handset_audio"),
            {"id": 7100008, "kind": "three_p_cam", "description": "Something else"},
        ],
    }


class Home:
    """The devices of one account; `lists` may be changed while the service runs."""

    def __init__(self, lists: dict[str, list[Device]] | None = None) -> None:
        """Take over what is owned, the example by default."""
        self.lists = devices() if lists is None else lists
        self.sounded: list[tuple[int, str]] = []

    def find(self, identifier: int) -> Device | None:
        """Return a device, None if there is none of that number."""
        return next((each for each in self._all() if each["id"] == identifier), None)

    def cameras(self) -> list[Device]:
        """Return the doorbells and cameras, each once."""
        return list({each["id"]: each for family in _FAMILIES for each in self.lists.get(family, [])}.values())

    def health(self, device: Device) -> Mapping[str, Any]:
        """Return `device_health`."""
        strength = -41 - device["id"] % 30
        return {
            "id": device["id"],
            "wifi_name": "example",
            "latest_signal_strength": strength,
            "latest_signal_category": "good",
            "firmware": device["firmware_version"],
            "firmware_out_of_date": False,
            "battery_percentage": device.get("battery_life"),
        }

    def set(self, device: Device, name: str, value: str) -> None:
        """Set what a PUT names, such as `doorbot[settings][doorbell_volume]`, in every list it stands in."""
        path = [part.rstrip("]") for part in name.split("[")[1:]]
        for each in self._all():
            if each["id"] == device["id"]:
                target = each
                for part in path[:-1]:
                    target = target.setdefault(part, {})
                target[path[-1]] = int(value) if value.isdigit() else value

    def settle(self, device: Device, settings: Mapping[str, Any]) -> None:
        """Set what a PATCH of settings names."""
        device["settings"] |= settings.get("motion_settings", {})

    def _all(self) -> Iterator[Device]:
        for family in self.lists.values():
            yield from family

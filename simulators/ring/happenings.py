"""What goes on before the cameras: each event stands in the history, and a push tells of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
import json
from typing import Any

from .home import Device

type Entry = dict[str, Any]
type Tell = Callable[[Mapping[str, Any]], None]

_CATEGORY = "com.ring.pn.live-event."


class Happenings:
    """The history of each device, newest first; `tell` takes push messages."""

    def __init__(self, now: Callable[[], datetime], tell: Tell) -> None:
        """Begin with an empty past."""
        self._now = now
        self._tell = tell
        self._next = 7400000000000000001
        self.entries: dict[int, list[Entry]] = {}

    def record(self, device: Device, kind: str, *, status: str = "ready", person: bool = False) -> Entry:
        """Put an event into the history and tell nobody."""
        self._next += 1
        entry: Entry = {
            "id": self._next,
            "created_at": f"{self._now():%Y-%m-%dT%H:%M:%S}.{self._now().microsecond // 1000:03d}Z",
            "kind": kind,
            "answered": False,
            "favorite": False,
            "recording": {"status": status},
            "snapshot_url": "",
            "duration": 12.5,
            "doorbot": {"id": device["id"], "description": device["description"]},
            "cv_properties": {
                "person_detected": person,
                "detection_type": "human" if person else "motion",
                "stream_broken": False,
            },
        }
        self.entries.setdefault(device["id"], []).insert(0, entry)
        return entry

    def happen(self, device: Device, kind: str = "motion", *, person: bool = False, snapshot: str = "") -> Entry:
        """Let something be seen: it stands in the history and is told."""
        entry = self.record(device, kind, person=person)
        self._tell(message(device, entry, snapshot=snapshot))
        return entry

    def page(self, device: Device, limit: int, older_than: int | None) -> list[Entry]:
        """Return one page of the history, newest first."""
        known = [each for each in self.entries.get(device["id"], []) if older_than is None or each["id"] < older_than]
        return known[:limit]

    def find(self, identifier: int) -> Entry | None:
        """Return an event by its number."""
        return next((each for known in self.entries.values() for each in known if each["id"] == identifier), None)


def message(device: Device, entry: Entry, *, snapshot: str = "") -> dict[str, Any]:
    """Return a push message of the present form; its parts are JSON in strings."""
    kind = entry["kind"]
    subtype = "human" if entry["cv_properties"]["person_detected"] else kind
    at = datetime.fromisoformat(entry["created_at"])
    said = {
        "device": {
            "id": device["id"],
            "name": device["description"],
            "kind": device["kind"],
            "e2ee_enabled": False,
        },
        "event": {
            "ding": {
                "id": str(entry["id"]),
                "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "subtype": subtype,
                "detection_type": subtype,
            },
            "eventito": {"type": kind, "timestamp": round(at.timestamp() * 1000)},
            "riid": "0123456789abcdef",
            "is_sidewalk": False,
        },
        "location": {"id": device.get("location_id")},
    }
    data = {
        "version": "2.0.0",
        "data": json.dumps(said),
        "analytics": json.dumps({"server_id": "com.ring.pns", "subcategory": kind}),
        "android_config": json.dumps({"category": f"{_CATEGORY}{kind}", "body": f"{kind} at {device['description']}"}),
        "img": json.dumps({"snapshot_uuid": f"{snapshot}:7100000"} if snapshot else {}),
        "video": {},
    }
    return {"data": data, "from": "876313859327", "priority": "high", "fcmMessageId": f"message-{entry['id']}"}

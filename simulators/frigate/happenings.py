"""What the cameras see, as the server keeps and tells it: events, reviews, motion."""

from collections.abc import Callable
from datetime import datetime
import random
import string
from typing import Any, Final

# The score from which on a face is taken for known (`face_recognition.recognition_threshold`).
SURE: Final = 0.9

type Tell = Callable[[str, Any, str | None], None]


class Happenings:
    """The events of all cameras, newest last; each change is told to `tell(topic, payload, camera)`.

    `muted` keeps everything but tells nothing, as while the line is down.
    """

    def __init__(self, now: Callable[[], datetime], tell: Tell) -> None:
        """Begin with nothing seen."""
        self._now = now
        self._tell = tell
        self.events: dict[str, dict[str, Any]] = {}
        self.reviews: dict[str, dict[str, Any]] = {}
        self.recordings: list[tuple[str, float, float]] = []
        self.exports: list[dict[str, Any]] = []
        self.moving: set[str] = set()
        self.muted = False

    def begin(
        self,
        camera: str,
        label: str = "person",
        *,
        zones: tuple[str, ...] = (),
        score: float = 0.83,
        audio: bool = False,
        at: float | None = None,
        stationary: bool = False,
        max_severity: str | None = None,
    ) -> str:
        """Let something appear and return its event's id; sounds are told by reviews, and by name without an id."""
        start = self._now().timestamp() if at is None else at
        identifier = f"{start:.6f}-{''.join(random.choices(string.ascii_lowercase + string.digits, k=6))}"
        self.events[identifier] = {
            "id": identifier,
            "camera": camera,
            "label": label,
            "sub_label": None,
            "zones": list(zones),
            "start_time": start,
            "end_time": None,
            "has_clip": True,
            "has_snapshot": True,
            "false_positive": False,
            "plate": None,
            "score": score,
            "audio": audio,
            "stationary": stationary,
            "max_severity": max_severity,
        }
        if audio:
            self._say(f"{camera}/audio/{label}", "ON", camera)
        else:
            self._told("new", identifier, self._tracked(self.events[identifier]))
        self._review("new", identifier)
        return identifier

    def change(self, identifier: str, **values: Any) -> None:
        """Change what is known of something: `zones`, `sub_label`, `plate`, `score`, `stationary`."""
        event = self.events[identifier]
        before = self._tracked(event)
        event.update(
            {
                key: list(value) if isinstance(value, tuple) and key == "zones" else value
                for key, value in values.items()
            }
        )
        self._told("update", identifier, before)

    def end(self, identifier: str) -> None:
        """Let something go."""
        event = self.events[identifier]
        before = self._tracked(event)
        event["end_time"] = self._now().timestamp()
        if event["audio"]:
            self._say(f"{event['camera']}/audio/{event['label']}", "OFF", event["camera"])
        else:
            self._told("end", identifier, before)
        self._review("end", identifier)
        self.recordings.append((event["camera"], event["start_time"], event["end_time"]))

    def recognise(
        self, identifier: str, kind: str, name: str, plate: str | None = None, *, score: float = 0.95
    ) -> None:
        """Tell a face or a plate that was recognised (`tracked_object_update`, 0.16 on), a guess too."""
        event = self.events[identifier]
        if kind != "face" or score >= SURE:
            event["sub_label"] = name
        event["plate"] = plate
        told = {"type": kind, "id": identifier, "camera": event["camera"], "name": name, "score": score}
        self._say("tracked_object_update", {**told, **({"plate": plate} if plate else {})}, event["camera"])

    def motion(self, camera: str, *, on: bool) -> None:
        """Tell that pixels change, or no longer do."""
        (self.moving.add if on else self.moving.discard)(camera)
        self._say(f"{camera}/motion", "ON" if on else "OFF", camera)

    def there(self, camera: str, minor: int) -> list[dict[str, Any]]:
        """Return the objects before a camera as `camera_activity` tells them; one known by name is called so."""
        found = []
        for event in self.events.values():
            if event["camera"] != camera or event["end_time"] is not None or event["audio"]:
                continue
            known = "-verified" if event["sub_label"] else ""
            told = {
                "id": event["id"],
                "label": f"{event['label']}{known}",
                "stationary": event["stationary"],
                "area": 5000,
                "ratio": 0.5,
                "score": event["score"],
                "sub_label": event["sub_label"],
            }
            found.append({**told, "current_zones": event["zones"]} if minor >= 16 else told)
        return found

    def listed(self, identifier: str) -> dict[str, Any]:
        """Return an event as `/api/events` tells it."""
        event = self.events[identifier]
        kept = ("id", "camera", "label", "sub_label", "zones", "start_time", "end_time", "has_clip", "has_snapshot")
        data = {"type": "audio" if event["audio"] else "object", "score": event["score"], "top_score": event["score"]}
        if event["max_severity"]:
            data["max_severity"] = event["max_severity"]
        if event["plate"]:
            data |= {"recognized_license_plate": event["plate"], "recognized_license_plate_score": 0.9}
        told = {key: event[key] for key in kept}
        return {**told, "false_positive": None, "plus_id": None, "top_score": None, "thumbnail": None, "data": data}

    def _tracked(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event as the websocket tells it."""
        sub_label = event["sub_label"]
        kept = (
            "id",
            "camera",
            "label",
            "start_time",
            "end_time",
            "has_clip",
            "has_snapshot",
            "false_positive",
            "stationary",
            "max_severity",
        )
        return {
            **{key: event[key] for key in kept},
            "sub_label": None if sub_label is None else [sub_label, 0.93],
            "active": not event["stationary"],
            "score": event["score"],
            "top_score": event["score"],
            "current_zones": event["zones"],
            "entered_zones": event["zones"],
            "recognized_license_plate": event["plate"],
        }

    def _told(self, kind: str, identifier: str, before: dict[str, Any]) -> None:
        event = self.events[identifier]
        self._say("events", {"type": kind, "before": before, "after": self._tracked(event)}, event["camera"])

    def _review(self, kind: str, identifier: str) -> None:
        event = self.events[identifier]
        item = {
            "id": f"{event['start_time']:.6f}-review",
            "camera": event["camera"],
            "start_time": event["start_time"],
            "end_time": event["end_time"],
            "severity": "alert" if event["label"] in {"person", "car"} else "detection",
            "thumb_path": "",
            "has_been_reviewed": False,
            "data": {
                "detections": [identifier],
                "objects": [] if event["audio"] else [event["label"]],
                "sub_labels": [],
                "zones": event["zones"],
                "audio": [event["label"]] if event["audio"] else [],
            },
        }
        self.reviews[str(item["id"])] = item
        self._say("reviews", {"type": kind, "before": item, "after": item}, event["camera"])

    def _say(self, topic: str, payload: Any, camera: str) -> None:
        if not self.muted:
            self._tell(topic, payload, camera)

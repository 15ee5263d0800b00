"""The cameras of one account, as each host describes them, and what they saw."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final

STRUCTURE: Final = "11111111-2222-3333-4444-555555555555"
PLACES: Final = {"00000000-0000-0000-0000-000100000001": "Hall", "00000000-0000-0000-0000-000100000002": "Porch"}


@dataclass(kw_only=True)
class Unit:
    """One camera; `state` is `streaming-enabled`, `streaming-disabled` or `offline`, `region` where its pictures are.

    `moved` says where it stands on its way to the newer app. Without `name` it goes by its place.
    """

    uuid: str
    name: str
    region: str = "us1"
    state: str = "streaming-enabled"
    place: str = "00000000-0000-0000-0000-000100000001"
    model: str = "Nest Cam Indoor"
    capabilities: tuple[str, ...] = ("statusled", "audio.microphone", "streaming.start-stop", "night_vision")
    moved: str = "NORMAL"
    cuepoints: list[dict[str, Any]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Return the name of the host that has its pictures."""
        return f"nexusapi-{self.region}.camera.home.nest.com"

    def bucket(self) -> dict[str, Any]:
        """Return it as `app_launch` does."""
        return {
            "object_key": f"quartz.{self.uuid}",
            "object_revision": 1,
            "object_timestamp": 1_800_000_000_000,
            "value": {
                "description": self.name,
                "where_id": self.place,
                "structure_id": STRUCTURE,
                "model": self.model,
                "serial_number": f"EXAMPLE{self.uuid[:8].upper()}",
                "mac_address": f"02{self.uuid[:10]}",
                "software_version": "4110016",
                "capabilities": list(self.capabilities),
                "nexus_api_http_server_url": f"https://{self.host}",
                "streaming_state": self.state,
            },
        }

    def item(self) -> dict[str, Any]:
        """Return it as the camera hosts do."""
        enabled = self.state == "streaming-enabled"
        return {
            "uuid": self.uuid,
            "name": self.name or PLACES[self.place],
            "is_online": self.state != "offline",
            "is_streaming": enabled,
            "is_streaming_enabled": enabled,
            "nexus_api_nest_domain_host": self.host,
            "serial_number": f"EXAMPLE{self.uuid[:8].upper()}",
            "capabilities": list(self.capabilities),
            "properties": {"streaming.enabled": enabled, "cc2migration.overview_state": self.moved},
        }


class House:
    """The cameras and their history."""

    def __init__(self, now: Callable[[], datetime], units: list[Unit]) -> None:
        """Begin with a quiet house."""
        self.units = units
        self._now = now
        self._numbers = count(1)

    def unit(self, uuid: str) -> Unit | None:
        """Return a camera."""
        return next((each for each in self.units if each.uuid == uuid), None)

    def see(self, uuid: str, *types: str, zones: tuple[int, ...] = ()) -> str:
        """Let a camera see something; return its id."""
        unit, now = self.unit(uuid), self._now().timestamp()
        if unit is None:
            raise KeyError(uuid)
        point = {
            "camera_uuid": uuid,
            "id": f"{int(now)}-{next(self._numbers)}",
            "start_time": now,
            "end_time": 0,
            "playback_time": now,
            "in_progress": True,
            "importance": 1,
            "is_important": "person" in types,
            "types": list(types or ("motion",)),
            "zone_ids": list(zones or (0,)),
            "face_id": None,
            "face_name": None,
        }
        unit.cuepoints.append(point)
        return str(point["id"])

    def end(self, uuid: str, identifier: str) -> None:
        """End what a camera sees."""
        for point in self.history(uuid, 0.0):
            if point["id"] == identifier:
                point |= {"in_progress": False, "end_time": self._now().timestamp()}

    def history(self, uuid: str, since: float) -> list[dict[str, Any]]:
        """Return what a camera saw since then."""
        unit = self.unit(uuid)
        return [each for each in unit.cuepoints if each["start_time"] >= since] if unit else []

    def launch(self) -> dict[str, Any]:
        """Return the answer to `app_launch`."""
        wheres = [{"where_id": identifier, "name": name} for identifier, name in PLACES.items()]
        others = [
            {"object_key": f"where.{STRUCTURE}", "value": {"wheres": wheres}},
            {"object_key": f"structure.{STRUCTURE}", "value": {"name": "Cottage"}},
        ]
        return {
            "updated_buckets": [*(each.bucket() for each in self.units), *others],
            "service_urls": {"urls": {"transport_url": "https://example.transport.home.nest.com"}},
            "weather_for_structures": {},
            "2fa_enabled": True,
        }

    def listing(self) -> dict[str, Any]:
        """Return the answer of the camera hosts to who asks for all cameras."""
        return answered([each.item() for each in self.units])


def answered(items: list[Any], status: int = 0, detail: str = "") -> dict[str, Any]:
    """Return an answer of the camera hosts: its status is inside, HTTP says 200 to all."""
    words = "bad-request" if status else "ok"
    return {"status": status, "items": items, "status_description": words, "status_detail": detail}

"""A house with two Frigate servers of this process and four people, in the Home Assistant of the demo.

`orchard` has every format and may be watched by `admin` and `allowed`, `stable` by `admin` and `elsewhere`. `attic` is
on the second server, whose live views Home Assistant's own dashboard gets by WebRTC.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import re
from typing import Any, Final, Self

from simulators.frigate import FrigateSimulator, Unit
from simulators.rtsp import RtspServer

from .background import PAUSE
from .person import Person

PASSWORD: Final = "a-password-of-the-house"
PEOPLE: Final = ("admin", "allowed", "elsewhere", "nothing")
# Of Home Assistant's own; a user without any group has no right to any entity.
GROUPS: Final = {"allowed": ["system-users"], "elsewhere": ["system-read-only"], "nothing": []}
VIEWERS: Final = {"orchard": ["allowed"], "stable": ["elsewhere"], "attic": ["allowed"]}


def unit(name: str) -> Unit:
    return Unit(name=name, friendly_name=name.title(), streams={name: name})


class House:
    """What there is, once `open` has returned."""

    def __init__(self, admin: Person) -> None:
        self.frigate = FrigateSimulator(cameras=[unit("orchard"), unit("stable")], birdseye=False)
        self.second = FrigateSimulator(cameras=[unit("attic")], birdseye=False)
        self.restream = RtspServer({f"/{name}": name for name in ("orchard", "stable")})
        self.people: dict[str, Person] = {"admin": admin}
        self.streams: dict[str, Mapping[str, Any]] = {}
        self.entries: dict[str, str] = {}

    @property
    def admin(self) -> Person:
        return self.people["admin"]

    def path(self, camera: str, *parts: str) -> str:
        """Return the path of a camera's stream or of something below it."""
        return "/".join([self.streams[camera]["url"], *parts])

    def media(self, camera: str) -> str:
        """Return what stands for a camera in the media browser."""
        return f"media-source://camhub/{self.entries[camera]}/{camera}"

    def entity(self, camera: str) -> str:
        return str(self.streams[camera]["entity_id"])

    def upstream(self) -> int:
        """Return how many requests have reached the cameras' servers so far, whatever for."""
        servers = (self.frigate, self.second)
        return sum(server.requests.total() for server in servers) + self.restream.connections

    async def open(self) -> Self:
        """Start the servers, add them, and make the people."""
        port = await self.restream.start()
        for server in (self.frigate, self.second):
            await server.start()
        for live, server in (("auto", self.frigate), ("webrtc", self.second)):
            await self._add(server, live, f"rtsp://{{host}}:{port}/{{name}}")
        for name, groups in GROUPS.items():
            await self._make(name, groups)
        for camera, names in VIEWERS.items():
            await self._list_viewers(camera, [self.people[name].id for name in names])
        await self.until(self._all_online)
        for camera in ("orchard", "stable"):
            self.frigate.happenings.end(self.frigate.happenings.begin(camera))
        await self.until(self._seen)
        return self

    async def close(self) -> None:
        """Stop the servers."""
        for server in (self.frigate, self.second):
            await server.stop()
        await self.restream.stop()

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Return once something has become true; the background's limit ends the waiting."""
        while not await condition():
            await asyncio.sleep(PAUSE)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON as the administrator and return the JSON that comes back."""
        answer = await self.admin.ask(path, "POST", json=body)
        assert answer.status == 200, answer.text
        return answer.json

    async def _add(self, server: FrigateSimulator, live: str, template: str) -> None:
        flows = "/api/config/config_entries/flow"
        flow = await self.post(flows, {"handler": "camhub"})
        pages: tuple[Mapping[str, Any], ...] = (
            {"next_step_id": "frigate"},
            {"address": server.url, "verify_tls": True, "live": live, "rtsp_template": template},
            {"username": "camhub", "password": "example-password"},
        )
        for page in pages:
            flow = await self.post(f"{flows}/{flow['flow_id']}", page)
        assert flow["type"] == "create_entry", flow
        for each in server.cameras:
            self.entries[each.name] = flow["result"]["entry_id"]

    async def _make(self, name: str, groups: list[str]) -> None:
        made = await self.admin.command("config/auth/create", name=name.title(), group_ids=groups)
        login = {"user_id": made["user"]["id"], "username": name, "password": PASSWORD}
        await self.admin.command("config/auth_provider/homeassistant/create", **login)
        self.people[name] = await Person.sign_in(self.admin.url, name, PASSWORD)
        self.people[name].id = made["user"]["id"]

    async def _list_viewers(self, camera: str, users: list[str]) -> None:
        await self.until(lambda: self._loaded(camera))
        flows = "/api/config/config_entries/options/flow"
        flow = await self.post(flows, {"handler": self.entries[camera]})
        flow = await self.post(f"{flows}/{flow['flow_id']}", {"next_step_id": "viewers"})
        # A server with one camera asks for none.
        if flow["step_id"] == "viewers":
            flow = await self.post(f"{flows}/{flow['flow_id']}", {"camera": camera})
        viewers = {"everyone": False, "users": users, "groups": []}
        flow = await self.post(f"{flows}/{flow['flow_id']}", viewers)
        assert flow["type"] == "create_entry", flow

    async def _loaded(self, camera: str) -> bool:
        entries = (await self.admin.ask("/api/config/config_entries/entry")).json
        return any(entry["entry_id"] == self.entries[camera] and entry["state"] == "loaded" for entry in entries)

    async def _all_online(self) -> bool:
        listed = (await self.admin.ask("/api/camhub/streams")).json["streams"]
        self.streams = {row["camera_key"].partition("~")[2]: row for row in listed if row["online"]}
        return set(VIEWERS) <= set(self.streams)

    async def _seen(self) -> bool:
        states = (await self.admin.ask("/api/states", most=2**24)).json
        pictures = [state["state"] for state in states if re.match(r"image\.(orchard|stable)_", state["entity_id"])]
        return len(pictures) == 2 and "unknown" not in pictures and "unavailable" not in pictures

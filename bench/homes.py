"""A real Home Assistant alone on one processor, with cameras of CamHub's and of core's in it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
import json
import os
from pathlib import Path
import shutil
import sys
from typing import Any, Final, Self, override

from custom_components.camhub.kernel.keys import load_key
from custom_components.camhub.kernel.vault import Vault
from demo.home_assistant import HomeAssistant
from demo.inside import VARIABLE
from demo.process import Process
from demo.world import free_port
from simulators.names import Address

from .machine import MEASURED, pinned
from .source import Pictures

CONFIGURATION: Final = """\
api:
websocket_api:
config:
frontend:
camera:
  - platform: bench_inside
stream:
logger:
  default: error
bench_inside:
"""
START_PATIENCE: Final = 120
INSIDE: Final = "bench_inside"
MANIFEST: Final = {
    "domain": INSIDE,
    "name": "Measuring from inside",
    "version": "1.0.0",
    "documentation": "https://example.com",
    "codeowners": [],
    "dependencies": ["http", "websocket_api"],
    "iot_class": "local_push",
    "integration_type": "system",
    "requirements": [],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A config entry as a dialog would have stored it; `sealed` is for CamHub, which keeps nothing in the open."""

    domain: str
    title: str
    version: int = 1
    data: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    sealed: Mapping[str, Any] | None = None
    disabled: bool = False

    @property
    def id(self) -> str:
        """Return an id that is the same for the same entry."""
        return sha256(f"{self.domain}/{self.title}".encode()).hexdigest()[:26]

    def stored(self, vault: Vault) -> dict[str, Any]:
        """Return what Home Assistant keeps in its storage."""
        now = datetime.now(UTC).isoformat()
        data = dict(self.data)
        if self.sealed is not None:
            data["credentials"] = vault.seal(json.dumps(dict(self.sealed)))
        return {
            "created_at": now,
            "modified_at": now,
            "data": data,
            "discovery_keys": {},
            "disabled_by": "user" if self.disabled else None,
            "domain": self.domain,
            "entry_id": self.id,
            "minor_version": 1,
            "options": dict(self.options),
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "subentries": [],
            "title": self.title,
            "unique_id": None,
            "version": self.version,
        }


def core_mjpeg(title: str, stream: str, still: str) -> Entry:
    """Return a camera of core's `mjpeg`."""
    options = {
        "authentication": "basic",
        "mjpeg_url": stream,
        "still_image_url": still,
        "username": None,
        "password": "",
        "verify_ssl": True,
    }
    return Entry(domain="mjpeg", title=title, options=options)


def core_generic(title: str, still: str) -> Entry:
    """Return a camera of core's `generic`, which fetches anew for each request at such a frame rate."""
    options = {
        "still_image_url": still,
        "content_type": "image/jpeg",
        "advanced": {"framerate": 1e9, "verify_ssl": True, "authentication": "basic"},
    }
    return Entry(domain="generic", title=title, version=2, options=options)


def camhub(title: str, stream: str, still: str, **options: int) -> Entry:
    """Return a camera of CamHub's provider `mjpeg`; options such as `picture_age=0` are the hub's own."""
    sealed = {
        "address": stream,
        "still_address": still,
        "username": "",
        "password": "",
        "verify_tls": True,
        "kind": "stream",
        "name": title,
        "page": "",
    }
    data = {"provider": "mjpeg", "match": sha256(stream.encode()).hexdigest()}
    return Entry(domain="camhub", title=title, data=data, options=options, sealed=sealed)


def many(title: str, still: str, count: int, *, floor: float = 0) -> Entry:
    """Return an account of CamHub's with many cameras (bench/inside/accounts.py), to be enabled when it is wanted."""
    sealed = {"address": still, "count": str(count), "floor": str(floor)}
    data = {"provider": "bench_many", "match": sha256(title.encode()).hexdigest()}
    return Entry(domain="camhub", title=title, data=data, sealed=sealed, disabled=True)


class Home(HomeAssistant):
    """A Home Assistant that starts with these entries and can be measured from inside."""

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Entry],
        *,
        names: Mapping[str, Address] | None = None,
        authority: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing runs yet. `names` of services lead to simulators, `authority` is who signs for them."""
        super().__init__(folder, free_port())
        self.entries_wanted = entries
        module = "homeassistant" if names is None else "demo.inside"
        command = [sys.executable, "-m", module, "--config", str(folder), "--skip-pip"]
        around = {**(environment or {}), VARIABLE: json.dumps(dict(names or {}))}
        if authority is not None:
            around["REQUESTS_CA_BUNDLE"] = str(authority)
        self.process = Process("Home Assistant", pinned(command, MEASURED), folder / "output.log", around)

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """Return its process id; raises RuntimeError before it runs."""
        if self.process.pid is None:
            raise RuntimeError("Home Assistant is not started")
        return self.process.pid

    @override
    async def start(self) -> Self:
        """Start, and wait until all that belongs to a start is done; raises TimeoutError."""
        await super().start()
        async with asyncio.timeout(START_PATIENCE):
            while True:
                if (await self.get("/api/core/state"))["state"] == "RUNNING":
                    return self
                await asyncio.sleep(0.1)

    async def shown(self) -> dict[str, str]:
        """Return the path of the still of each camera, with a token that is good now, by its name."""
        states = await self.get("/api/states")
        return {
            state["attributes"]["friendly_name"]: state["attributes"]["entity_picture"]
            for state in states
            if state["entity_id"].startswith("camera.") and "entity_picture" in state["attributes"]
        }

    async def streams(self, kind: str) -> dict[str, str]:
        """Return CamHub's own path of each camera in a format, by the camera's name."""
        listed = await self.get("/api/camhub/streams")
        return {stream["name"]: stream["formats"][kind] for stream in listed["streams"]}

    async def signed(self, path: str) -> str:
        """Return a path that the user may ask for without a header, as a browser's pictures are asked for."""
        answer = await self.command("auth/sign_path", path=path, expires=86400)
        return str(answer["path"])

    @property
    def authorization(self) -> dict[str, str]:
        """Return the header that signs the user in."""
        return {"Authorization": f"Bearer {self._token}"}

    async def reload(self, entry_id: str) -> None:
        """Open an account anew."""
        await self._json("POST", f"/api/config/config_entries/entry/{entry_id}/reload")

    async def enable(self, entry: Entry) -> None:
        """Set up an entry that was stored disabled."""
        await self.command("config_entries/disable", entry_id=entry.id, disabled_by=None)

    @override
    def _write_configuration(self) -> None:
        super()._write_configuration()
        (self.folder / "configuration.yaml").write_text(CONFIGURATION)
        pictures = Pictures()
        for size in ("vga", "hd"):
            (self.folder / f"{size}.jpg").write_bytes(pictures.take(size))
        component = self.folder / "custom_components" / INSIDE
        shutil.copytree(Path(__file__).parent / "inside", component, dirs_exist_ok=True)
        (component / "manifest.json").write_text(json.dumps(MANIFEST))
        # The project's own `custom_components` is a package on the path too; this one has to be found first.
        (component.parent / "__init__.py").touch()
        storage = self.folder / ".storage"
        if (storage / "core.config_entries").exists():
            return
        vault = Vault(load_key(os.environ, storage / "camhub" / "key", create=True))
        entries = [entry.stored(vault) for entry in self.entries_wanted]
        stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": entries}}
        (storage / "core.config_entries").write_text(json.dumps(stored))


def stream_path(still_path: str) -> str:
    """Return the live view's path for a still's: the token is the same."""
    return still_path.replace("/api/camera_proxy/", "/api/camera_proxy_stream/")

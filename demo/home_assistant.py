"""A Home Assistant process: configuration, start, onboarding, and the API that the frontend uses."""

import asyncio
from collections.abc import Mapping
import contextlib
from datetime import UTC, datetime
import json
from pathlib import Path
import sys
from typing import Any, Self

import aiohttp

from simulators.names import Address

from .process import ROOT, Process

CONFIGURATION = """\
# Written by script/demo
homeassistant:
  name: CamHub demo
  country: GB
api:
websocket_api:
config:
frontend:
history:
logbook:
automation: !include automations.yaml
camera:
image:
stream:
media_source:
system_health:
logger:
  default: warning
  logs:
    custom_components.camhub: {level}
    firebase_messaging: {level}
    google_nest_sdm: {level}
    ring_doorbell: {level}
"""


class FlowError(Exception):
    """A dialog did not end as it should; the message holds its last answer."""


class HomeAssistant:
    """One Home Assistant on loopback, with a user signed in over its API."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        names: Mapping[str, Address] | None = None,
        authority: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user: str = "demo",
        password: str = "camhub-demo",  # noqa: S107
        level: str = "info",
    ) -> None:
        """Prepare; nothing runs yet. `names` lead to simulators, `authority` is a certificate that is trusted.

        `level` is how much CamHub and its libraries write into the log.
        """
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.user, self.password = user, password
        self._port, self._level = port, level
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        command = [sys.executable, "-m", "demo.inside", "--config", str(folder), "--skip-pip"]
        environment = {**(environment or {}), "CAMHUB_DEMO_NAMES": json.dumps(dict(names or {}))}
        if authority is not None:
            environment["REQUESTS_CA_BUNDLE"] = str(authority)
        self.process = Process("Home Assistant", command, folder / "output.log", environment)

    async def start(self) -> Self:
        """Write the configuration, start, make the first user; returns itself, signed in."""
        self._write_configuration()
        await self.process.start()
        await self.process.until_listening(self._port, 120)
        self._session = aiohttp.ClientSession(self.url)
        await self._onboard()
        while (await self.get("/api/config"))["state"] != "RUNNING":
            await asyncio.sleep(0.2)
        return self

    async def stop(self) -> None:
        """Stop the process and sign out."""
        if self._session is not None:
            await self._session.close()
        await self.process.stop()

    @property
    def _known(self) -> bool:
        """Return whether a folder that was kept has its user already."""
        return (self.folder / ".storage" / "auth_provider.homeassistant").exists()

    def _write_configuration(self) -> None:
        """Put CamHub in and bind the server to loopback; the server's settings live in storage since 2026."""
        storage = self.folder / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (self.folder / "configuration.yaml").write_text(CONFIGURATION.format(level=self._level))
        automations = self.folder / "automations.yaml"
        if not automations.exists():
            automations.write_text("[]\n")
        components = self.folder / "custom_components"
        components.mkdir(exist_ok=True)
        if not (components / "camhub").exists():
            (components / "camhub").symlink_to(ROOT / "custom_components" / "camhub")
        stable = {
            "server_host": ["127.0.0.1"],
            "server_port": self._port,
            "cors_allowed_origins": [],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "modern",
            "use_x_frame_options": True,
            "created_at": datetime.now(UTC).isoformat(),
            "error": None,
            "error_message": None,
        }
        data = {"stable": stable, "pending": None, "yaml_migration_done": True}
        stored = {"version": 2, "minor_version": 2, "key": "http", "data": data}
        (storage / "http").write_text(json.dumps(stored))
        # Only the user is left to make: the other first-run steps add integrations that call out to the internet.
        onboarding = storage / "onboarding"
        if not onboarding.exists():
            done = {"done": ["core_config", "integration", "analytics"]}
            onboarding.write_text(json.dumps({"version": 4, "minor_version": 1, "key": "onboarding", "data": done}))

    async def _onboard(self) -> None:
        """Make the user, as the first-run dialog does; sign in if that was done before."""
        client = f"{self.url}/"
        if self._known:
            await self._sign_in(client)
            return
        made = await self._json(
            "POST",
            "/api/onboarding/users",
            {
                "client_id": client,
                "name": "Demo",
                "username": self.user,
                "password": self.password,
                "language": "en",
            },
        )
        await self._exchange(client, made["auth_code"])

    async def _sign_in(self, client: str) -> None:
        """Log in with user and password."""
        flow = await self._json(
            "POST",
            "/auth/login_flow",
            {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client},
        )
        done = await self._json(
            "POST",
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": client, "username": self.user, "password": self.password},
        )
        await self._exchange(client, done["result"])

    async def _exchange(self, client: str, code: str) -> None:
        """Trade a code for a token."""
        if self._session is None:
            raise RuntimeError("Home Assistant is not started")
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        async with self._session.post("/auth/token", data=form) as response:
            response.raise_for_status()
            self._token = (await response.json())["access_token"]

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the REST API and return its JSON."""
        if self._session is None:
            raise RuntimeError("Home Assistant is not started")
        # As the frontend says it: a vendor's own page sends the user back there.
        headers = {"HA-Frontend-Base": self.url}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        async with self._session.request(method, path, json=body, headers=headers) as response:
            if not response.ok:
                raise FlowError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json()

    async def get(self, path: str) -> Any:
        """Read from the REST API, such as `/api/states`."""
        return await self._json("GET", path)

    async def act(self, domain: str, action: str, **data: Any) -> Any:
        """Call an action that answers; returns its answer; raises FlowError."""
        answered = await self._json("POST", f"/api/services/{domain}/{action}?return_response", data)
        return answered["service_response"]

    async def entries(self) -> list[dict[str, Any]]:
        """Return the config entries."""
        listed: list[dict[str, Any]] = await self._json("GET", "/api/config/config_entries/entry")
        return listed

    async def begin(self, provider: str) -> dict[str, Any]:
        """Open CamHub's dialog and choose a provider; returns the first form."""
        flow = await self._json("POST", "/api/config/config_entries/flow", {"handler": "camhub"})
        return await self.answer(flow, {"next_step_id": provider})

    async def answer(self, flow: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
        """Hand in a form's answers; returns what comes next."""
        result: dict[str, Any] = await self._json("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", answers)
        return result

    async def add(self, provider: str, *pages: Mapping[str, Any]) -> str:
        """Add an account through the dialog, page by page; returns the entry's id; raises FlowError."""
        flow = await self.begin(provider)
        for page in pages:
            flow = await self.answer(flow, page)
        if flow["type"] != "create_entry":
            raise FlowError(f"{provider}: {flow}")
        entry: Mapping[str, Any] = flow["result"]
        return str(entry["entry_id"])

    async def command(self, kind: str, **fields: Any) -> Any:
        """Send one websocket command and return its result; raises FlowError."""
        if self._session is None:
            raise RuntimeError("Home Assistant is not started")
        async with self._session.ws_connect("/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": kind, **fields})
            answer = await socket.receive_json()
        if not answer.get("success"):
            raise FlowError(f"{kind}: {answer.get('error')}")
        return answer["result"]

    async def __aenter__(self) -> Self:
        """Start."""
        try:
            return await self.start()
        except BaseException:
            with contextlib.suppress(Exception):
                await self.stop()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

"""The simulated cameras of the demo, each a process of its own that speaks its vendor's protocol."""

import asyncio
import json
from pathlib import Path
import re
import socket
import sys
from typing import Any, Final, Protocol, Self

import aiohttp

from simulators.authority import Authority
from simulators.names import Address, Names
from simulators.nest_legacy import HOSTS as LEGACY_HOSTS
from simulators.nest_sdm.server import CLIENT_ID, CLOUD_PROJECT, HOSTS as GOOGLE_HOSTS, PROJECT
from simulators.ring.hosts import MESSAGES as RING_PUSH, WEB as RING_WEB

from .guide import Stage
from .home_assistant import FlowError, HomeAssistant
from .process import Process

DASHBOARD: Final = "camhub-demo"
RECORDER_USER: Final = "viewer"
SERVER_USER: Final = "admin"
SERVER_PASSWORD: Final = "demo-frigate-1"  # noqa: S105  # of a simulated server
GOOGLE_SECRET: Final = "GOCSPX-demo-1"  # noqa: S105  # of a simulated client
RING_USER: Final = "robin@example.com"
RING_PASSWORD: Final = "demo-ring-1"  # noqa: S105  # of a simulated account
RING_CODE: Final = "246810"
RECORDER_PASSWORD: Final = "demo-recorder-1"  # noqa: S105  # of a simulated device


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Ports:
    """Free ports by the name of who uses them, the same ones again for a folder that was kept."""

    def __init__(self, kept: Path) -> None:
        """Read what was kept."""
        self._kept = kept
        self._ports: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}

    def __getitem__(self, name: str) -> int:
        """Return the port of that name."""
        if name not in self._ports:
            self._ports[name] = free_port()
            self._kept.write_text(json.dumps(self._ports))
        return self._ports[name]


class Places(Protocol):
    """Where the cameras are that are added: addresses at home, and how names of services lead to them."""

    names: dict[str, Address]
    authority: Authority
    restream_port: int

    @property
    def pi_url(self) -> str:
        """Return the Pi's address."""
        ...

    @property
    def server_url(self) -> str:
        """Return the Frigate server's address."""
        ...

    @property
    def recorder_url(self) -> str:
        """Return the recorder's address."""
        ...

    async def legacy_login(self) -> dict[str, str]:
        """Return what a browser shows of somebody who is signed in to the services of older cameras."""
        ...


class World:
    """A Raspberry Pi's camera server, a recorder, a Frigate server, and the services of three makers in the cloud.

    `names` leads the host names of services to simulators, whose certificates `authority` signs.
    """

    def __init__(self, folder: Path) -> None:
        """Choose ports; nothing runs yet."""
        ports = Ports(folder / "ports.json")
        self.pi_port = ports["pi"]
        self.recorder_port, self.rtsp_port = ports["recorder"], ports["recorder_rtsp"]
        self.server_port, self.open_port = ports["frigate"], ports["frigate_open"]
        self.restream_port = ports["frigate_rtsp"]
        self.authority = Authority(folder / "authority")
        self.legacy_port, self.legacy_admin_port = ports["nest_legacy"], ports["nest_legacy_admin"]
        self.names: dict[str, Address] = dict.fromkeys(LEGACY_HOSTS, ("127.0.0.1", self.legacy_port))
        self.google_port, self.google_push_port = ports["nest"], ports["nest_push"]
        self.names |= dict.fromkeys(GOOGLE_HOSTS, ("127.0.0.1", self.google_port))
        self.ring_port, self.ring_push_port = ports["ring"], ports["ring_push"]
        self.names |= dict.fromkeys(RING_WEB, ("127.0.0.1", self.ring_port))
        self.names[RING_PUSH] = ("127.0.0.1", self.ring_push_port)
        # gRPC finds its way and its authority by these; the last is for libraries that open sockets themselves.
        self.environment = {
            "SSL_CERT_FILE": str(self.authority.file),
            "grpc_proxy": f"http://127.0.0.1:{self.google_push_port}",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.authority.file),
        }
        python = sys.executable
        self._processes = {
            self.google_port: Process(
                "Google",
                [
                    *(python, "-m", "simulators.nest_sdm", "--port", str(self.google_port)),
                    *("--proxy-port", str(self.google_push_port), "--rtsp-port", str(ports["nest_rtsp"])),
                    *("--authority", str(folder / "authority"), "--secret", GOOGLE_SECRET, "--redirect", "*"),
                    *("--motion-every", "20"),
                ],
                folder / "nest.log",
            ),
            self.pi_port: Process(
                "Raspberry Pi",
                [
                    *(python, "-m", "camhub_pi", "serve", "--backend", "pattern"),
                    *("--host", "127.0.0.1", "--port", str(self.pi_port), "--size", "640x480", "--fps", "10"),
                ],
                folder / "pi.log",
            ),
            self.recorder_port: Process(
                "Recorder",
                [
                    *(python, "-m", "simulators.hikvision", "--model", "nvr", "--port", str(self.recorder_port)),
                    *("--user", RECORDER_USER, "--password", RECORDER_PASSWORD),
                    *("--rtsp-port", str(self.rtsp_port), "--motion-every", "20"),
                ],
                folder / "recorder.log",
            ),
            self.server_port: Process(
                "Frigate",
                [
                    *(python, "-m", "simulators.frigate", "--port", str(self.server_port)),
                    *("--open-port", str(self.open_port), "--rtsp-port", str(self.restream_port)),
                    *("--user", SERVER_USER, "--password", SERVER_PASSWORD, "--motion-every", "20"),
                ],
                folder / "frigate.log",
            ),
            self.ring_port: Process(
                "Ring",
                [
                    *(python, "-m", "simulators.ring", "--port", str(self.ring_port)),
                    *("--push-port", str(self.ring_push_port), "--authority", str(folder / "authority")),
                    *("--user", RING_USER, "--password", RING_PASSWORD, "--code", RING_CODE, "--motion-every", "20"),
                    *("--kept", str(folder / "ring.json")),
                ],
                folder / "ring.log",
            ),
            self.legacy_port: Process(
                "Nest Legacy",
                [
                    *(python, "-m", "simulators.nest_legacy", "--port", str(self.legacy_port), "--cameras", "2"),
                    *("--admin-port", str(self.legacy_admin_port), "--authority", str(folder / "authority")),
                    *("--kept", str(folder / "nest_legacy.json"), "--motion-every", "20"),
                ],
                folder / "nest_legacy.log",
            ),
        }

    @property
    def pi_url(self) -> str:
        """Return the Pi's address."""
        return f"http://127.0.0.1:{self.pi_port}"

    @property
    def server_url(self) -> str:
        """Return the Frigate server's address."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def legacy_url(self) -> str:
        """Return where the services of older cameras take orders."""
        return f"http://127.0.0.1:{self.legacy_admin_port}"

    async def legacy_login(self) -> dict[str, str]:
        """Return what a browser shows of somebody who is signed in there."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.legacy_url}/_simulator/sign_in") as shown:
            copied: dict[str, str] = await shown.json()
            return copied

    @property
    def recorder_url(self) -> str:
        """Return the recorder's address."""
        return f"http://127.0.0.1:{self.recorder_port}"

    def stage(self, home: HomeAssistant) -> Stage:
        """Return where all of it is, for somebody with a browser."""
        return Stage(
            home=home.url,
            pi=self.pi_url,
            recorder=self.recorder_url,
            server=self.server_url,
            restream=self.restream_port,
            legacy=self.legacy_url,
        )

    async def start(self) -> Self:
        """Start them all and wait until each listens."""
        await asyncio.gather(*(process.start() for process in self._processes.values()))
        await asyncio.gather(*(process.until_listening(port) for port, process in self._processes.items()))
        return self

    async def stop(self) -> None:
        """Stop them all."""
        await asyncio.gather(*(process.stop() for process in self._processes.values()))


async def add_accounts(home: HomeAssistant, world: Places) -> None:
    """Add the simulated cameras through CamHub's own dialogs."""
    await home.add("mjpeg", {"address": f"{world.pi_url}/stream.mjpg", "verify_tls": True}, {"name": "Garden Pi"})
    await home.add(
        "hikvision",
        {
            "address": world.recorder_url,
            "username": RECORDER_USER,
            "password": RECORDER_PASSWORD,
            "verify_tls": True,
        },
    )
    await home.add(
        "frigate",
        {
            "address": world.server_url,
            "verify_tls": True,
            "live": "auto",
            "rtsp_template": f"rtsp://{{host}}:{world.restream_port}/{{name}}",
        },
        {"username": SERVER_USER, "password": SERVER_PASSWORD},
    )
    await home.add("nest_legacy", {"credential": "google"}, await world.legacy_login())
    await add_google(home, world)
    login = {"username": RING_USER, "password": RING_PASSWORD, "keep_password": False}
    await home.add("ring", login, {"code": RING_CODE})


async def add_google(home: HomeAssistant, world: Places) -> None:
    """Add the cameras of a Google project: allow access on Google's page, then let a topic be made."""
    project = {
        "project_id": PROJECT,
        "cloud_project_id": CLOUD_PROJECT,
        "client_id": CLIENT_ID,
        "client_secret": GOOGLE_SECRET,
    }
    flow = await home.answer(await home.begin("nest"), project)
    connector = aiohttp.TCPConnector(resolver=Names(world.names), ssl=world.authority.client())
    async with aiohttp.ClientSession(connector=connector) as browser:
        async with browser.get(flow["url"]) as page:
            devices = re.findall(r'name="device" value="([^"]+)"', await page.text())
        allowed = [("choice", "allow"), *(("device", device) for device in devices)]
        async with browser.post(flow["url"], data=allowed, allow_redirects=False) as sent:
            back = sent.headers["Location"]
    async with aiohttp.ClientSession() as browser, browser.get(back) as returned:
        returned.raise_for_status()
    for page_answers in ({}, {"topic": "create_new"}, {}):
        flow = await home.answer(flow, page_answers)
    if flow["type"] != "create_entry":
        raise FlowError(f"nest: {flow}")


async def cameras(home: HomeAssistant) -> list[dict[str, Any]]:
    """Return the states of the camera entities."""
    states: list[dict[str, Any]] = await home.get("/api/states")
    return [state for state in states if state["entity_id"].startswith("camera.")]


async def make_dashboard(home: HomeAssistant) -> None:
    """Save the dashboard that CamHub writes of these cameras."""
    config = await home.act("camhub", "dashboard", live=True, hours=1)
    await home.command(
        "lovelace/dashboards/create",
        url_path=DASHBOARD,
        title="Cameras",
        icon="mdi:cctv",
        mode="storage",
        show_in_sidebar=True,
        require_admin=False,
    )
    await home.command("lovelace/config/save", url_path=DASHBOARD, config=config)

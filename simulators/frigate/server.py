"""A server on real sockets: one port with a login, one without."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
import time
from typing import Any, Final, override

from aiohttp import web

from ..simulator import Simulator, faults_route
from .answers import Answers, page
from .faults import Faults
from .happenings import Happenings
from .live import Line
from .login import ADMIN, Login, User, Visitor
from .pictures import Pictures, film
from .restream import Restream
from .site import Unit, config, stats, units

ADMIN_PATH: Final = "/_simulator"
_TOPICS: Final = {
    "detect": "detect",
    "recordings": "record",
    "snapshots": "snapshots",
    "audio": "audio",
    "motion": "motion",
}


class FrigateSimulator(Simulator):
    """One server of a `version`; `login`, `faults`, `cameras` and `happenings` may be changed while it runs.

    `url` is the port with a login, `open_url` the one without. `requests` counts by path, `watching` are the open MJPEG
    streams, `commands` what was done for admins, `film` makes the bytes of a recording by its name,
    `stats_interval` is what the configuration says of it.
    """

    def __init__(
        self,
        *,
        version: str = "0.17",
        user: str = "camhub",
        password: str = "example-password",  # noqa: S107 - an example's
        cameras: list[Unit] | None = None,
        birdseye: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose a version out of `VERSIONS`; `now` dates events and tokens, `monotonic` throttles logins."""
        super().__init__()
        self.version = version
        self.minor = int(version.partition(".")[2])
        self.birdseye = birdseye
        self.cameras = units() if cameras is None else cameras
        refresh = 1800 if self.minor >= 17 else 43200
        users = {user: User(password=password)}
        self.login = Login(users=users, now=now, monotonic=monotonic, refresh_s=refresh)
        self.faults = Faults()
        self.line = Line(self, strict=self.minor >= 18)
        self.happenings = Happenings(now, self.line.tell)
        self.pictures = Pictures()
        self.restream = Restream(dict.fromkeys(self.streams), self.faults.dark_streams)
        self.requests: Counter[str] = Counter()
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.commands: list[tuple[str, str]] = []
        self.watching = 0
        self.frame_s = 0.2
        self.stats_interval = 60.0
        self.film: Callable[[str], bytes] = film
        self.url = self.open_url = ""
        self._answers = Answers(self)
        self._now = now
        self._open_port = 0
        self._runner: web.AppRunner | None = None

    @override
    async def start(self, host: str = "127.0.0.1", port: int = 0, open_port: int = 0) -> str:
        """Listen on both ports and return the address of the one with a login."""
        runner = web.AppRunner(
            _application(self), access_log=None, shutdown_timeout=0.1, handle_signals=False, handler_cancellation=True
        )
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await web.TCPSite(runner, host, open_port).start()
        self._runner = runner
        ports = [address[1] for address in runner.addresses]
        self._open_port = ports[1]
        self.url, self.open_url = (f"http://{host}:{number}" for number in ports)
        return self.url

    @override
    async def stop(self) -> None:
        """Stop listening and end all streams."""
        self.line.drop()
        await self.restream.senders.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def now(self) -> float:
        """Return the time of day in seconds since the epoch."""
        return self._now().timestamp()

    @property
    def streams(self) -> list[str]:
        """Return the names of the go2rtc streams."""
        return [name for each in self.cameras for name in each.streams.values()] + (
            ["birdseye"] if self.birdseye else []
        )

    def unit(self, name: str) -> Unit | None:
        """Return a camera by name."""
        return next((each for each in self.cameras if each.name == name), None)

    def is_online(self, unit: Unit) -> bool:
        """Return whether frames come from a camera."""
        return unit.enabled and unit.name not in self.faults.offline

    def allowed(self, visitor: Visitor) -> tuple[str, ...]:
        """Return the cameras of a visitor's role (0.17 on), nothing for all."""
        return self.login.roles.get(visitor.role, ()) if self.minor >= 17 else ()

    def may_see(self, visitor: Visitor, camera: str) -> bool:
        """Return whether a camera is within a visitor's role."""
        allowed = self.allowed(visitor)
        return not allowed or camera in allowed

    def config(self, visitor: Visitor) -> dict[str, Any]:
        """Return `/api/config` as a visitor gets it."""
        admin, allowed = visitor.role == ADMIN, self.allowed(visitor)
        told = config(self.version, self.cameras, admin=admin, allowed=allowed, birdseye=self.birdseye)
        told["mqtt"]["stats_interval"] = self.stats_interval
        return told

    def stats(self) -> dict[str, Any]:
        """Return `/api/stats`."""
        return stats(self.version, self.cameras, self.faults, self.now)

    def activity(self) -> dict[str, Any]:
        """Return how each camera stands (`camera_activity`)."""
        told: dict[str, Any] = {}
        for each in self.cameras:
            config = {key: each.on[key] for key in ("detect", "snapshots", "record", "audio")}
            config |= {"enabled": each.enabled} if self.minor >= 16 else {}
            there = self.happenings.there(each.name, self.minor)
            told[each.name] = {"config": config, "motion": each.name in self.happenings.moving, "objects": there}
        return told

    def command(self, topic: str, payload: str) -> None:
        """Switch a function of a camera, or all of it (0.16 on), and tell everybody; or move it to a preset."""
        name, _, feature = topic.partition("/")
        unit, feature = self.unit(name), feature.removesuffix("/set")
        if unit is None:
            return
        self.commands.append((topic, payload))
        if feature in _TOPICS:
            unit.on[_TOPICS[feature]] = payload == "ON"
        elif feature == "enabled" and self.minor >= 16:
            unit.enabled = payload == "ON"
        else:
            return
        self.line.tell(f"{name}/{feature}/state", payload, name)

    def lose(self, name: str) -> None:
        """Let no frames come from a camera any more; from 0.17 that is told at once."""
        self.faults.offline.add(name)
        if self.minor >= 17:
            self.line.tell(f"{name}/status/detect", "offline", name)

    def restart(self) -> None:
        """Restart: every line is cut, and whoever asks gets 502 until `restarting` is taken back."""
        self.faults.restarting = True
        self.line.drop()

    def change_password(self, user: str, password: str) -> None:
        """Give a user a new password and refuse all tokens there are."""
        self.login.users[user].password = password
        self.login.forget_tokens()
        self.line.drop()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.requests[request.path] += 1
        self.queries.append((request.path, dict(request.query)))
        self.notify()
        if self.faults.down and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        if self.faults.restarting:
            return page(502, "Bad Gateway")
        if request.path in self.faults.answers:
            status, content_type, body = self.faults.answers[request.path]
            return web.Response(status=status, text=body, content_type=content_type)
        return await self._let_in(request)

    async def _let_in(self, request: web.Request) -> web.StreamResponse:
        if self.login.proxy_secret and request.headers.get("X-Proxy-Secret") != self.login.proxy_secret:
            return page(401, "Authorization Required")
        if request.path == "/api/login":
            return await self._answers.login(request)
        visitor = self._visitor(request)
        if visitor is None:
            return page(401, "Authorization Required")
        if request.path == "/ws":
            return await self.line.serve(request, visitor)
        response = await self._answers.find(request, visitor)
        if visitor.renewed and not response.prepared:
            response.set_cookie(self.login.cookie, visitor.renewed, httponly=True, samesite="lax")
        return response

    def _visitor(self, request: web.Request) -> Visitor | None:
        own = request.transport.get_extra_info("sockname")[1] if request.transport else None
        if own == self._open_port or not self.login.enabled:
            return Visitor(name="anonymous", role=ADMIN)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.login.visitor(request.cookies.get(self.login.cookie), bearer)

    @override
    def __repr__(self) -> str:
        return f"<FrigateSimulator {self.version} {self.url}>"


def _application(server: FrigateSimulator) -> web.Application:
    app = web.Application()

    async def event(request: web.Request) -> web.Response:
        told: Mapping[str, Any] = await request.json()
        if "end" in told:
            server.happenings.end(told["end"])
            return web.Response(status=204)
        return web.json_response({"id": server.happenings.begin(told["camera"], told.get("label", "person"))})

    async def counts(request: web.Request) -> web.Response:
        login = {"attempts": server.login.attempts, "failed": server.login.failed}
        open_now = {
            "listeners": server.line.listeners,
            "watching": server.watching,
            "senders": server.restream.senders.count,
        }
        return web.json_response({"requests": server.requests, **open_now, **login})

    app.router.add_post(f"{ADMIN_PATH}/faults", faults_route(server.faults))
    app.router.add_post(f"{ADMIN_PATH}/event", event)
    app.router.add_get(f"{ADMIN_PATH}/counts", counts)
    app.router.add_route("*", "/{path:.*}", server.handle)
    return app

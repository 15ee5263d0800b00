"""The service on real sockets: all its hosts behind one TLS port, pushed messages behind another."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
import time
from typing import Final, override

from aiohttp import web

from simulators.authority import Authority
from simulators.names import Address

from ..simulator import Simulator, faults_route
from . import api, media, push
from .consent import ConsentPages
from .devices import Device, home
from .faults import Faults
from .happenings import Happenings
from .media import Media
from .oauth import EMAIL, OAuthClient, Tokens
from .pubsub import PubSub
from .push import Push
from .quota import Quota
from .replies import ApiError
from .streams import Streams

ADMIN_PATH: Final = "/_simulator"
HOSTS: Final = (
    "smartdevicemanagement.googleapis.com",
    "www.googleapis.com",
    "oauth2.googleapis.com",
    "nestservices.google.com",
    push.HOST,
    media.HOST,
)
PROJECT: Final = "5f3c7e1a-0000-4000-8000-0123456789ab"
CLOUD_PROJECT: Final = "example-cloud-123456"
CLIENT_ID: Final = "123456789012-example.apps.googleusercontent.com"


class NestSimulator(Simulator):
    """A Device Access project and one user's home; its parts may be changed while it runs.

    `names` leads the real hosts here, `proxy` is where gRPC has to go through. `requests` counts by host and path,
    `commands` lists device and command, `listed` counts listings. `client` is the OAuth client that is meant for the
    project.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        secret: str = "GOCSPX-example",  # noqa: S107 - an example's
        redirects: tuple[str, ...] = (),
        devices: list[Device] | None = None,
        user: str = "robin@example.com",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the project; nothing listens yet."""
        super().__init__()
        self.enterprise = f"enterprises/{PROJECT}"
        self.structure = "Example House"
        self.user = user
        self.devices = home() if devices is None else devices
        self.faults = Faults()
        self.tokens = Tokens(now)
        self.quota = Quota(monotonic)
        self.media = Media(self.tokens)
        self.streams = Streams(self.faults, now)
        self.pubsub = PubSub(self.tokens, self.faults, monotonic)
        self.push = Push(self.pubsub, self.tokens, self.faults, self.notify)
        self.happenings = Happenings(self.enterprise, self.media, now=now, monotonic=monotonic, publish=self._publish)
        self.client = OAuthClient(
            id=CLIENT_ID, secret=secret, enterprise=PROJECT, cloud_project=CLOUD_PROJECT, redirects=set(redirects)
        )
        self.tokens.clients[self.client.id] = self.client
        self.requests: Counter[str] = Counter()
        self.commands: list[tuple[str, str]] = []
        self.listed = 0
        self.names: dict[str, Address] = {}
        self.proxy = ""
        self.port = 0
        self._authority = authority
        self._monotonic = monotonic
        self._runner: web.AppRunner | None = None
        self._pages = ConsentPages(
            self.tokens, self.faults, projects={PROJECT}, devices=lambda: self.devices, user=user, now=now
        )

    @override
    async def start(self, port: int = 0, proxy_port: int = 0, rtsp_port: int = 0) -> None:
        """Listen."""
        context = self._authority.server(*HOSTS)
        runner = web.AppRunner(
            _application(self), access_log=None, shutdown_timeout=0.1, handle_signals=False, handler_cancellation=True
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        self._runner = runner
        self.port = runner.addresses[0][1]
        self.names.update(dict.fromkeys(HOSTS, ("127.0.0.1", self.port)))
        await self.streams.rtsp.start(rtsp_port, ssl=self._authority.server("stream.example"))
        self.proxy = await self.push.start(self._authority.pair(push.HOST), proxy_port)

    @override
    async def stop(self) -> None:
        """Stop listening and end all streams; may be called twice."""
        await self.push.stop()
        await self.streams.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def device(self, name: str) -> Device:
        """Return a device by a part of its id."""
        return next(each for each in self.devices if name in each.id)

    def _publish(self, message: object) -> None:
        # Whoever never listed the devices is told nothing (protocols.md 2.1).
        if self.listed and isinstance(message, dict):
            self.pubsub.publish(message)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.requests[f"{request.host}{request.path}"] += 1
        self.notify()
        if self.faults.down and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        if request.path in self.faults.answers:
            status, body = self.faults.answers[request.path]
            return web.Response(status=status, text=body, content_type="application/json")
        try:
            return await self._route(request)
        except ApiError as error:
            return error.response()

    async def _route(self, request: web.Request) -> web.StreamResponse:
        host, path = request.host.partition(":")[0], request.path.removeprefix("/v1/").strip("/")
        match host, path.split("/"):
            case "smartdevicemanagement.googleapis.com", _:
                return await api.answer(self, request, path)
            case push.HOST, _:
                return await self.pubsub.answer(request, path)
            case "nestservices.google.com", ["partnerconnections", project, "auth"]:
                return await self._pages.answer(request, project)
            case media.HOST, ["sdm_event", name]:
                return self.media.answer(request, name, self._monotonic())
            case "www.googleapis.com", ["oauth2", "v3", "userinfo"]:
                user = self.tokens.grant(request, EMAIL).user
                return web.json_response({"sub": "1000000000000000", "email": user, "email_verified": True})
        if request.method == "POST" and path in {"oauth2/v4/token", "token"}:
            return await self.tokens.exchange(request)
        raise ApiError("NOT_FOUND", "The requested URL was not found on this server.")

    @override
    def __repr__(self) -> str:
        return f"<NestSimulator {self.enterprise}>"


def _application(service: NestSimulator) -> web.Application:
    app = web.Application()

    async def event(request: web.Request) -> web.Response:
        told = await request.json()
        service.happenings.begin(service.device(told["device"]), told.get("kind", "motion"))
        return web.Response(status=204)

    async def counts(request: web.Request) -> web.Response:
        return web.json_response({"requests": service.requests, "commands": service.commands})

    app.router.add_post(f"{ADMIN_PATH}/faults", faults_route(service.faults))
    app.router.add_post(f"{ADMIN_PATH}/event", event)
    app.router.add_get(f"{ADMIN_PATH}/counts", counts)
    app.router.add_route("*", "/{path:.*}", service.handle)
    return app

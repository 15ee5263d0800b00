"""A device on a real socket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
import json
import time
from typing import Final, override

from aiohttp import web
from camhub_pi.pattern import Pattern

from ..simulator import Simulator, faults_route
from .alerts import Alert, AlertStream, State
from .answers import Answers
from .faults import Faults
from .login import Login, Verdict
from .personality import MODELS, Channel
from .recordings import Recordings

PICTURE_SIZE: Final = (640, 360)
ADMIN: Final = "/_simulator"


class _Endless(web.StreamResponse):
    """An answer that is neither chunked nor of known length, as the devices send their alerts."""

    _length_check = False


class HikvisionSimulator(Simulator):
    """One device; `login`, `faults`, `answers`, `recordings` and `alerts.wire` may be changed while it runs.

    `requests` counts by path, `signed` those with credentials, `refusals` the 401s, `peers` are the connections ever
    made, `busiest` is the most pictures ever asked for at once.
    """

    def __init__(
        self,
        *,
        model: str = "nvr",
        user: str = "camhub",
        password: str = "example-password",  # noqa: S107 - an example's
        rtsp_port: int = 554,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose a device out of `MODELS`; `now` dates the alerts, `monotonic` ages nonces and the lock."""
        super().__init__()
        self.personality = MODELS[model]()
        self.login = Login(username=user, password=password, realm=self.personality.realm, monotonic=monotonic)
        self.faults = Faults()
        self.answers = Answers(self.personality, rtsp_port, self.is_online)
        self.recordings = Recordings(now)
        self.alerts = AlertStream(self.personality, self.notify)
        self.requests: Counter[str] = Counter()
        self.refusals = 0
        self.signed = 0
        self.busiest = 0
        self.reboots = 0
        self.peers: set[object] = set()
        self.url = ""
        self._now = now
        self._taking = 0
        self._patterns: dict[int, Pattern] = {}
        self.on_password: Callable[[str], None] = lambda _: None
        self._gate = asyncio.Event()
        self._gate.set()
        self._runner: web.AppRunner | None = None

    @override
    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen and return the base address; after `stop` it may be started again on the same port."""
        runner = web.AppRunner(_application(self), access_log=None, shutdown_timeout=0.1, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        self._runner = runner
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        return self.url

    @override
    async def stop(self) -> None:
        """Stop listening and end all streams."""
        self.release()
        self.alerts.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def hold(self) -> None:
        """Let pictures wait until `release`, so that a test can have several under way."""
        self._gate.clear()

    def release(self) -> None:
        """Let held pictures go on."""
        self._gate.set()

    async def wait_for_listeners(self, count: int = 1) -> None:
        """Return when that many listen to alerts."""
        await self.wait_until(lambda: self.alerts.listeners == count)

    def is_online(self, channel: Channel) -> bool:
        """Return whether a channel is there now."""
        return channel.online and channel.id not in self.faults.offline

    def channel(self, number: int) -> Channel:
        """Return a channel by its number; raises LookupError."""
        for each in self.personality.channels:
            if each.id == number:
                return each
        raise LookupError(number)

    def raise_event(
        self,
        channel: int,
        kind: str = "VMD",
        state: State = "active",
        *,
        count: int = 1,
        target: str | None = None,
        related: str | None = None,
        age_s: float = 0.0,
    ) -> None:
        """Tell all listeners of an event; `age_s` dates it back, `related` makes it a `duration` event."""
        of = self.channel(channel)
        dynamic = of.id if of.ip and self.personality.dynamic_ids else None
        alert = Alert(
            type=kind,
            state=state,
            at=self._now() - timedelta(seconds=age_s),
            count=count,
            channel=None if dynamic is not None else of.alert_id,
            dynamic=dynamic,
            target=target,
            related=related,
            channel_name=of.name,
        )
        self.alerts.tell(alert, self.picture(of.id) if self.alerts.wire.pictures else None)

    def heartbeat(self) -> None:
        """Send the sign of life to all listeners now."""
        self.alerts.write(self.alerts.heartbeat_part(self._now()))

    def change_password(self, password: str) -> None:
        """Take a new password and end everything that was begun with the old one."""
        self.login.password = password
        self.reboot()
        self.on_password(password)

    def reboot(self) -> None:
        """Forget all nonces and end all streams."""
        self.reboots += 1
        self.login.forget_nonces()
        self.alerts.drop()

    def picture(self, number: int, size: tuple[int, int] = PICTURE_SIZE) -> bytes:
        """Return a channel's JPEG of now."""
        pattern = self._patterns.get(number)
        if pattern is None or size != PICTURE_SIZE:
            pattern = Pattern(*size, self.channel(number).name.strip() or f"Camera {number}")
        if size == PICTURE_SIZE:
            self._patterns[number] = pattern
        return pattern.jpeg(self._now().timestamp())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to the device."""
        self.requests[request.path] += 1
        if request.transport is not None:
            self.peers.add(request.transport.get_extra_info("peername"))
        self.notify()
        if self.faults.down and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        authorization = request.headers.get("Authorization")
        self.signed += authorization is not None
        verdict = self.login.judge(request.method, request.raw_path, authorization)
        response = self._refuse(verdict) if verdict is not Verdict.IN else await self._answer(request)
        if not response.prepared:
            response.headers["Server"] = self.personality.server
            if self.login.announced is not None:
                response.headers["Authentication-Info"] = f'nextnonce="{self.login.announced}", qop=auth'
        return response

    def _refuse(self, verdict: Verdict) -> web.Response:
        self.refusals += 1
        content_type, body = self.login.refusal(verdict)
        response = web.Response(status=401, text=body, content_type=content_type)
        for challenge in self.login.challenges(verdict):
            response.headers.add("WWW-Authenticate", challenge)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        prefix = self.personality.prefix
        if not request.path.startswith(f"{prefix}/") or (not prefix and request.path.startswith("/ISAPI/")):
            return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
        path = request.path.removeprefix(prefix)
        if path in self.faults.answers:
            status, body = self.faults.answers[path]
            return web.Response(status=status, text=body, content_type="application/xml")
        if request.method == "PUT" and path == "/System/reboot":
            self.reboot()
            return _xml(self.answers.status(request.path, 1))
        if path == "/ContentMgmt/search" and request.method == "POST":
            return await self._search(request)
        if path == "/ContentMgmt/download" and request.method in self.recordings.methods:
            return await self._download(request)
        if request.method != "GET":
            return _xml(self.answers.status(request.path, 4, "methodNotAllowed"), 403)
        if path == "/Event/notification/alertStream":
            return await self._listen(request)
        if path.endswith("/picture"):
            return await self._take(request, path)
        found = self.answers.find(path)
        return web.Response(status=found) if isinstance(found, int) else _xml(found)

    async def _search(self, request: web.Request) -> web.Response:
        found = self.recordings.search(await request.text())
        if found is None:
            return _xml(self.answers.status(request.path, 6, "badXmlContent"), 400)
        return _xml(self.answers.search_result(found))

    async def _download(self, request: web.Request) -> web.Response:
        film = await asyncio.to_thread(self.recordings.film, await request.text())
        if film is None:
            return _xml(self.answers.status(request.path, 4, "invalidOperation"), 400)
        return web.Response(body=film, content_type="application/octet-stream")

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if self.alerts.listeners >= self.alerts.wire.most:
            return _xml(self.answers.status(request.path, 2, "deviceBusy"), 503)
        response = _Endless(headers={"Content-Type": self.alerts.wire.content_type, "Server": self.personality.server})
        response.force_close()
        await response.prepare(request)
        queue = self.alerts.listen()
        try:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(self.alerts.wire.drop_after_s):
                    await self._tell(response, queue)
        finally:
            self.alerts.leave(queue)
        return response

    async def _tell(self, response: web.StreamResponse, queue: asyncio.Queue[bytes | None]) -> None:
        await response.write(self.alerts.heartbeat_part(self._now()))
        while True:
            try:
                async with asyncio.timeout(self.alerts.wire.heartbeat_s or None):
                    data = await queue.get()
            except TimeoutError:
                data = self.alerts.heartbeat_part(self._now())
            if data is None:
                return
            await response.write(data)

    async def _take(self, request: web.Request, path: str) -> web.Response:
        async with self._one_more_picture():
            await self._gate.wait()
            busy = self.faults.busy_above is not None and self._taking > self.faults.busy_above
        if busy:
            return _xml(self.answers.status(request.path, 2, "deviceBusy"), 503)
        stream = path.removesuffix("/picture").rpartition("/")[2]
        channel = self.answers.channel_of_stream(int(stream)) if stream.isdigit() else None
        by_proxy = path.startswith("/ContentMgmt/StreamingProxy/")
        if channel is None or (by_proxy and self.personality.kind == "IPCamera"):
            return web.Response(status=404)
        if self.faults.proxy_only and not by_proxy:
            status = 200 if self.faults.proxy_only is True else self.faults.proxy_only
            return _xml(self.answers.status(request.path, 6, "badXmlContent"), status)
        if not self.is_online(channel):
            return _xml(self.answers.status(request.path, 3, "deviceError"), 500)
        return self._developed(request, channel)

    def _developed(self, request: web.Request, channel: Channel) -> web.Response:
        match self.faults.spoils_picture():
            case "device_error":
                return _xml(self.answers.status(request.path, 3, "deviceError"))
            case "bad_content":
                return _xml(self.answers.status(request.path, 6, "badXmlContent"))
            case "html":
                return web.Response(text="<html>busy</html>", content_type="text/html")
            case "empty":
                return web.Response(body=b"", content_type="image/jpeg")
            case "truncated":
                body = self.picture(channel.id)
                return web.Response(body=body[: len(body) // 2], content_type="image/jpeg")
            case _:
                body = self.picture(channel.id, _wanted_size(request))
                return web.Response(body=body, headers={"Content-Type": self.faults.picture_type})

    @asynccontextmanager
    async def _one_more_picture(self) -> AsyncIterator[None]:
        self._taking += 1
        self.busiest = max(self.busiest, self._taking)
        self.notify()
        try:
            yield
        finally:
            self._taking -= 1

    @override
    def __repr__(self) -> str:
        return f"<HikvisionSimulator {self.personality.model} {self.url}>"


def _application(device: HikvisionSimulator) -> web.Application:
    app = web.Application()

    async def event(request: web.Request) -> web.Response:
        told = json.loads(await request.text() or "{}")
        device.raise_event(int(told.get("channel", 1)), told.get("type", "VMD"), told.get("state", "active"))
        return web.Response(status=204)

    async def password(request: web.Request) -> web.Response:
        device.change_password(str((await request.json())["password"]))
        return web.Response(status=204)

    async def counts(request: web.Request) -> web.Response:
        return web.json_response(
            {"requests": device.requests, "refusals": device.refusals, "listeners": device.alerts.listeners}
        )

    app.router.add_post(f"{ADMIN}/faults", faults_route(device.faults))
    app.router.add_post(f"{ADMIN}/event", event)
    app.router.add_post(f"{ADMIN}/password", password)
    app.router.add_get(f"{ADMIN}/counts", counts)
    app.router.add_route("*", "/{path:.*}", device.handle)
    return app


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="application/xml")


def _wanted_size(request: web.Request) -> tuple[int, int]:
    width, height = (
        request.query.get("videoResolutionWidth", ""),
        request.query.get("videoResolutionHeight", ""),
    )
    if width.isdigit() and height.isdigit() and 16 <= int(width) <= 4096 and 16 <= int(height) <= 4096:
        return int(width), int(height)
    return PICTURE_SIZE

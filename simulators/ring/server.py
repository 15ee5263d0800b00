"""The service on real sockets, under its real names: one port for the web, one for push."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, override

from aiohttp import web
from camhub_pi.pattern import Pattern

from simulators.authority import Authority
from simulators.names import Address

from ..simulator import Simulator
from .api import Api, next_picture
from .faults import Canned, Faults
from .films import Films
from .happenings import Happenings
from .home import Device, Home
from .hosts import API, APP, FILMS, MESSAGES, PICTURES, PUSH_WEB, SIGNALLING, TOKENS, WEB
from .push import Push
from .signalling import Signalling, Sleep
from .tokens import CLIENT, Tokens

_TICKET: Final = "/api/v1/clap/ticket/request/signalsocket"


class RingSimulator(Simulator):
    """One account; everything it holds may be changed while it runs.

    `names` is where its host names lead once it runs. `requests` counts by host and path, `sessions` and `polls` what
    was made and asked; `push_token` is where pushes go.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        user: str = "robin@example.com",
        password: str = "example-password",  # noqa: S107 - an example's
        factor: str | None = "sms",
        code: str = "246810",
        kept: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Prepare an account with the example's devices; `now` dates events and tokens, `sleep` times live views."""
        super().__init__()
        self.now = now
        self.faults = Faults()
        self.tokens = Tokens(user=user, password=password, factor=factor, code=code, now=now, kept=kept)
        self.home = Home()
        self.push = Push(self.faults, self.notify)
        self.happenings = Happenings(now, self._tell)
        self.films = Films(self.faults, now, self.notify)
        self.signalling = Signalling(self.home, self.faults, self.notify, sleep)
        self.event_pictures: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.names: dict[str, Address] = {}
        self.sessions = self.polls = 0
        self.push_token = ""
        self._authority = authority
        self._api = Api(self)
        self._patterns: dict[int, Pattern] = {}
        self._runner: web.AppRunner | None = None

    @override
    async def start(self, host: str = "127.0.0.1", port: int = 0, push_port: int = 0) -> None:
        """Listen on both ports."""
        context = self._authority.server(*WEB, MESSAGES)
        runner = web.AppRunner(
            _application(self), access_log=None, shutdown_timeout=0.1, handle_signals=False, handler_cancellation=True
        )
        await runner.setup()
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        self._runner = runner
        self.names.update(dict.fromkeys(WEB, (host, runner.addresses[0][1])))
        self.names[MESSAGES] = (host, await self.push.start(host, push_port, context))

    @override
    async def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        await self.signalling.stop()
        await self.push.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def web_port(self) -> int:
        """Return the port of all names but push's."""
        return self.names[API][1]

    def picture(self, device: Mapping[str, Any], at: float) -> bytes:
        """Return what a camera saw at a moment (seconds since the epoch)."""
        if device["id"] not in self._patterns:
            self._patterns[device["id"]] = Pattern(320, 180, device["description"])
        return self._patterns[device["id"]].jpeg(at)

    def see(self, identifier: int, kind: str = "motion", *, person: bool = False, pictured: bool = False) -> int:
        """Let a camera see something, or somebody press its button; return the event's number."""
        device = self.device(identifier)
        uuid = f"picture-{len(self.event_pictures)}" if pictured else ""
        if pictured:
            self.event_pictures[uuid] = self.picture(device, self.now().timestamp())
        number: int = self.happenings.happen(device, kind, person=person, snapshot=uuid)["id"]
        return number

    def device(self, identifier: int) -> Device:
        """Return a device that is there."""
        found = self.home.find(identifier)
        if found is None:
            raise LookupError(f"no device {identifier}")
        return found

    def change_password(self, password: str) -> None:
        """Give the account a new password and end all its tokens."""
        self.tokens.password = password
        self.tokens.end()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        host = request.host.partition(":")[0]
        self.requests[f"{host}{request.path}"] += 1
        self.queries.append((request.path, dict(request.query)))
        self.notify()
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        if self.faults.hold is not None:
            await self.faults.hold.wait()
        if self.faults.down and request.transport is not None:
            request.transport.abort()
            return web.Response()
        canned = self.faults.answers.get(f"{host}{request.path}") or self.faults.answers.get(host)
        try:
            response = _canned(canned) if canned else await self._answer(host, request)
        finally:
            self.notify()
        if not response.prepared:
            response.headers.setdefault("Date", f"{self.now():%a, %d %b %Y %H:%M:%S GMT}")
        return response

    async def _answer(self, host: str, request: web.Request) -> web.StreamResponse:
        if host in PUSH_WEB:
            return await self.push.answer(request)
        if host == FILMS:
            return await self.films.answer(request)
        if host == SIGNALLING:
            return await self.signalling.serve(request)
        if host == TOKENS:
            return await self._tokens(request)
        if not self.tokens.admits(request.headers.get("Authorization", "")):
            return web.json_response({}, status=401)
        if host == APP and request.path == _TICKET:
            return web.json_response({"ticket": self.signalling.ticket()})
        if host == PICTURES:
            return await next_picture(self, request)
        return await self._api.answer(request)

    async def _tokens(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/oauth/token" or request.method != "POST":
            return web.Response(status=404)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if form.get("client_id", CLIENT) != CLIENT:
            return web.json_response({"error": "invalid_client"}, status=401)
        status, told = self.tokens.answer(form, request.headers)
        if self.faults.lost_answers and request.transport is not None:
            self.faults.lost_answers -= 1
            request.transport.abort()
        return web.json_response(told, status=status)

    def _tell(self, message: Mapping[str, Any]) -> None:
        self.push.send(self.push_token, message)

    @override
    def __repr__(self) -> str:
        return f"<RingSimulator {self.tokens.user}>"


def _canned(canned: Canned) -> web.Response:
    body = canned.body.encode() if isinstance(canned.body, str) else canned.body
    return web.Response(status=canned.status, body=body, content_type=canned.content_type, headers=canned.headers)


def _application(service: RingSimulator) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    return app

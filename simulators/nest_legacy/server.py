"""All the services on one TLS port, told apart by the name they are called by."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
from pathlib import Path
import ssl
from types import TracebackType
from typing import Any, Final, Self, override

from aiohttp import web

from ..simulator import Observable, faults_route
from .faults import Faults
from .google import GoogleAccount
from .home import House, Unit, answered
from .pictures import Pictures
from .tokens import ACCOUNT, Tokens

ADMIN_PATH: Final = "/_simulator"
GOOGLE: Final = "accounts.google.com"
PROXY: Final = "nestauthproxyservice-pa.googleapis.com"
_HOME: Final = ("home.nest.com", "home.ft.nest.com")
_WEB: Final = ("webapi.camera.home.nest.com", "webapi.camera.home.ft.nest.com")
_PICTURES: Final = ("nexusapi-us1.camera.home.nest.com", "nexusapi-eu1.camera.home.nest.com")
HOSTS: Final = (GOOGLE, PROXY, *_HOME, *_WEB, *_PICTURES)
_SIGN_IN_PAGE: Final = '<html><a href="https://accounts.google.com/ServiceLogin">Sign in</a></html>'


def units() -> list[Unit]:
    """Return the cameras of an example: one in each region, one that is switched off, one that is away."""
    return [
        Unit(uuid="a1" * 16, name=""),
        Unit(
            uuid="b2" * 16,
            name="Front step",
            region="eu1",
            model="Nest Hello",
            capabilities=("indoor_chime", "streaming.start-stop"),
        ),
        Unit(uuid="c3" * 16, name="Attic", state="streaming-disabled", capabilities=()),
        Unit(uuid="d4" * 16, name="Cabin", state="offline"),
    ]


class NestLegacySimulator(Observable):
    """One account; `google`, `tokens`, `house`, `accepts` and `faults` may be changed while it runs.

    `accepts` are the ways of asking that the camera hosts take, `pictures` what they send. `requests` counts by host
    and path. `session_life` is how long what `/session` gives is good, `access_token` logs a Nest account in.
    """

    def __init__(
        self,
        *,
        cameras: list[Unit] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        kept: Path | None = None,
    ) -> None:
        """Take the cameras; `now` dates tokens, pictures and what is seen, `kept` is where Google's cookies stay."""
        super().__init__()
        self.google = GoogleAccount(now, kept=kept)
        self.tokens = Tokens(now)
        self.house = House(now, units() if cameras is None else cameras)
        self.faults = Faults()
        self.accepts = {"basic_session", "basic_jwt", "user_token", "website"}
        self.session_life = self.jwt_life = timedelta(hours=1)
        self.account = ACCOUNT
        self.access_token = self.tokens.opaque("access", timedelta(days=30))
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self.changes: list[dict[str, str]] = []
        self.port = self.admin_port = 0
        self._now = now
        self.pictures = Pictures()
        self._runner: web.AppRunner | None = None
        self._places: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
            GOOGLE: self._issue_token,
            PROXY: self._issue_jwt,
            **dict.fromkeys(_HOME, self._at_home),
            **dict.fromkeys(_WEB, self._at_web),
            **dict.fromkeys(_PICTURES, self._at_pictures),
        }

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def __aenter__(self) -> Self:
        """Expect to be started inside: who signs the certificate must be said."""
        return self

    async def start(self, tls: ssl.SSLContext, host: str = "127.0.0.1", port: int = 0, admin_port: int = 0) -> int:
        """Listen with a certificate for `HOSTS`; return the port. `admin_port` takes orders without TLS."""
        self._runner = web.AppRunner(
            _application(self), access_log=None, shutdown_timeout=0.1, handle_signals=False, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        await web.TCPSite(self._runner, host, admin_port).start()
        self.port, self.admin_port = (address[1] for address in self._runner.addresses)
        return self.port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def secrets(self) -> set[str]:
        """Return all that was ever given out and must be seen nowhere."""
        return self.google.secrets | self.tokens.secrets

    def user_token(self, days: float = 30) -> str:
        """Return what the cookie `user_token` holds in a browser, good for so many days."""
        return self.tokens.jwt(timedelta(days=days), self.account)

    def revoke(self) -> None:
        """Refuse all tokens there are, and log out at Google."""
        self.tokens.revoke()
        self.google.log_out()
        self.refused = self.google.refused = 0

    async def dated(self, _: web.Request, response: web.StreamResponse) -> None:
        """Tell the time that it is here with each answer."""
        date = self.faults.date
        response.headers["Date"] = format_datetime(self._now(), usegmt=True) if date is None else date

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        place = f"{request.host.partition(':')[0]}{request.path}"
        self.requests[place] += 1
        self.notify()
        if self.faults.down and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        if place in self.faults.answers:
            status, content_type, body = self.faults.answers[place]
            return web.Response(status=status, text=body, content_type=content_type)
        handler = self._places.get(request.host.partition(":")[0])
        return await handler(request) if handler else web.Response(status=421)

    async def _issue_token(self, request: web.Request) -> web.Response:
        fault, modern = self.faults.google, request.headers.get("User-Agent", "").startswith("Nest/")
        if self.faults.picky and not modern:
            return web.Response(status=403, text="<html>403. That is an error.</html>", content_type="text/html")
        if request.headers.get("X-Requested-With") != "XmlHttpRequest":
            return web.Response(status=400)
        if fault.isdigit():
            return web.Response(status=int(fault), text="<html>Error</html>", content_type="text/html")
        if fault == "redirect":
            return web.Response(status=302, headers={"Location": "https://accounts.google.com/ServiceLogin"})
        if fault in {"page", "sign_in"}:
            text = _SIGN_IN_PAGE if fault == "sign_in" else "<html>We are sorry {}</html>"
            return web.Response(text=text, content_type="text/html")
        if fault:
            detail = "No active session found." if fault == "no_session" else ""
            return self._json({"error": fault, "detail": detail})
        if not self.google.admit(request.headers.get("Cookie", ""), request.query.get("login_hint", "")):
            return self._json({"error": "USER_LOGGED_OUT", "detail": "The session has ended."})
        token = {"token_type": "Bearer", "access_token": self.google.token(), "expires_in": 3599, "scope": "openid"}
        response = self._json(token)
        for each in self.google.turn():
            response.headers.add("Set-Cookie", each)
        return response

    async def _issue_jwt(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        said = await request.json()
        known = self.google.knows(token) and said.get("google_oauth_access_token") == token
        if self.faults.jwt_status or not known:
            return web.Response(status=self.faults.jwt_status or 401)
        claims = {"subject": {"nestId": {"id": self.account}}, "policyId": said.get("policy_id")}
        return self._json({"jwt": self.tokens.jwt(self.jwt_life, self.account), "claims": claims})

    async def _at_home(self, request: web.Request) -> web.Response:
        basic = request.headers.get("Authorization", "").removeprefix("Basic ")
        if request.path == "/session":
            if self.faults.session_status or not self.tokens.good("jwt", basic):
                return web.Response(status=self.faults.session_status or 401)
            return self._json(self._session())
        if self.faults.home_status or not self.tokens.good("session", basic):
            self.refused += 1
            return web.Response(status=self.faults.home_status or 401)
        if request.path != f"/api/0.1/user/{self.account}/app_launch" or request.method != "POST":
            return web.Response(status=404)
        return self._json(self.house.launch())

    def _session(self) -> dict[str, Any]:
        ends = self._now() + timedelta(days=30)
        return {
            "access_token": self.tokens.opaque("session", self.session_life),
            "email": "someone@example.com",
            "expires_in": f"{ends:%a, %d-%b-%Y %H:%M:%S} GMT",
            "userid": self.account,
            "user": f"user.{self.account}",
            "weave": {"access_token": self.tokens.opaque("weave", self.session_life)},
            "urls": {"transport_url": "https://example.transport.home.nest.com"},
        }

    async def _at_web(self, request: web.Request) -> web.Response:
        if request.path == "/api/v1/login.login_nest":
            given = str((await request.post()).get("access_token"))
            if given != self.access_token or not self.tokens.good("access", given):
                return self._json(answered([], 400, "No user is identified by the access token."))
            return self._json(answered([{"session_token": self.tokens.opaque("site", self.session_life)}]))
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match request.path:
            case "/api/cameras.get_owned_and_member_of_with_properties":
                return self._json(self.house.listing())
            case "/api/v1/users.get_current":
                return self._json(answered([{"id": int(self.account), "email": "someone@example.com"}]))
            case "/api/dropcams.set_properties":
                return self._set({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(status=404)

    def _set(self, values: dict[str, str]) -> web.Response:
        unit = self.house.unit(values.get("uuid", ""))
        if unit is None or "streaming.start-stop" not in unit.capabilities:
            return self._json(answered([], 404, "No such camera."))
        self.changes.append(values)
        unit.state = "streaming-enabled" if values.get("streaming.enabled") == "true" else "streaming-disabled"
        return self._json(answered([unit.item()]))

    async def _at_pictures(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        what, _, rest = request.path.strip("/").partition("/")
        uuid = request.query.get("uuid", "") if what == "get_image" else rest.partition("/")[0]
        if len(uuid) != 32:
            return web.Response(status=400)
        if uuid in self.faults.forbidden:
            return _page(403, "Forbidden")
        unit = self.house.unit(uuid)
        if unit is None or unit.host != request.host.partition(":")[0]:
            return _page(404, "Not Found")
        if what == "cuepoint":
            return self._json(self.house.history(uuid, float(request.query.get("start_time", 0))))
        if what == "cuepoint_category":
            return self._json([{"id": 1, "label": "Path", "type": "zone", "hidden": False}])
        if what != "get_image" or unit.state != "streaming-enabled":
            return _page(404, "Not Found")
        return self._picture(unit, int(request.query.get("width", 1920)))

    def _picture(self, unit: Unit, width: int) -> web.Response:
        blank = unit.uuid in self.faults.blank
        body = self.pictures.of(unit.name or "Hall", width, self._now().timestamp(), blank=blank)
        return web.Response(body=b"" if unit.uuid in self.faults.empty else body, content_type="image/jpeg")

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Return what a camera host says to who may not ask."""
        if self.faults.camera_status:
            return _page(self.faults.camera_status, "Error")
        if self.accepts & self._manners(request):
            return None
        self.refused += 1
        return _page(403, "Forbidden")

    def _manners(self, request: web.Request) -> set[str]:
        basic = request.headers.get("Authorization", "").removeprefix("Basic ")
        cookies = dict(each.split("=", 1) for each in request.headers.get("Cookie", "").split("; ") if "=" in each)
        site = "website_ft" if ".ft." in request.host else "website_2"
        proofs = {
            "basic_session": ("session", basic),
            "basic_jwt": ("jwt", basic),
            "user_token": ("jwt", cookies.get("user_token", "")),
            "website": ("site", cookies.get(site, "")),
        }
        return {manner for manner, (kind, token) in proofs.items() if self.tokens.good(kind, token)}

    def _json(self, value: object) -> web.Response:
        return web.Response(text=f"{self.faults.junk}{json.dumps(value)}", content_type="application/json")

    @override
    def __repr__(self) -> str:
        return f"<NestLegacySimulator {self.port}>"


def _page(status: int, words: str) -> web.Response:
    title = f"<title>{status}: {words}</title>"
    return web.Response(
        status=status, text=f"<html>{title}<body>{status}: {words}</body></html>", content_type="text/html"
    )


def _application(server: NestLegacySimulator) -> web.Application:
    app = web.Application()
    app.on_response_prepare.append(server.dated)

    async def event(request: web.Request) -> web.Response:
        told = await request.json()
        if "end" in told:
            server.house.end(told["camera"], told["end"])
            return web.Response(status=204)
        return web.json_response({"id": server.house.see(told["camera"], *told.get("types", ()))})

    async def sign_in(request: web.Request) -> web.Response:
        if request.method == "POST":
            server.google.sign_in()
        return web.json_response({"issue_token": server.google.issue_token, "cookies": server.google.cookies})

    async def log_out(_request: web.Request) -> web.Response:
        server.revoke()
        return web.Response(status=204)

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"user_token": server.user_token((await request.json()).get("days", 30))})

    async def counts(_request: web.Request) -> web.Response:
        google = {"tokens": server.google.tokens, "replays": server.google.replays}
        return web.json_response({"requests": server.requests, "refused": server.refused, **google})

    app.router.add_post(f"{ADMIN_PATH}/faults", faults_route(server.faults))
    app.router.add_post(f"{ADMIN_PATH}/event", event)
    app.router.add_route("*", f"{ADMIN_PATH}/sign_in", sign_in)
    app.router.add_post(f"{ADMIN_PATH}/log_out", log_out)
    app.router.add_post(f"{ADMIN_PATH}/token", token)
    app.router.add_get(f"{ADMIN_PATH}/counts", counts)
    app.router.add_route("*", "/{path:.*}", server.handle)
    return app

"""Asks the home and camera hosts for one account; a refusal leads to one new session and one more try."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
import math
from typing import ClassVar, Final

from yarl import URL

from ...kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ...kernel.jpeg import JPEG_START
from ...kernel.model import JsonValue
from ...kernel.provider import Context
from . import parse
from .blank import is_blank
from .hosts import at_home
from .keeper import Keeper
from .login import GOOGLE, Book, Login, Manner, Session
from .parse import Home, Point, Unit
from .reading import read
from .wire import Answer, Call, Wire

WIDTH: Final = 1920
# A camera that is refused while the account is not will not be asked for so long (seconds).
FORBIDDEN_S: Final = 3600.0
_BUCKETS: Final = ("quartz", "where", "structure")
_OWNED: Final = "cameras.get_owned_and_member_of_with_properties"


class Refused(Unreachable):
    """401 or 403, while it is tried out which way of asking works; never seen outside a sign-in."""

    default_reason: ClassVar[str] = "nest_refused"


class Missing(Unreachable):
    """404: the camera is off or not connected, in another region, or gone (protocols.md 3.7)."""

    default_reason: ClassVar[str] = "camera_not_connected"


@dataclass(frozen=True, slots=True)
class _Scope:
    """Who is asked: the home host takes the session only, and a camera may be closed to an account that is not."""

    home: bool = False
    camera: str | None = None


_HOME: Final = _Scope(home=True)
_CAMERAS: Final = _Scope()


class Client:
    """One account's requests. While `probing`, refusals are told as they come, and nothing is renewed."""

    def __init__(self, context: Context, login: Login) -> None:
        """Prepare; nothing is asked yet."""
        self.clock = context.clock
        self.probing = False
        self.manner = login.manner or Manner.BASIC_SESSION
        self.book = Book(context.tokens, login)
        self._wire = Wire(context)
        self.keeper = Keeper(context, self._wire, self.book)
        self._forbidden: dict[str, float] = {}
        self._moved: frozenset[str] = frozenset()

    def now(self) -> datetime:
        """Return what time it is by the services' clock; ours before their first answer."""
        return self._wire.now()

    async def home(self) -> Home:
        """List the cameras; raises HubError."""
        if self.book.login.credential != GOOGLE:
            return parse.owned(await self._json(_OWNED))
        session = await self.keeper.session()
        call = Call(
            method="POST",
            url=self.book.login.hosts.home / f"api/0.1/user/{session.user_id}/app_launch",
            said={"known_bucket_types": _BUCKETS, "known_bucket_versions": []},
        )
        home = parse.buckets(read((await self._ask(call, _HOME)).body))
        if home.tells_moved:
            return home
        await self._look_who_moved()
        return parse.with_moved(home, self._moved)

    async def _look_who_moved(self) -> None:
        """Hear which cameras are in the newer app; who cannot be asked leaves what is known, and renews nothing."""
        with suppress(HubError):
            answer = await self._send(Call(url=self._at(_OWNED)), _CAMERAS, await self.keeper.session())
            if answer.ok:
                self._moved = parse.moved(read(answer.body))

    async def account(self) -> str | None:
        """Return the number of the account as the camera hosts know it; raises HubError."""
        return parse.account(await self._json("v1/users.get_current"))

    async def picture(self, unit: Unit, width: int | None = None) -> bytes:
        """Return a JPEG of a camera; raises HubError, Missing where it is not to be had there now."""
        query = {"uuid": unit.id, "width": str(min(width or WIDTH, WIDTH))}
        answer = await self._ask(Call(url=unit.region / "get_image" % query), _Scope(camera=unit.id))
        if not answer.body:
            raise Unreachable("an empty picture", reason="blank_picture")
        if not answer.body.startswith(JPEG_START):
            raise Malformed("no JPEG", reason="not_a_picture")
        if is_blank(answer.body):
            raise Unreachable("a picture of one colour", reason="blank_picture")
        return answer.body

    async def points(self, unit: Unit, since: datetime) -> tuple[Point, ...]:
        """Return what a camera saw since then, by the services' clock; raises HubError."""
        query = {"start_time": str(int(since.timestamp()))}
        call = Call(url=unit.region / "cuepoint" / unit.id / "2" % query)
        return parse.points(read((await self._ask(call, _Scope(camera=unit.id))).body))

    async def zones(self, unit: Unit) -> Mapping[int, str]:
        """Return the names of a camera's zones; raises HubError."""
        call = Call(url=unit.region / "cuepoint_category" / unit.id)
        return parse.zones(read((await self._ask(call, _Scope(camera=unit.id))).body))

    async def put(self, unit: Unit, key: str, value: str) -> None:
        """Change a property of a camera; raises HubError, Unsupported where it is not taken."""
        call = Call(
            method="POST",
            url=self._at("dropcams.set_properties"),
            form={"uuid": unit.id, key: value},
        )
        answer = await self._ask(call, _Scope(camera=unit.id))
        try:
            parse.items(read(answer.body))
        except Malformed as error:
            raise Unsupported("the change is not confirmed", reason="control_not_confirmed") from error

    async def _json(self, path: str) -> JsonValue:
        return read((await self._ask(Call(url=self._at(path)), _CAMERAS)).body)

    def _at(self, path: str) -> URL:
        return self.book.login.hosts.cameras / "api" / path

    async def _ask(self, call: Call, scope: _Scope) -> Answer:
        session = await self.keeper.session()
        if scope.camera is not None and self.clock.monotonic() < self._forbidden.get(scope.camera, -math.inf):
            raise _closed()
        answer = await self._send(call, scope, session)
        if answer.refused and not self.probing and await self._may_renew(scope, session):
            session = await self.keeper.renew(session)
            answer = await self._send(call, scope, session)
        if answer.refused:
            raise await self._refusal(answer, scope, session)
        if answer.ok:
            self.keeper.accepted(session, home=scope.home)
        if answer.status == HTTPStatus.NOT_FOUND and scope.camera is not None:
            raise Missing("HTTP 404")
        if not answer.ok:
            raise answer.trouble()
        return answer

    async def _send(self, call: Call, scope: _Scope, session: Session) -> Answer:
        manner = Manner.BASIC_SESSION if scope.home else self.manner
        headers = {**at_home(self.book.login.agent), **self._authorisation(manner, session)}
        if scope.home:
            headers |= {"X-nl-user-id": session.user_id, "X-nl-protocol-version": "1"}
        return await self._wire.send(call, headers)

    def _authorisation(self, manner: Manner, session: Session) -> Mapping[str, str]:
        token, jwt = session.token.reveal(), session.jwt.reveal()
        match manner:
            case Manner.BASIC_SESSION:
                return {"Authorization": f"Basic {token}"}
            case Manner.BASIC_JWT:
                return {"Authorization": f"Basic {jwt}"}
            case Manner.USER_COOKIE:
                return {"Cookie": f"user_token={jwt}"}
            case _:
                return {"Cookie": f"{self.book.login.hosts.cookie}={token}"}

    async def _may_renew(self, scope: _Scope, session: Session) -> bool:
        """Return whether a new session may help; a fresh one has ended only if one who let it in refuses it now."""
        if self.keeper.may_renew(session):
            return True
        if not self.keeper.may_have_ended(session):
            return False
        if scope.home and self.keeper.let_in(session, home=True):
            return True
        # A camera may be closed to an account that is not.
        return self.keeper.let_in(session, home=False) and (await self._check(session)).refused

    async def _check(self, session: Session) -> Answer:
        """Ask the cameras' hosts who the account is."""
        return await self._send(Call(url=self._at("v1/users.get_current")), _CAMERAS, session)

    async def _refusal(self, answer: Answer, scope: _Scope, session: Session) -> HubError:
        """Return what a refusal means that a new session did not change: for a camera, whether it is only that one."""
        if self.probing:
            return Refused(f"HTTP {answer.status}")
        if scope.camera is not None:
            check = await self._check(session)
            if check.ok:
                self._forbidden[scope.camera] = self.clock.monotonic() + FORBIDDEN_S
                return _closed()
            if not check.refused:
                return check.trouble()
        return self.keeper.refusal(session)


def _closed() -> Unsupported:
    return Unsupported("this camera is not for this account", reason="camera_forbidden")

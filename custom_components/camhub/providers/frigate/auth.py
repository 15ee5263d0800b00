"""The login of one server: one at a time, renewed early, never in a loop (peers.md F4)."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Final, NoReturn

from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Malformed, Throttled
from ...kernel.model import JsonValue
from ...kernel.reading import child, from_json, number
from ...kernel.secret import Secret
from .answers import THROTTLE_S, login_refusal

# A token is replaced this long before its end (seconds), a short-lived one after nine tenths of its life.
EARLY_S: Final = 300.0
# The life of a token that does not tell (`auth.session_length`).
LIFE_S: Final = 86400.0
# A token that was given for a refused one and is refused this soon (seconds) would be refused for ever.
FRESH_S: Final = 15.0
# A JSON web token has three parts.
_DOTS: Final = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a login."""

    status: int
    cookies: SimpleCookie
    body: bytes
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Token:
    """A cookie that lets in; `given` and `until` are monotonic seconds; `mended` if it replaced a refused one."""

    name: str
    value: Secret
    given: float
    until: float
    mended: bool = False

    @property
    def header(self) -> Mapping[str, str]:
        """Return what goes with a request."""
        return {"Cookie": f"{self.name}={self.value.reveal()}"}


class Authenticator:
    """Keeps the token in memory: a password makes another.

    After a refused login every further call is refused here, without a request; while the server throttles logins,
    calls raise Throttled here until that time is over.
    """

    def __init__(
        self, clock: Clock, username: str, password: Secret, send: Callable[[JsonValue], Awaitable[Reply]]
    ) -> None:
        """Take a sender of `{"user", "password"}` to `/api/login`; without a user name nobody logs in."""
        self._clock = clock
        self._username = username
        self._password = password
        self._send = send
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._refused: AuthError | None = None
        self._silent_until = 0.0
        self._disabled = False
        self.logins = 0

    def gate(self) -> None:
        """Raise AuthError after a refused login."""
        if self._refused is not None:
            raise AuthError("refused before", reason=self._refused.reason)

    async def token(self) -> Token | None:
        """Return a token that is good for a while, None where none is needed; raises HubError."""
        self.gate()
        if not self._username or self._disabled:
            return None
        if not self._is_good(self._token):
            async with self._turn:
                # Somebody else may have logged in, or been refused, while this one waited.
                self.gate()
                if not self._is_good(self._token):
                    await self._log_in()
        return self._token

    async def renew(self, refused: Token | None) -> None:
        """Replace a token that the server refused; raises AuthError where that would not help."""
        async with self._turn:
            self.gate()
            if refused is None:
                self._keep(AuthError("a login is wanted", reason="login_required"))
            elif self._token is refused:
                if refused.mended and self._clock.monotonic() - refused.given < FRESH_S:
                    self._keep(AuthError("a new token was refused", reason="session_refused"))
                await self._log_in(mended=True)

    def learn(self, cookies: SimpleCookie) -> None:
        """Take the renewed token that may come with any answer."""
        token = self._token
        if token is not None and (found := cookies.get(token.name)) is not None and found.value:
            value = Secret(found.value)
            if value != token.value:
                self._token = self._made(token.name, value)

    def _is_good(self, token: Token | None) -> bool:
        return token is not None and self._clock.monotonic() < token.until

    def _keep(self, error: AuthError) -> NoReturn:
        self._refused = error
        raise error

    async def _log_in(self, *, mended: bool = False) -> None:
        left = self._silent_until - self._clock.monotonic()
        if left > 0:
            raise Throttled("logins are throttled", reason="login_throttled", retry_after=left)
        self.logins += 1
        reply = await self._send({"user": self._username, "password": self._password.reveal()})
        if reply.status == HTTPStatus.NOT_FOUND:
            # 0.18 with the login switched off.
            self._token, self._disabled = None, True
            return
        if reply.status != HTTPStatus.OK:
            raise self._remembered(login_refusal(reply.status, reply.body, reply.retry_after))
        name, value = _cookie_of(reply.cookies)
        self._token = replace(self._made(name, value), mended=mended)

    def _remembered(self, error: HubError) -> HubError:
        if isinstance(error, AuthError):
            self._refused = error
        if isinstance(error, Throttled):
            pause = error.retry_after or THROTTLE_S
            self._silent_until = self._clock.monotonic() + pause
            return Throttled("logins are throttled", reason="login_throttled", retry_after=pause)
        return error

    def _made(self, name: str, value: Secret) -> Token:
        now, life = self._clock.monotonic(), self._life(value)
        return Token(name=name, value=value, given=now, until=now + life - min(EARLY_S, life / 10))

    def _life(self, value: Secret) -> float:
        """Return how long a token lives, by its own claims: the server's clock need not be ours."""
        claims = _claims(value.reveal())
        end = number(claims.get("exp"))
        if end is None:
            return LIFE_S
        begin = number(claims.get("iat"))
        return max(0.0, end - (self._clock.now().timestamp() if begin is None else begin))


def _cookie_of(cookies: SimpleCookie) -> tuple[str, Secret]:
    """Return the token among the cookies of a login: its name may have been changed (peers.md F5)."""
    found = {name: each.value for name, each in cookies.items() if each.value}
    signed = {name: value for name, value in found.items() if value.count(".") == _DOTS}
    for name, value in (signed or found).items():
        return name, Secret(value)
    raise Malformed("a login without a token", reason="not_this_device")


def _claims(token: str) -> Mapping[str, JsonValue]:
    """Return what a token says of itself, unverified; nothing where it is no JWT."""
    payload = token.split(".")[1] if token.count(".") else ""
    try:
        return child(from_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except Malformed, ValueError:
        return {}

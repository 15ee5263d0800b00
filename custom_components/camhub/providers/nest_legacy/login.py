"""What is stored of an account: how it signs in, and the session it has, so that a restart asks nobody."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Self

from ...kernel.model import JsonValue
from ...kernel.provider import TokenStore
from ...kernel.reading import Object, child, number
from ...kernel.secret import Credentials, Secret
from .hosts import AGENTS, FIELD_TEST, PRODUCTION, Hosts
from .paste import Kind
from .reading import moment, text

GOOGLE: Final = "google"
_NONE: Final = Secret("")
BROWSER: Final = "token"


class Manner(StrEnum):
    """How the camera hosts are told who asks (protocols.md 3.4)."""

    BASIC_SESSION = "basic_session"
    BASIC_JWT = "basic_jwt"
    USER_COOKIE = "user_token"
    WEBSITE = "website"


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What lets in for about an hour; `jwt` is the same as `token` where there is only one."""

    token: Secret
    jwt: Secret
    user_id: str
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One account; `manner` is None until a probe found it, `agent` the set of headers that Google takes."""

    credential: str
    issue_token: Secret = _NONE
    cookies: Secret = _NONE
    user_token: Secret = _NONE
    kind: Kind = Kind.UNKNOWN
    field_test: bool = False
    expires_at: datetime | None = None
    manner: Manner | None = None
    agent: int = 0
    session: Session | None = None

    @classmethod
    def load(cls, stored: Credentials) -> Self:
        """Read what `stored` wrote; what was learned of other cookies or another token than are there is left out."""
        login = cls(
            credential=_way(stored),
            issue_token=stored.secret("issue_token"),
            cookies=stored.secret("cookies"),
            user_token=stored.secret("user_token"),
            field_test=stored.flag("field_test"),
            agent=int(number(stored.text("agent")) or 0) % len(AGENTS),
        )
        if stored.text("of") != login.fingerprint:
            return login
        return replace(
            login,
            kind=next((each for each in Kind if each == stored.text("kind")), Kind.UNKNOWN),
            expires_at=moment(stored.text("expires_at")),
            manner=next((each for each in Manner if each == stored.text("manner")), None),
            session=_session(child(stored.get("session"))),
        )

    def stored(self) -> Mapping[str, JsonValue]:
        """Return all of it, as JSON may hold it."""
        session = self.session
        kept: JsonValue = None
        if session is not None:
            kept = {
                "token": session.token.reveal(),
                "jwt": session.jwt.reveal(),
                "user_id": session.user_id,
                "until": session.until.isoformat(),
            }
        return {
            "credential": self.credential,
            "issue_token": self.issue_token.reveal(),
            "cookies": self.cookies.reveal(),
            "user_token": self.user_token.reveal(),
            "kind": self.kind.value,
            "field_test": self.field_test,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "manner": self.manner.value if self.manner else None,
            "agent": self.agent,
            "session": kept,
            "of": self.fingerprint,
        }

    @property
    def fingerprint(self) -> str:
        """Return what tells these credentials from others without holding them."""
        return _fingerprint(self.credential, self.issue_token.reveal(), self.cookies.reveal(), self.user_token.reveal())

    @property
    def hosts(self) -> Hosts:
        """Return who is asked."""
        return FIELD_TEST if self.field_test else PRODUCTION

    @property
    def renewable(self) -> bool:
        """Return whether a new session can be had without the user."""
        return self.credential == GOOGLE or self.kind is Kind.ACCESS


def is_mixed(stored: Credentials) -> bool:
    """Return whether values of one way to sign in were handed in beside those stored of the other."""
    return bool(stored.text("user_token") and stored.text("issue_token"))


def _way(stored: Credentials) -> str:
    """Return which way the values are of: also where nobody says so, or where newer ones came beside the old."""
    said = stored.text("credential", GOOGLE)
    if is_mixed(stored):
        google = (GOOGLE, stored.text("issue_token"), stored.text("cookies"), "")
        browser = (BROWSER, "", "", stored.text("user_token"))
        olds = {_fingerprint(*google): BROWSER, _fingerprint(*browser): GOOGLE}
        return olds.get(stored.text("of"), said)
    if stored.text("user_token"):
        return BROWSER
    return GOOGLE if stored.text("issue_token") else said


def _fingerprint(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _session(kept: Object) -> Session | None:
    until = moment(kept.get("until"))
    token, jwt = (text(kept.get(key)) or "" for key in ("token", "jwt"))
    if until is None or not token:
        return None
    return Session(token=Secret(token), jwt=Secret(jwt), user_id=text(kept.get("user_id")) or "", until=until)


class Book:
    """The login as it is now. A change is on the disk before it is used, whoever gives up meanwhile."""

    def __init__(self, tokens: TokenStore, login: Login) -> None:
        """Begin with what is stored."""
        self.login = login
        self._tokens = tokens

    async def change(self, **changes: Any) -> None:
        """Take over fields of the login and store them all."""
        self.login = replace(self.login, **changes)
        await uninterrupted(self._tokens.save(self.login.stored()))


async def uninterrupted(work: Awaitable[None]) -> None:
    """Wait for a piece of work that must not be broken off; who is cancelled leaves when it is done."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError

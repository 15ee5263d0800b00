"""From a login to a session: Google's token, Nest's token, the session (protocols.md 3.2, 3.3)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
import math
import re
from typing import ClassVar, Final

from yarl import URL

from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Malformed, Unreachable
from ...kernel.reading import Object, child, number, objects
from ...kernel.secret import Secret
from . import jar, jwt
from .hosts import AGENTS, ISSUE_JWT, at_home
from .login import GOOGLE, Book, Session
from .reading import moment, read, text
from .wire import PATIENT_S, Answer, Call, Wire

# The life asked for. What a token says of its end is by the service's clock, so a strange one is not believed.
LIFE: Final = timedelta(hours=1)
SHORTEST: Final = timedelta(minutes=10)
# A Nest account's session is made anew each day (protocols.md 3.3).
DAY: Final = timedelta(days=1)
POLICY: Final = "authproxy-oauth-policy"
# Without a person nothing comes of these; the second line is OpenID Connect Core 1.0, 3.1.2.6.
_LOGGED_OUT: Final = frozenset({"user_logged_out", "invalid_grant", "immediate_failed"}) | {
    *("interaction_required", "login_required", "consent_required", "account_selection_required")
}
_NO_SESSION: Final = ("no active session", "no_session")
# What a page or an address has that asks a person to sign in.
_SIGN_IN: Final = re.compile(
    r"ServiceLogin|identifierId|/signin/|/InteractiveLogin|/o/oauth2/.{0,20}consent", re.IGNORECASE
)


class NestRefused(Unreachable):
    """Nest does not take a token that Google just gave, or a session that was just made from it."""

    default_reason: ClassVar[str] = "nest_refused"


class GoogleOdd(Unreachable):
    """Google answers, but not as a service would that is merely down: a captcha, a page, an error without meaning."""

    default_reason: ClassVar[str] = "google_unavailable"


@dataclass(slots=True)
class Halfway:
    """What Google gave for a session that Nest then had no answer for: asking Nest again needs no other login."""

    token: Secret | None = None
    until: float = -math.inf

    def take(self, now: float) -> Secret | None:
        """Return the token if it is still good; it is used up."""
        token, self.token = self.token, None
        return token if now < self.until else None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an answer of Google's comes to; `again` is whether other headers may do better."""

    outcome: Secret | HubError
    again: bool = False


async def make_session(wire: Wire, book: Book, clock: Clock, halfway: Halfway) -> Session:
    """Return a new session, stored already; raises AuthError only where the login itself has ended."""
    login = book.login
    if login.credential == GOOGLE:
        token = halfway.take(clock.monotonic()) or await _google_token(wire, book, clock)
        try:
            session = await _nest_session(wire, book, clock, await _nest_token(wire, book, token))
        except NestRefused:
            raise
        except Unreachable:
            halfway.token, halfway.until = token, clock.monotonic() + SHORTEST.total_seconds()
            raise
    else:
        session = await _website_session(wire, book, clock)
    await book.change(session=session)
    return session


async def _google_token(wire: Wire, book: Book, clock: Clock) -> Secret:
    """Ask Google, with other headers where the usual ones do not do; cookies are stored from every answer."""
    first = book.login.agent
    verdict = _Verdict(Malformed("nobody asked"))
    for agent in (first, *(other for other in range(len(AGENTS)) if other != first)):
        verdict = judge(await _ask_google(wire, book, clock, agent))
        if isinstance(verdict.outcome, Secret):
            if agent != first:
                await book.change(agent=agent)
            return verdict.outcome
        if not verdict.again:
            break
    raise verdict.outcome if isinstance(verdict.outcome, HubError) else Malformed("no token")


async def _ask_google(wire: Wire, book: Book, clock: Clock, agent: int) -> Answer:
    async def take_cookies(answered: Sequence[str]) -> None:
        old = book.login.cookies.reveal()
        new = jar.merged(old, answered, clock.now())
        if new != old:
            await book.change(cookies=Secret(new))

    call = Call(url=URL(book.login.issue_token.reveal(), encoded=True))
    headers = {**AGENTS[agent], "Cookie": book.login.cookies.reveal()}
    return await wire.send(call, headers, seconds=PATIENT_S, take_cookies=take_cookies)


def judge(answer: Answer) -> _Verdict:
    """Return Google's token, or the error that an answer means: only a session that has ended is an AuthError."""
    if not answer.ok:
        moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        if moved and _SIGN_IN.search(answer.location):
            return _Verdict(_no_session(), again=True)
        trouble = answer.trouble()
        with suppress(Malformed):
            # Its own word counts, whatever status it comes with.
            if isinstance(ended := _google_error(child(read(answer.body))), AuthError):
                trouble = ended
        if isinstance(trouble, Malformed):
            trouble = GoogleOdd(f"HTTP {answer.status}")
        return _Verdict(trouble, again=moved or answer.refused)
    try:
        said = child(read(answer.body))
    except Malformed:
        page = answer.body.decode(errors="replace")
        failure = _no_session() if _SIGN_IN.search(page) else GoogleOdd("no JSON")
        return _Verdict(failure, again=True)
    if token := text(said.get("access_token")):
        return _Verdict(Secret(token))
    return _Verdict(_google_error(said))


def _google_error(said: Object) -> HubError:
    error, detail = ((text(said.get(key)) or "").lower() for key in ("error", "detail"))
    if any(words in f"{error} {detail}" for words in _NO_SESSION):
        return _no_session()
    if error in _LOGGED_OUT:
        return AuthError("the session has ended", reason="google_logged_out")
    return GoogleOdd("Google gives no token")


def _no_session() -> AuthError:
    return AuthError("no session at Google", reason="google_no_session")


async def _nest_token(wire: Wire, book: Book, token: Secret) -> Secret:
    call = Call(
        method="POST",
        url=ISSUE_JWT,
        said={
            "embed_google_oauth_access_token": True,
            "expire_after": f"{LIFE.total_seconds():.0f}s",
            "google_oauth_access_token": token.reveal(),
            "policy_id": POLICY,
        },
    )
    headers = {**at_home(book.login.agent), "Authorization": f"Bearer {token.reveal()}"}
    return Secret(_field(await wire.send(call, headers), "jwt"))


async def _nest_session(wire: Wire, book: Book, clock: Clock, token: Secret) -> Session:
    value = token.reveal()
    headers = {
        **at_home(book.login.agent),
        "Authorization": f"Basic {value}",
        "Cookie": f"G_ENABLED_IDPS=google; eu_cookie_accepted=1; viewer-volume=0.5; cztoken={value}",
    }
    answer = await wire.send(Call(url=book.login.hosts.home / "session"), headers)
    # Before the rest is looked at: an error comes as a success as well.
    access, user_id = _field(answer, "access_token"), _field(answer, "userid")
    ends = (jwt.expires_at(value), moment(child(read(answer.body)).get("expires_in")))
    until = _until(clock.now(), min((end for end in ends if end is not None), default=None))
    return Session(token=Secret(access), jwt=token, user_id=user_id, until=until)


def _until(now: datetime, told: datetime | None) -> datetime:
    return told if told is not None and SHORTEST <= told - now <= LIFE else now + LIFE


def _field(answer: Answer, key: str) -> str:
    """Return a text of a success; raises NestRefused for a refusal, also one that claims to be a success."""
    if answer.refused:
        raise NestRefused(f"HTTP {answer.status}")
    if not answer.ok:
        raise answer.trouble()
    said = child(read(answer.body))
    if found := text(said.get(key)):
        return found
    raise NestRefused("an error in place of a token") if "error" in said else Malformed(f"no {key}")


async def _website_session(wire: Wire, book: Book, clock: Clock) -> Session:
    """Log a Nest account in at the camera hosts; a refusal comes as a success with another status inside."""
    login = book.login
    call = Call(
        method="POST",
        url=login.hosts.cameras / "api/v1/login.login_nest",
        form={"access_token": login.user_token.reveal()},
    )
    answer = await wire.send(call, at_home(login.agent))
    if answer.refused:
        raise NestRefused(f"HTTP {answer.status}")
    if not answer.ok:
        raise answer.trouble()
    said = child(read(answer.body))
    status = number(said.get("status"))
    if status is not None and HTTPStatus.BAD_REQUEST <= status < HTTPStatus.NOT_FOUND:
        raise AuthError("not identified", reason="token_refused")
    for item in objects(said.get("items")):
        if token := text(item.get("session_token")):
            secret = Secret(token)
            return Session(token=secret, jwt=secret, user_id="", until=clock.now() + DAY)
    raise Unreachable("no session in the answer", reason="service_unavailable")

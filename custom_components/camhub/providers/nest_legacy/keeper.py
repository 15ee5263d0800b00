"""Keeps one account's session: used as long as it holds, made anew once however many need it (peers.md L2, L3, L9a)."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
import random
from typing import Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from ...kernel.model import CredentialState, TokenStatus
from ...kernel.policy import Backoff, Chance, within
from ...kernel.provider import Context
from ...kernel.single_flight import SingleFlight
from .chain import GoogleOdd, Halfway, NestRefused, make_session
from .login import Book, Session
from .wire import Wire

# A session is replaced this long before its end; while nobody can be asked it serves until its end.
EARLY: Final = timedelta(minutes=5)
# After a failure nobody is asked for so many seconds. Who merely does not answer is asked again soon; who answers, and
# gives nothing, is not, as too many logins bring captchas (protocols.md 3.7).
PASSING: Final = Backoff(first=10, factor=2, maximum=120, jitter=5)
BACKOFF: Final = Backoff(first=30, factor=2, maximum=600, jitter=5)
# A session that was made for a refused one and is refused as well this soon (seconds) would be refused for ever.
FRESH_S: Final = 300.0
# Unless it let in before: then it has been ended, and is replaced once it is so old.
BRIEF: Final = Backoff(first=15, factor=2, maximum=120, jitter=5)
# So many sessions in a row that Nest refuses are more than a bad day of Nest's.
STRIKES: Final = 3
# Seconds that closing waits for an answer that may hold new cookies.
CLOSING_S: Final = 10.0
_ONE: Final = "session"


@dataclass(frozen=True, slots=True)
class _Mended:
    """A session that was made for a refused one, when, and how old it has to be to be replaced if it let in."""

    session: Session
    at: float
    brief: float


class Keeper:
    """The session of one account; after its login has ended every call is refused here, without a request."""

    def __init__(self, context: Context, wire: Wire, book: Book, *, chance: Chance = random.random) -> None:
        """Take up the session that is stored, if there is one."""
        self._clock = context.clock
        self._counters = context.counters
        self._wire = wire
        self._book = book
        self._chance = chance
        self._flight: SingleFlight[Session | HubError] = SingleFlight()
        self._session = self._given()
        self._ended: AuthError | None = None
        self._failure: HubError | None = None
        self._hold_until = -math.inf
        self._waits = BACKOFF
        self._delays: Iterator[float] = iter(())
        self._halfway = Halfway()
        self._mended: _Mended | None = None
        self._briefs: Iterator[float] = iter(())
        # Which session was let in last, by whether at the home host or at those of the cameras.
        self._let_in: dict[bool, Session] = {}
        self._struck: Session | None = None
        self._strikes = 0
        self.made = 0

    async def session(self) -> Session:
        """Return a session that is good for a while; raises HubError."""
        self._gate()
        now, known = self._clock.now(), self._session
        if known is not None and now < known.until - EARLY:
            return known
        try:
            return await self._renewed()
        except AuthError:
            raise
        except HubError:
            # Whoever gives sessions is away; this one is old but good.
            if known is None or self._clock.now() >= known.until:
                raise
            return known

    def may_renew(self, refused: Session) -> bool:
        """Return whether another session may be taken where this one was."""
        if not self._book.login.renewable:
            return False
        if refused is not self._session or self._mended is None:
            return True
        return self._mended.session is not refused or self._clock.monotonic() - self._mended.at >= FRESH_S

    def may_have_ended(self, refused: Session) -> bool:
        """Return whether a session that is too fresh for `may_renew` may be replaced, if one who let it in refuses."""
        if self._mended is None or refused not in self._let_in.values():
            return False
        return self._book.login.renewable and self._clock.monotonic() - self._mended.at >= self._mended.brief

    async def renew(self, refused: Session) -> Session:
        """Return another session than one that was refused, made anew unless somebody did already; raises HubError."""
        self._gate()
        if self._session is not None and self._session is not refused:
            return self._session
        session = await self._renewed()
        if self._mended is None or self._mended.session is not session:
            self._mended = self._mend(session)
        return session

    def _mend(self, session: Session) -> _Mended:
        now = self._clock.monotonic()
        if self._mended is None or now - self._mended.at >= FRESH_S:
            self._briefs = BRIEF.delays(self._chance)
        return _Mended(session, now, next(self._briefs))

    def accepted(self, session: Session, *, home: bool) -> None:
        """Hear that the home host or one of the cameras' lets a session in."""
        self._strikes = 0
        self._let_in[home] = session

    def let_in(self, session: Session, *, home: bool) -> bool:
        """Return whether the home host or one of the cameras' has let a session in."""
        return self._let_in.get(home) is session

    def refusal(self, refused: Session) -> HubError:
        """Return the error for a session that is refused although nothing better can be had."""
        if not self._book.login.renewable:
            self._ended = AuthError("the token is refused", reason="token_refused")
            return copy(self._ended)
        if refused is self._struck or refused in self._let_in.values():
            return copy(self._ended) if self._ended else NestRefused("refused again")
        self._struck = refused
        return self._strike(NestRefused("refused at once"))

    def status(self) -> TokenStatus:
        """Return how the login stands."""
        until = self._book.login.expires_at
        if self._ended is not None:
            return TokenStatus(state=CredentialState.REFUSED, expires_at=until)
        over = until is not None and until <= self._clock.now()
        return TokenStatus(state=CredentialState.EXPIRED if over else CredentialState.OK, expires_at=until)

    @property
    def failure(self) -> HubError | None:
        """Return why no session could be had at the last try, None if one was."""
        return self._ended or self._failure

    async def close(self) -> None:
        """Let an answer that is under way be stored, then stop."""
        if _ONE in self._flight:
            task = self._flight.join(_ONE, self._make)
            with suppress(Unreachable):
                await within(self._clock, CLOSING_S, asyncio.wait({task}))
        await self.abandon()

    async def abandon(self) -> None:
        """Stop at once."""
        await self._flight.cancel()

    def _given(self) -> Session | None:
        """Return the stored session; a token that cannot be renewed is one for as long as it is let in."""
        login = self._book.login
        if login.renewable:
            return login.session
        for_ever = datetime.max.replace(tzinfo=self._clock.now().tzinfo)
        return Session(token=login.user_token, jwt=login.user_token, user_id="", until=for_ever)

    def _gate(self) -> None:
        if self._ended is not None:
            raise copy(self._ended)

    async def _renewed(self) -> Session:
        if self._failure is not None and self._clock.monotonic() < self._hold_until and _ONE not in self._flight:
            raise self._held(self._failure)
        task = self._flight.join(_ONE, self._make)
        # Whoever gives up leaves the others their answer, and the cookies in it their way to the disk.
        await asyncio.wait({task})
        if task.cancelled():
            raise Unreachable("closed", reason="shutting_down")
        outcome = task.result()
        if isinstance(outcome, HubError):
            raise copy(outcome)
        return outcome

    def _held(self, failure: HubError) -> HubError:
        """Return why nobody is asked now, and for how much longer."""
        error = copy(failure)
        if isinstance(error, Throttled):
            error.retry_after = self._hold_until - self._clock.monotonic()
        return error

    async def _make(self) -> Session | HubError:
        """Make a session; an error is a result, so that one nobody waits for is no lost exception."""
        with self._counters.timed("session"):
            try:
                session = await make_session(self._wire, self._book, self._clock, self._halfway)
            except AuthError as error:
                self._ended = error
                return error
            except NestRefused as error:
                return self._strike(error)
            except HubError as error:
                return self._hold(error)
        self.made += 1
        self._session, self._failure = session, None
        return session

    def _strike(self, error: NestRefused) -> HubError:
        self._strikes += 1
        if self._strikes < STRIKES:
            return self._hold(error)
        self._ended = AuthError("sessions are refused again and again", reason=error.reason)
        return copy(self._ended)

    def _hold(self, error: HubError) -> HubError:
        passing = isinstance(error, Unreachable | Malformed) and not isinstance(error, NestRefused | GoogleOdd)
        waits = PASSING if passing else BACKOFF
        if self._failure is None or waits is not self._waits:
            self._waits, self._delays = waits, waits.delays(self._chance)
        pause = next(self._delays)
        if isinstance(error, Throttled):
            pause = max(pause, error.retry_after or 0)
        self._failure, self._hold_until = error, self._clock.monotonic() + pause
        return error

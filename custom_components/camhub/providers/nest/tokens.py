"""The tokens of one account: one refresh however many need it, saved before it is used (peers.md N6)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ...kernel.errors import AuthError, Malformed
from ...kernel.model import CredentialState, JsonValue, TokenStatus
from ...kernel.reading import Object, iso_time
from .reading import text
from .settings import Settings
from .wire import Wire

# A token is replaced this long before its end.
EARLY: Final = timedelta(minutes=2)
# A login of a consent screen in "Testing" ends after seven days; one that ended later was taken back.
TESTING: Final = timedelta(days=8)
# A token that was made for a refused one and is refused this soon (seconds) would be refused for ever.
FRESH_S: Final = 60.0


class TokenKeeper:
    """Access for as long as the login lasts; once that has ended every call is refused here, without a request."""

    def __init__(self, wire: Wire, settings: Settings) -> None:
        """Take up what is stored."""
        context = wire.context
        self._wire = wire
        self._settings = settings
        self._clock = context.clock
        self._store = context.tokens
        self.stored: dict[str, JsonValue] = dict(context.credentials)
        self._turn = asyncio.Lock()
        self._ended: AuthError | None = None
        self._mended: tuple[str, float] | None = None
        self.refreshes = 0

    @property
    def testing(self) -> bool:
        """Return whether the login ends after a week because the consent screen was never published."""
        reason = self._ended.reason if self._ended else None
        return reason == "consent_testing" or bool(self.stored.get("login_ends_at"))

    @property
    def status(self) -> TokenStatus:
        """Return how the login stands."""
        if self._ended is not None:
            return TokenStatus(state=CredentialState.REFUSED)
        return TokenStatus(state=CredentialState.OK, expires_at=iso_time(self.stored.get("login_ends_at")))

    async def access(self) -> str:
        """Return a token that is good for a while; raises HubError."""
        self._gate()
        if not self._is_good():
            async with self._turn:
                # Somebody else may have refreshed it, or been refused, while this one waited.
                self._gate()
                if not self._is_good():
                    await self._refresh()
        return text(self.stored.get("access_token"))

    async def renew(self, refused: str) -> None:
        """Replace a token that was refused; raises AuthError where that would not help."""
        async with self._turn:
            self._gate()
            if refused != self.stored.get("access_token"):
                return
            if self._mended and self._mended[0] == refused and self._clock.monotonic() - self._mended[1] < FRESH_S:
                raise self._end(AuthError("a new token was refused", reason="fresh_token_refused"))
            await self._refresh()
            self._mended = (text(self.stored.get("access_token")), self._clock.monotonic())

    async def remember(self, key: str, value: JsonValue) -> None:
        """Store something beside the tokens."""
        async with self._turn:
            await self._save({**self.stored, key: value})

    def _gate(self) -> None:
        if self._ended is not None:
            raise AuthError("refused before", reason=self._ended.reason)

    def _is_good(self) -> bool:
        ends = iso_time(self.stored.get("access_ends_at"))
        return ends is not None and self._clock.now() < ends - EARLY

    async def _refresh(self) -> None:
        self.refreshes += 1
        try:
            told = await self._wire.token(
                self._settings, grant_type="refresh_token", refresh_token=text(self.stored.get("refresh_token"))
            )
        except AuthError as error:
            raise self._end(self._explained(error)) from None
        await self._save({**self.stored, **tokens(told, self._clock.now())})

    async def _save(self, changed: dict[str, JsonValue]) -> None:
        await self._store.save(changed)
        self.stored = changed

    def _explained(self, error: AuthError) -> AuthError:
        """Return why a refresh token is refused: a login that ends within a week was a tester's."""
        since = iso_time(self.stored.get("signed_in_at"))
        if error.reason == "login_revoked" and since is not None and self._clock.now() - since <= TESTING:
            return AuthError("a login of a consent screen in testing", reason="consent_testing")
        return error

    def _end(self, error: AuthError) -> AuthError:
        self._ended = error
        return error


def tokens(told: Object, now: datetime) -> Mapping[str, JsonValue]:
    """Return an answer of the token endpoint as it is stored; raises Malformed.

    Google tells when a login ends (`refresh_token_expires_in`) only where it does by itself.
    """
    access, life = text(told.get("access_token")), told.get("expires_in")
    if not access or isinstance(life, bool) or not isinstance(life, int | float):
        raise Malformed("no token in the answer")
    kept: dict[str, JsonValue] = {"access_token": access, "access_ends_at": _after(now, life)}
    if refresh := text(told.get("refresh_token")):
        kept["refresh_token"] = refresh
    left = told.get("refresh_token_expires_in")
    if isinstance(left, int) and not isinstance(left, bool):
        kept["login_ends_at"] = _after(now, left)
    return kept


def _after(now: datetime, seconds: float) -> str:
    return (now.astimezone(UTC) + timedelta(seconds=seconds)).isoformat()

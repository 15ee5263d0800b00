"""Google's OAuth 2.0: clients, codes, tokens and their end (protocols.md 2.1)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import hashlib
import hmac
import secrets
from typing import Final

from aiohttp import web

from .replies import ApiError

CODE_LIFE: Final = timedelta(minutes=10)
TOKEN_LIFE_S: Final = 3599
TESTING_LIFE: Final = timedelta(days=7)
SDM: Final = "https://www.googleapis.com/auth/sdm.service"
PUBSUB: Final = "https://www.googleapis.com/auth/pubsub"
EMAIL: Final = "https://www.googleapis.com/auth/userinfo.email"


@dataclass(kw_only=True)
class OAuthClient:
    """An OAuth client of a cloud project, meant for one Device Access project; `*` among `redirects` is any address."""

    id: str
    secret: str
    enterprise: str
    cloud_project: str
    redirects: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a user allowed a client: scopes and devices."""

    client: OAuthClient
    user: str
    scopes: frozenset[str]
    devices: frozenset[str]
    since: datetime

    @property
    def seed(self) -> str:
        """Return what its tokens are made of."""
        return "|".join((self.client.id, self.user, *sorted(self.devices), self.since.isoformat()))


class Tokens:
    """Codes and tokens; `testing` is a consent screen that was never published, whose logins last a week.

    Tokens are made of grant and time, so at one moment of a clock that stands still a grant has one token. `refused`
    counts client secrets that were wrong, `refreshes` the access tokens that were made of refresh tokens. `issued` are
    all codes and tokens there have been.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with no client."""
        self.clients: dict[str, OAuthClient] = {}
        self.testing = False
        self.tells_expiry = True
        self.rotates = False
        self.refused = 0
        self.refreshes = 0
        self.issued: set[str] = set()
        self._now = now
        self._key = secrets.token_bytes(32)
        self._codes: dict[str, tuple[Grant, str]] = {}
        self._refresh: dict[str, Grant] = {}
        self._access: dict[str, tuple[Grant, datetime]] = {}

    def code(self, grant: Grant, redirect: str) -> str:
        """Return a code for a redirect address."""
        code = f"4/0A{secrets.token_urlsafe(24)}"
        self._codes[code] = (grant, redirect)
        self.issued.add(code)
        return code

    def forget_access(self) -> None:
        """Refuse all access tokens there are; refresh tokens still work."""
        self._access.clear()

    def revoke(self) -> None:
        """Refuse all tokens there are, as when the user takes the permission back."""
        self._access.clear()
        self._refresh.clear()

    def grant(self, request: web.Request, scope: str) -> Grant:
        """Return whose token a request carries; raises ApiError."""
        return self.grant_of(request.headers.get("Authorization", ""), scope)

    def grant_of(self, authorization: str, scope: str) -> Grant:
        """Return whose token a header holds; raises ApiError."""
        found = self._access.get(authorization.removeprefix("Bearer "))
        if found is None or found[1] <= self._now():
            raise ApiError(
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
            )
        if scope not in found[0].scopes:
            raise ApiError("PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        return found[0]

    async def exchange(self, request: web.Request) -> web.Response:
        """Answer the token endpoint; the client is looked at before the grant (RFC 6749 section 5.2)."""
        form = await request.post()
        client = self.clients.get(str(form.get("client_id", "")))
        if client is None or not hmac.compare_digest(client.secret.encode(), str(form.get("client_secret")).encode()):
            self.refused += 1
            told = "The OAuth client was not found." if client is None else "Unauthorized"
            return _refusal(401, "invalid_client", told)
        match form.get("grant_type"):
            case "authorization_code":
                return self._by_code(client, str(form.get("code")), str(form.get("redirect_uri")))
            case "refresh_token":
                return self._by_refresh(client, str(form.get("refresh_token")))
        return _refusal(400, "unsupported_grant_type", "Invalid grant_type.")

    def _by_code(self, client: OAuthClient, code: str, redirect: str) -> web.Response:
        grant, wanted = self._codes.pop(code, (None, ""))
        if grant is None or grant.client is not client or grant.since + CODE_LIFE < self._now():
            return _refusal(400, "invalid_grant", "Malformed auth code.")
        if redirect != wanted:
            return _refusal(400, "redirect_uri_mismatch", "Bad Request")
        return self._issued(grant, self._made("1//0g", grant.seed))

    def _by_refresh(self, client: OAuthClient, token: str) -> web.Response:
        grant = self._refresh.get(token)
        ended = grant is not None and self.testing and grant.since + TESTING_LIFE <= self._now()
        if grant is None or grant.client is not client or ended:
            return _refusal(400, "invalid_grant", "Token has been expired or revoked.")
        self.refreshes += 1
        if self.rotates:
            del self._refresh[token]
            return self._issued(grant, self._made("1//0h", f"{grant.seed}{token}"))
        return self._issued(grant)

    def _issued(self, grant: Grant, refresh: str | None = None) -> web.Response:
        now = self._now()
        access = self._made("ya29.", f"{grant.seed}@{now.isoformat()}")
        self._access[access] = (grant, now + timedelta(seconds=TOKEN_LIFE_S))
        told = {
            "access_token": access,
            "expires_in": TOKEN_LIFE_S,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        if refresh is not None:
            self._refresh[refresh] = grant
            told["refresh_token"] = refresh
        if self.testing and self.tells_expiry:
            left = grant.since + TESTING_LIFE - now
            told["refresh_token_expires_in"] = int(left.total_seconds())
        return web.json_response(told)

    def _made(self, prefix: str, seed: str) -> str:
        digest = hmac.new(self._key, f"{prefix}{seed}".encode(), hashlib.sha256).digest()
        made = prefix + base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.issued.add(made)
        return made


def _refusal(status: int, error: str, told: str) -> web.Response:
    return web.json_response({"error": error, "error_description": told}, status=status)

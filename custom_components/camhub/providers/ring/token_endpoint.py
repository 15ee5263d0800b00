"""The token endpoint (protocols.md 4.2). Asked here: the library takes every outage of it for a wrong login."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
from ring_doorbell.const import OAuth

from ...kernel.about import AGENT
from ...kernel.errors import Malformed, Unreachable
from ...kernel.model import JsonValue
from ...kernel.policy import within
from ...kernel.provider import Context
from ...kernel.reading import child, from_json, moment, number, text
from ...kernel.secret import Secret
from .answers import token_refusal
from .wire import ANSWER_S, NO_LIMIT, body_of, pause_of, translated

LIFE_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What lets us in: `access` until `expires_at` (aware), then `refresh` once for the next two."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime

    def stored(self) -> Mapping[str, JsonValue]:
        """Return what `loaded` reads."""
        return {"access": self.access, "refresh": self.refresh, "expires_at": self.expires_at.isoformat()}


def loaded(stored: Mapping[str, JsonValue]) -> Grant | None:
    """Return a grant that was stored, None where it is not whole."""
    access, refresh = text(stored.get("access")), text(stored.get("refresh"))
    expires_at = moment(stored.get("expires_at"))
    if access is None or refresh is None or expires_at is None:
        return None
    return Grant(access=access, refresh=refresh, expires_at=expires_at)


class TokenEndpoint:
    """Trades passwords and refresh tokens for grants; `refreshes` and `logins` count what was asked."""

    def __init__(self, context: Context, session: aiohttp.ClientSession, hardware_id: str) -> None:
        """Ask nothing yet; `hardware_id` is what the account knows this installation by."""
        self._clock = context.clock
        self._session = session
        self._hardware_id = hardware_id
        self.refreshes = 0
        self.logins = 0

    async def sign_in(self, username: str, password: Secret, code: str = "") -> Grant:
        """Trade a password, and a code where one was sent; raises HubError, CodeNeeded where one is now on its way."""
        self.logins += 1
        form = {"grant_type": "password", "username": username, "password": password.reveal()}
        return await within(self._clock, ANSWER_S, self._ask(form, {"2fa-support": "true", "2fa-code": code}))

    async def refresh(self, grant: Grant) -> Grant:
        """Trade a refresh token, which serves once; raises AuthError if it is dead, else Unreachable."""
        self.refreshes += 1
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
        return await within(self._clock, ANSWER_S, self._ask(form, {}))

    async def _ask(self, form: Mapping[str, str], others: Mapping[str, str]) -> Grant:
        headers = {
            "Accept": "application/json",
            "User-Agent": AGENT,
            "hardware_id": self._hardware_id,
            "Authorization": aiohttp.encode_basic_auth(OAuth.CLIENT_ID, ""),
            **others,
        }
        said = {"client_id": OAuth.CLIENT_ID, "scope": " ".join(OAuth.SCOPE), **form}
        try:
            async with self._session.post(
                OAuth.ENDPOINT, data=said, headers=headers, allow_redirects=False, timeout=NO_LIMIT
            ) as response:
                body, status = await body_of(response), response.status
                pause = pause_of(response, self._clock.now())
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from None
        if status != HTTPStatus.OK:
            raise token_refusal(status, body, pause)
        return self._grant(body)

    def _grant(self, body: bytes) -> Grant:
        try:
            told = child(from_json(body))
        except Malformed:
            told = {}
        access, refresh = text(told.get("access_token")), text(told.get("refresh_token"))
        if access is None or refresh is None:
            # A page of a proxy in front of it, say.
            raise Unreachable("success without a token", reason="service_unavailable")
        life = number(told.get("expires_in")) or LIFE_S
        return Grant(access=access, refresh=refresh, expires_at=self._clock.now() + timedelta(seconds=life))

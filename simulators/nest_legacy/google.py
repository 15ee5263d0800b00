"""One account at Google: a browser's cookies, which change with each token that is issued."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import json
from pathlib import Path
import secrets
from typing import Final
from urllib.parse import quote

CLIENT: Final = "example-client.apps.example.com"
_STEADY: Final = ("SID", "HSID", "SSID", "APISID", "SAPISID", "NID", "__Secure-1PSID", "__Secure-3PSID")
_ROTATING: Final = ("SIDCC", "__Secure-1PSIDTS", "__Secure-3PSIDTS", "__Secure-1PSIDCC", "__Secure-3PSIDCC")


class GoogleAccount:
    """Gives a token for the cookies of now; who comes with those of before is logged out for good.

    `grace` is how many changes old they may be. What is in `kept` outlives this object. `refused` counts refusals,
    `replays` old cookies, `tokens` what was issued; `secrets` is all that was ever given out.
    """

    def __init__(
        self, now: Callable[[], datetime], *, origin: str = "https://home.nest.com", kept: Path | None = None
    ) -> None:
        """Sign in for the first time, or go on with what was kept."""
        self.origin = origin
        self.grace = 0
        self.rotates = True
        self.alive = True
        self.refused = self.replays = self.tokens = 0
        self.secrets: set[str] = set()
        self._now = now
        self._steady: dict[str, str] = {}
        self._turns: list[str] = []
        self._access: set[str] = set()
        self._kept = kept
        if kept is not None and kept.exists():
            self._hint, self._steady, self._turns = json.loads(kept.read_text())
        else:
            self.sign_in()

    def sign_in(self) -> tuple[str, str]:
        """Sign in anew, as a person in a browser; return the address and the Cookie header that it shows."""
        self.alive = True
        self._hint = self._secret()
        self._steady = {name: self._secret() for name in _STEADY}
        self._turns = [self._secret()]
        self._keep()
        return self.issue_token, self.cookies

    def log_out(self) -> None:
        """Log out, as a person in that browser; no cookie of this session does any more."""
        self.alive = False

    @property
    def issue_token(self) -> str:
        """Return the address of the request that issues tokens."""
        scope = quote("openid profile email https://www.googleapis.com/auth/nest-account", safe="")
        site = quote(self.origin, safe="")
        return (
            "https://accounts.google.com/o/oauth2/iframerpc?action=issueToken"
            f"&response_type=token%20id_token&login_hint={self._hint}&client_id={CLIENT}"
            f"&origin={site}&scope={scope}&ss_domain={site}"
        )

    @property
    def cookies(self) -> str:
        """Return the Cookie header of now."""
        turning = {name: f"{self._turns[-1]}/{name[-4:]}" for name in _ROTATING}
        return "; ".join(f"{name}={value}" for name, value in {**self._steady, **turning}.items())

    def admit(self, header: str, hint: str) -> bool:
        """Return whether a Cookie header is one of this session; an old one ends it."""
        given = dict(each.split("=", 1) for each in header.split("; ") if "=" in each)
        turn = given.get("__Secure-1PSIDTS", "").partition("/")[0]
        ours = self.alive and hint == self._hint and given.get("SID") == self._steady["SID"]
        if ours and turn not in self._turns[-1 - self.grace :]:
            self.replays += 1
            ours = self.alive = False
        self.refused += not ours
        return ours

    def token(self) -> str:
        """Return a new access token."""
        self.tokens += 1
        token = f"ya29.{self._secret()}"
        self._access.add(token)
        return token

    def knows(self, token: str) -> bool:
        """Return whether an access token is one of ours."""
        return token in self._access

    def turn(self) -> list[str]:
        """Change the cookies; return the Set-Cookie headers, with one that deletes and one for another site."""
        if not self.rotates:
            return []
        self._turns.append(self._secret())
        self._keep()
        new = dict(each.split("=", 1) for each in self.cookies.split("; "))
        end = format_datetime(self._now().astimezone(UTC) + timedelta(days=365), usegmt=True)
        return [
            *(f"{name}={new[name]}; expires={end}; path=/; domain=.google.com; Secure; HttpOnly" for name in _ROTATING),
            "NID=; expires=Thu, 01-Jan-1970 00:00:00 GMT; path=/; domain=.google.com",
            "SID=other; path=/; domain=.youtube.com",
        ]

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.write_text(json.dumps([self._hint, self._steady, self._turns]))

    def _secret(self) -> str:
        secret = secrets.token_urlsafe(18)
        self.secrets.add(secret)
        return secret

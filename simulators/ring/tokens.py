"""The token endpoint: passwords, codes, and refresh tokens that serve once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import json
from pathlib import Path
import secrets
from typing import Any, Final

CLIENT: Final = "ring_official_android"
CODES_AT_MOST: Final = 10
CODES_WITHIN_S: Final = 600.0

type Answer = tuple[int, Mapping[str, Any]]

_DEAD: Final = (401, {"error": "invalid_grant", "error_description": "token is invalid or does not exists"})
_WRONG_PASSWORD: Final = (401, {"error": "access_denied", "error_description": "invalid user credentials"})
_WRONG_CODE: Final = (
    400,
    {"err_msg": "bad request response from dependency service", "error": "Verification Code is invalid or expired"},
)
_TOO_MANY: Final = (400, {"error": "bad_request", "error_description": "too many requests from dependency service"})


@dataclass(kw_only=True)
class Tokens:
    """One account's door.

    `factor` is how codes are sent: `sms`, `email`, `totp`, or None for none. A refresh token serves once; one that was
    used before ends the account's whole family of tokens, as a thief's would. `refreshes`, `logins` and `refused` count
    what was asked; `hardware` and `agents` are what clients called themselves; `kept` is
    a file in which tokens outlive this process.
    """

    user: str
    password: str
    factor: str | None
    code: str
    now: Callable[[], datetime]
    kept: Path | None = None
    life_s: int = 3600
    refreshes: int = 0
    logins: int = 0
    refused: int = 0
    codes_sent: int = 0
    hardware: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with no tokens."""
        self._access: dict[str, float] = {}
        self._refresh = ""
        self._spent: set[str] = set()
        self._issued: list[str] = []
        self._tried: list[float] = []
        if self.kept is not None and self.kept.exists():
            stored = json.loads(self.kept.read_text())
            self._access, self._refresh, self._spent = stored["access"], stored["refresh"], set(stored["spent"])

    def answer(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer one request for tokens."""
        match form.get("grant_type"):
            case "refresh_token":
                return self._renewed(form.get("refresh_token", ""))
            case "password":
                self.agents.add(headers.get("User-Agent", ""))
                self.hardware.add(headers.get("hardware_id", ""))
                return self._signed_in(form, headers.get("2fa-code", ""))
            case _:
                return 400, {"error": "unsupported_grant_type"}

    def admits(self, authorization: str) -> bool:
        """Return whether a call shows a token that lives."""
        return self._access.get(authorization.removeprefix("Bearer "), 0.0) > self.now().timestamp()

    @property
    def secrets(self) -> set[str]:
        """Return all tokens that were ever handed out."""
        return {*self._issued, *self._spent, self._refresh} - {""}

    def forget_access(self) -> None:
        """Refuse the access tokens there are, though they would live on; refresh tokens serve."""
        self._access.clear()

    def end(self) -> None:
        """End all tokens there are, as a new password does."""
        self._access.clear()
        self._spent.add(self._refresh)
        self._refresh = ""

    def _signed_in(self, form: Mapping[str, str], code: str) -> Answer:
        self.logins += 1
        if (form.get("username"), form.get("password")) != (self.user, self.password):
            self.refused += 1
            return _WRONG_PASSWORD
        if self.factor is not None and not code:
            self.codes_sent += 1
            return 412, self._challenge()
        if self.factor is not None and code != self.code:
            return self._wrong_code()
        return 200, self._issue()

    def _challenge(self) -> Mapping[str, Any]:
        told: dict[str, Any] = {"next_time_in_secs": 60, "tsv_state": self.factor}
        if self.factor == "sms":
            told["phone"] = "+1xxxxxxxx12"
        return told

    def _wrong_code(self) -> Answer:
        now = self.now().timestamp()
        self._tried = [*(at for at in self._tried if now - at < CODES_WITHIN_S), now]
        return _TOO_MANY if len(self._tried) > CODES_AT_MOST else _WRONG_CODE

    def _renewed(self, shown: str) -> Answer:
        self.refreshes += 1
        if not shown or shown != self._refresh:
            if shown in self._spent:
                self.end()
            self.refused += 1
            return _DEAD
        return 200, self._issue()

    def _issue(self) -> Mapping[str, Any]:
        self._spent.add(self._refresh)
        access, self._refresh = f"access-{secrets.token_hex(16)}", f"refresh-{secrets.token_hex(16)}"
        self._issued.append(access)
        self._access[access] = self.now().timestamp() + self.life_s
        if self.kept is not None:
            stored = {"access": self._access, "refresh": self._refresh, "spent": sorted(self._spent)}
            self.kept.write_text(json.dumps(stored))
        return {
            "access_token": access,
            "expires_in": self.life_s,
            "refresh_token": self._refresh,
            "scope": "client",
            "token_type": "Bearer",
        }

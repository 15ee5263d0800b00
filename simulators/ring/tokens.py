"""The token endpoint: passwords, codes, and refresh tokens that serve once."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
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


@dataclass
class Installation:
    """The tokens of one of the account's authorised devices: the refresh token that serves, and what is spent."""

    refresh: str = ""
    access: dict[str, float] = field(default_factory=dict)
    spent: list[str] = field(default_factory=list)

    def end(self) -> None:
        """End all tokens there are."""
        self.access.clear()
        self.spend()

    def spend(self, following: str = "") -> None:
        """Let another refresh token serve, or none."""
        if self.refresh:
            self.spent.append(self.refresh)
        self.refresh = following


@dataclass(kw_only=True)
class Tokens:
    """One account's door.

    `factor` is how codes are sent: `sms`, `email`, `totp`, or None for none. Each installation, known by the hardware
    id of its login, has tokens of its own. A refresh token serves once; one that was used before ends all tokens of its
    installation, as a thief's would. `refreshes`, `logins` and `refused` count what was asked; `hardware` and `agents`
    are what clients called themselves; `kept` is a file in which tokens outlive this process.
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
        self._installations: dict[str, Installation] = {}
        self._issued: list[str] = []
        self._tried: list[float] = []
        if self.kept is not None and self.kept.exists():
            stored = json.loads(self.kept.read_text())
            self._installations = {name: Installation(**tokens) for name, tokens in stored.items()}

    def answer(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer one request for tokens."""
        match form.get("grant_type"):
            case "refresh_token":
                return self._renewed(form.get("refresh_token", ""))
            case "password":
                self.agents.add(headers.get("User-Agent", ""))
                self.hardware.add(headers.get("hardware_id", ""))
                return self._signed_in(form, headers)
            case _:
                return 400, {"error": "unsupported_grant_type"}

    def admits(self, authorization: str) -> bool:
        """Return whether a call shows a token that lives."""
        shown, now = authorization.removeprefix("Bearer "), self.now().timestamp()
        return any(each.access.get(shown, 0.0) > now for each in self._installations.values())

    @property
    def secrets(self) -> set[str]:
        """Return all tokens that were ever handed out."""
        known = self._installations.values()
        return {*self._issued, *(token for each in known for token in (each.refresh, *each.spent))} - {""}

    def forget_access(self) -> None:
        """Refuse the access tokens there are, though they would live on; refresh tokens serve."""
        for each in self._installations.values():
            each.access.clear()

    def end(self) -> None:
        """End all tokens there are, as a new password does."""
        for each in self._installations.values():
            each.end()

    def _signed_in(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        code = headers.get("2fa-code", "")
        self.logins += 1
        if (form.get("username"), form.get("password")) != (self.user, self.password):
            self.refused += 1
            return _WRONG_PASSWORD
        if self.factor is not None and not code:
            self.codes_sent += 1
            return 412, self._challenge()
        if self.factor is not None and code != self.code:
            return self._wrong_code()
        return 200, self._issue(self._installations.setdefault(headers.get("hardware_id", ""), Installation()))

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
        for each in self._installations.values():
            if shown and shown == each.refresh:
                return 200, self._issue(each)
            if shown in each.spent:
                each.end()
        self.refused += 1
        return _DEAD

    def _issue(self, installation: Installation) -> Mapping[str, Any]:
        access, refresh = f"access-{secrets.token_hex(16)}", f"refresh-{secrets.token_hex(16)}"
        installation.spend(refresh)
        installation.access[access] = self.now().timestamp() + self.life_s
        self._issued.append(access)
        if self.kept is not None:
            self.kept.write_text(json.dumps({name: asdict(each) for name, each in self._installations.items()}))
        return {
            "access_token": access,
            "expires_in": self.life_s,
            "refresh_token": refresh,
            "scope": "client",
            "token_type": "Bearer",
        }

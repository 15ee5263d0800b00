"""Who may come in: users with roles, JSON web tokens in a cookie, their renewal and their end."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import hashlib
import hmac
import json
import secrets
import time
from typing import Final

ADMIN: Final = "admin"


@dataclass(kw_only=True, slots=True)
class User:
    """One user; before 0.16 there are no roles and everybody may do everything."""

    password: str
    role: str = ADMIN


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who asks; `renewed` is a token to hand out with the answer."""

    name: str
    role: str
    renewed: str | None = None


@dataclass(kw_only=True)
class Login:
    """The door of the port with a login.

    `session_s` is how long a token lives, `refresh_s` from when on before its end a new one comes with each answer to
    the cookie. `limit_s` throttles: one attempt in that time. `enabled` False is `auth.enabled: false`. `failed` counts
    wrong passwords, `attempts` all tries. `roles` are the cameras of custom roles (0.17 on).
    """

    users: dict[str, User]
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    cookie: str = "frigate_token"
    session_s: int = 86400
    refresh_s: int = 1800
    limit_s: float = 0.0
    enabled: bool = True
    proxy_secret: str = ""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed: int = 0
    attempts: int = 0

    def __post_init__(self) -> None:
        """Make a key of its own."""
        self._key = secrets.token_bytes(32)
        self._tried_at: float | None = None

    def forget_tokens(self) -> None:
        """Refuse all tokens from now on, as after a new secret."""
        self._key = secrets.token_bytes(32)

    def throttles(self) -> bool:
        """Count an attempt and return whether it comes too soon after another."""
        self.attempts += 1
        now, before = self.monotonic(), self._tried_at
        if self.limit_s and before is not None and now - before < self.limit_s:
            return True
        self._tried_at = now
        return False

    def sign_in(self, name: str, password: str) -> str | None:
        """Return a token, None for a wrong name or password."""
        user = self.users.get(name)
        if user is None or user.password != password:
            self.failed += 1
            return None
        return self.token(name, user.role)

    def token(self, name: str, role: str) -> str:
        """Return a new token (JWT, HS256)."""
        issued = int(self.now().timestamp())
        claims = {"sub": name, "role": role, "exp": issued + self.session_s, "iat": issued}
        signed = f"{_encoded(b'{"alg":"HS256","typ":"JWT"}')}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def visitor(self, cookie: str | None, bearer: str | None) -> Visitor | None:
        """Return who shows a token, None where it is missing, forged or at its end."""
        token = cookie or bearer or ""
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(signature, self._signature(signed)):
            return None
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        left = claims["exp"] - self.now().timestamp()
        user = self.users.get(claims["sub"])
        if left <= 0 or user is None:
            return None
        renewed = self.token(claims["sub"], user.role) if cookie and left < self.refresh_s else None
        return Visitor(name=claims["sub"], role=claims["role"], renewed=renewed)

    def _signature(self, signed: str) -> str:
        return _encoded(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")

"""Tokens that the home and camera hosts take, each until its end."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
import json
import secrets
from typing import Final

ACCOUNT: Final = "4004001"


class Tokens:
    """Issues and knows tokens by kind: `jwt`, `session`, `site`; `secrets` is all that was ever given out."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with none."""
        self._now = now
        self._until: dict[tuple[str, str], datetime] = {}
        self.secrets: set[str] = set()

    def jwt(self, life: timedelta, account: str = ACCOUNT) -> str:
        """Return a token that says itself until when it is good."""
        until = self._now() + life
        payload = {
            "sub": f"nest_id:nest-phoenix-prod:{account}",
            "iss": "nest-security-authproxy",
            "exp": int(until.timestamp()),
        }
        parts = (_coded({"alg": "RS256", "kid": "0000"}), _coded(payload), secrets.token_urlsafe(24))
        return self._give("jwt", f"g.0.{'.'.join(parts)}", until)

    def opaque(self, kind: str, life: timedelta) -> str:
        """Return a token that says nothing."""
        return self._give(kind, f"b.{secrets.token_hex(32)}", self._now() + life)

    def good(self, kind: str, token: str) -> bool:
        """Return whether a token of a kind is good now."""
        until = self._until.get((kind, token))
        return until is not None and self._now() < until

    def revoke(self) -> None:
        """Forget them all."""
        self._until.clear()

    def _give(self, kind: str, token: str, until: datetime) -> str:
        self._until[kind, token] = until
        self.secrets.add(token)
        return token


def _coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

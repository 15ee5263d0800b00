"""Basic and Digest login for RTSP (RFC 2617)."""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Literal
from urllib.parse import unquote

type Scheme = Literal["digest", "basic"]

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Access:
    """Who may come in; without a user everybody may. `password` may be changed at any time."""

    def __init__(self, user: str, password: str, schemes: tuple[Scheme, ...] = ("digest",)) -> None:
        """Take one user and the ways of proving to be them that are offered, in that order."""
        self._user = user
        self.password = password
        self._schemes = schemes
        self._realm = "Simulated camera"
        self._nonce = secrets.token_hex(16)
        self.refused = 0

    def challenges(self) -> list[str]:
        """Return the values of the WWW-Authenticate headers."""
        values = {
            "digest": f'Digest realm="{self._realm}", nonce="{self._nonce}"',
            "basic": f'Basic realm="{self._realm}"',
        }
        return [values[scheme] for scheme in self._schemes]

    def admits(self, method: str, authorization: str | None) -> bool:
        """Return whether a request with this Authorization header may pass; wrong proofs are counted."""
        if not self._user:
            return True
        if authorization is None:
            return False
        scheme, _, rest = authorization.partition(" ")
        proofs = {"digest": self._digest, "basic": self._basic}
        known = scheme.lower() in self._schemes and proofs[scheme.lower()](method, rest)
        self.refused += not known
        return known

    def _basic(self, _method: str, rest: str) -> bool:
        expected = base64.b64encode(f"{self._user}:{self.password}".encode()).decode()
        return hmac.compare_digest(rest.strip(), expected)

    def _digest(self, method: str, rest: str) -> bool:
        given = {key: quoted or bare for key, quoted, bare in _PAIR.findall(rest)}
        if given.get("nonce") != self._nonce or unquote(given.get("username", "")) != self._user:
            return False
        first = _md5(self._user, self._realm, self.password)
        second = _md5(method, given.get("uri", ""))
        middle = [given.get(key, "") for key in ("nc", "cnonce", "qop")] if "qop" in given else []
        return hmac.compare_digest(given.get("response", ""), _md5(first, self._nonce, *middle, second))

"""Who may look: anyone, or whoever has the token."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path

ENVIRONMENT = "CAMHUB_PI_TOKEN"
SHORT = 16
REALM = {"WWW-Authenticate": 'Basic realm="camhub-pi", charset="UTF-8"'}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class TokenMissing(Exception):
    """A token was announced and is not there: serving without one would be worse than not serving."""


class Access:
    """Compares what a client shows with the token; holds no plain copy in its repr."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()

    def allows(self, authorization: str | None) -> bool:
        """Return whether an Authorization header holds the token, as Bearer or as the password of any user."""
        if self._token is None:
            return True
        shown = _shown(authorization or "")
        return shown is not None and hmac.compare_digest(shown, self._token)


def read_token(given: str | None, file: str | None) -> str | None:
    """Return the token of the option, the file or the environment, None when none is named; raises TokenMissing."""
    if given is not None:
        return _checked(given, "--token")
    if file is not None:
        try:
            return _checked(Path(file).read_text(encoding="utf-8"), file)
        except (OSError, UnicodeDecodeError) as error:
            raise TokenMissing(f"the token file {file} cannot be read") from error
    if ENVIRONMENT in os.environ:
        return _checked(os.environ[ENVIRONMENT], ENVIRONMENT)
    return None


def _checked(token: str, source: str) -> str:
    token = token.strip()
    if not token:
        raise TokenMissing(f"{source} is empty; leave it out to serve without a token")
    return token


def _shown(authorization: str) -> bytes | None:
    scheme, _, value = authorization.partition(" ")
    # Header bytes were read as latin-1; the token may hold any letter.
    raw = value.strip().encode("latin-1", "replace")
    if scheme.lower() == "bearer":
        return raw
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(raw, validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    return None

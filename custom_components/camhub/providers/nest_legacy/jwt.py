"""What a JSON web token says of itself; nobody checks its signature here (protocols.md 3.2)."""

import base64
from datetime import datetime
import re

from ...kernel.errors import Malformed
from ...kernel.reading import Object, child
from .reading import moment, read, text

# Those of this service have two parts more in front: `g.0.<header>.<payload>.<signature>`.
_TOKEN = re.compile(r"(?:g\.0\.)?[\w-]+\.([\w-]+)\.[\w-]*", re.ASCII)


def is_jwt(token: str) -> bool:
    """Return whether a text is such a token."""
    return bool(_payload(token))


def expires_at(token: str) -> datetime | None:
    """Return until when a token is good (aware), None where it does not say."""
    return moment(_payload(token).get("exp"))


def subject(token: str) -> str | None:
    """Return the number of the account that a token is for, None where it does not say."""
    said = (text(_payload(token).get("sub")) or "").rpartition(":")[2]
    return said or None


def _payload(token: str) -> Object:
    found = _TOKEN.fullmatch(token)
    if found is None:
        return child(None)
    coded = found[1]
    try:
        return child(read(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))))
    except ValueError, Malformed:
        return child(None)

"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
import json
import re
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object, number, utc

# The service counts to 19 digits.
_NUMBER: Final = re.compile(r"[0-9]{1,30}")


def read(text: str | bytes) -> JsonValue:
    """Return the value of a JSON text; raises Malformed."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    return value


def whole(value: JsonValue) -> Object:
    """Return an object; raises Malformed for anything else."""
    if not isinstance(value, Mapping):
        raise Malformed("an object is due")
    return value


def objects(value: JsonValue) -> Sequence[Object]:
    """Return the objects of a list, nothing for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return [each for each in value if isinstance(each, Mapping)]


def identifier(value: JsonValue) -> int | None:
    """Return a whole number, which may be larger than a float can hold, also of a string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def flag(value: JsonValue) -> bool | None:
    """Return a truth value, also of 0 and 1, None for anything else."""
    return bool(value) if isinstance(value, bool | int) and value in {0, 1} else None


def moment(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC) of an ISO date, or of seconds or milliseconds since the epoch."""
    seconds = number(value)
    found: datetime | None
    try:
        if seconds is not None:
            # No camera of this maker is older than milliseconds since 1973.
            found = datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC)
        else:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError, OverflowError, OSError:
        return None
    return None if found is None else utc(found)

"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
import json

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object, number, utc


def read(text: str | bytes) -> JsonValue:
    """Return the value of a JSON text; raises Malformed."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    return value


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the strings of a list, nothing for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(each for each in value if isinstance(each, str))


def objects(value: JsonValue) -> Sequence[Object]:
    """Return the objects of a list; raises Malformed for what is no list."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Malformed("a list is due")
    return [each for each in value if isinstance(each, Mapping)]


def flag(value: JsonValue, *, default: bool) -> bool:
    """Return a truth value."""
    return value if isinstance(value, bool) else default


def moment(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC): seconds since the epoch, as number or string, or an ISO date."""
    seconds = number(value)
    found: datetime | None
    try:
        if seconds is not None:
            found = datetime.fromtimestamp(seconds, UTC)
        else:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError, OverflowError, OSError:
        return None
    return None if found is None else utc(found)

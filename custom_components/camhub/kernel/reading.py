"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
import json
import math
from types import MappingProxyType
from typing import Final

from .errors import Malformed
from .model import JsonValue

type Object = Mapping[str, JsonValue]

# Any time in these years is one in every zone; those beyond are mistakes.
_YEARS: Final = range(2, 9999)
_NOTHING: Final[Object] = MappingProxyType({})
# Times above this are milliseconds: no camera is older than 1973.
_MILLISECONDS: Final = 10**11


def from_json(content: str | bytes) -> JsonValue:
    """Return the value of a JSON text; raises Malformed."""
    try:
        value: JsonValue = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    return value


def child(value: JsonValue, *path: str) -> Object:
    """Return the object at the end of a path, an empty one where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else _NOTHING


def text(value: JsonValue) -> str | None:
    """Return a string that is not blank."""
    return value.strip() or None if isinstance(value, str) else None


def number(value: JsonValue) -> float | None:
    """Return a finite number, also of a string that holds one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except ValueError, OverflowError:
        return None
    return found if math.isfinite(found) else None


def utc(found: datetime) -> datetime | None:
    """Return a time in UTC, one without a zone being so already; None for one that some zone could not tell."""
    if found.year not in _YEARS:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def objects(value: JsonValue) -> Sequence[Object]:
    """Return the objects of a list, none for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return [each for each in value if isinstance(each, Mapping)]


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the strings of a list, none for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(each for each in value if isinstance(each, str))


def iso_time(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC) of an ISO date, None for anything else."""
    try:
        return utc(datetime.fromisoformat(value.strip())) if isinstance(value, str) else None
    except ValueError:
        return None


def moment(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC): seconds or milliseconds since the epoch, as number or string, or an ISO date."""
    seconds = number(value)
    if seconds is None:
        return iso_time(value)
    try:
        return utc(datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC))
    except ValueError, OverflowError, OSError:
        return None

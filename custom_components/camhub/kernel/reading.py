"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping
from datetime import UTC, datetime
import math
from types import MappingProxyType
from typing import Final

from .model import JsonValue

type Object = Mapping[str, JsonValue]

# Any time in these years is one in every zone; those beyond are mistakes.
_YEARS: Final = range(2, 9999)
_NOTHING: Final[Object] = MappingProxyType({})


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

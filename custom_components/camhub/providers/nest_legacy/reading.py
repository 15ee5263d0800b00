"""JSON of somebody else's, read without trust: junk before it is skipped, what is not of its kind is not there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import json
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object, number, utc

# Times above this are milliseconds.
_MILLISECONDS: Final = 1e11


def read(body: bytes) -> JsonValue:
    """Return the JSON object or list that an answer holds, whatever stands before it; raises Malformed."""
    text = body.decode(errors="replace")
    if text.lstrip().startswith("<"):
        raise Malformed("a page, not JSON")
    for start in sorted(at for mark in "{[" if (at := text.find(mark)) >= 0):
        try:
            value: JsonValue
            value, _ = json.JSONDecoder().raw_decode(text, start)
        except ValueError, RecursionError:
            continue
        return value
    raise Malformed("not JSON")


def listed(value: JsonValue) -> Sequence[JsonValue]:
    """Return a list, an empty one for anything else."""
    return () if isinstance(value, str) or not isinstance(value, Sequence) else value


def objects(value: JsonValue) -> Sequence[Object]:
    """Return the objects of a list, none for anything else."""
    return [each for each in listed(value) if isinstance(each, Mapping)]


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the strings of a list, none for anything else."""
    return tuple(each for each in listed(value) if isinstance(each, str))


def text(value: JsonValue) -> str | None:
    """Return a string that is not blank; a whole number is one too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def flag(value: JsonValue) -> bool | None:
    """Return a truth value, also of the words that stand for one."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    return words.get(value.strip().lower()) if isinstance(value, str) else None


def moment(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC): seconds or milliseconds since the epoch, none for 0; an HTTP or ISO date."""
    seconds = number(value)
    try:
        if seconds is not None:
            seconds = seconds / 1000 if seconds > _MILLISECONDS else seconds
            return utc(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else None
        return _date(value) if isinstance(value, str) else None
    except ValueError, OverflowError, OSError:
        return None


def _date(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = parsedate_to_datetime(value)
    return utc(found)

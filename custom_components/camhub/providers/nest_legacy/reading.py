"""JSON of somebody else's, read without trust: junk before it is skipped, what is not of its kind is not there."""

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
import json

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import moment as epoch_or_iso, number, utc


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


def text(value: JsonValue) -> str | None:
    """Return a string that is not blank; a whole number is one too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def flag(value: JsonValue) -> bool | None:
    """Return a truth value, also of the words and numbers that stand for one."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "1": True, "false": False, "0": False}
    return words.get((text(value) or "").lower())


def moment(value: JsonValue) -> datetime | None:
    """Return a time as the kernel's `moment` does, also of an HTTP date; none for 0."""
    seconds = number(value)
    if seconds is not None and seconds <= 0:
        return None
    return epoch_or_iso(value) or _http_date(value)


def _http_date(value: JsonValue) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(value)) if isinstance(value, str) else None
    except ValueError:
        return None

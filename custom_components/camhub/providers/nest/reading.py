"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import json

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object, utc


def read(text: str | bytes) -> Object:
    """Return the object that a JSON text holds; raises Malformed."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(value, Mapping):
        raise Malformed("no JSON object")
    return value


def text(value: JsonValue) -> str:
    """Return a string without the space around it, an empty one for anything else."""
    return value.strip() if isinstance(value, str) else ""


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the strings of a list, nothing for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(each for each in value if isinstance(each, str))


def moment(value: JsonValue) -> datetime | None:
    """Return a time (aware, UTC) of an ISO date, None for anything else."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return utc(found)

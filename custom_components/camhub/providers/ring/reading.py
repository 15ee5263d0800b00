"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping
import re
from typing import Final

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object

# The service counts to 19 digits.
_NUMBER: Final = re.compile(r"[0-9]{1,30}")


def whole(value: JsonValue) -> Object:
    """Return an object; raises Malformed for anything else."""
    if not isinstance(value, Mapping):
        raise Malformed("an object is due")
    return value


def identifier(value: JsonValue) -> int | None:
    """Return a whole number, which may be larger than a float can hold, also of a string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def flag(value: JsonValue) -> bool | None:
    """Return a truth value, also of 0 and 1, None for anything else."""
    return bool(value) if isinstance(value, bool | int) and value in {0, 1} else None

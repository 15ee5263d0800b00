"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping, Sequence

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object


def objects(value: JsonValue) -> Sequence[Object]:
    """Return the objects of a list; raises Malformed for what is no list."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Malformed("a list is due")
    return [each for each in value if isinstance(each, Mapping)]


def flag(value: JsonValue, *, default: bool) -> bool:
    """Return a truth value."""
    return value if isinstance(value, bool) else default

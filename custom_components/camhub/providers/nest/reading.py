"""JSON of somebody else's, read without trust: what is not of its kind is not there."""

from collections.abc import Mapping

from ...kernel.errors import Malformed
from ...kernel.model import JsonValue
from ...kernel.reading import Object, from_json


def read(text: str | bytes) -> Object:
    """Return the object that a JSON text holds; raises Malformed."""
    value = from_json(text)
    if not isinstance(value, Mapping):
        raise Malformed("no JSON object")
    return value


def text(value: JsonValue) -> str:
    """Return a string without the space around it, an empty one for anything else."""
    return value.strip() if isinstance(value, str) else ""

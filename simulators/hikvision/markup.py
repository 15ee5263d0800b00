"""Writes XML from plain values, as the device's firmware would."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

type Value = str | int | bool | Sequence[Value] | Mapping[str, Value] | None


def document(root: str, value: Value, namespace: str = "", *, declared: bool = True) -> str:
    """Return a document; a mapping becomes children, a list repeats its element, None is an empty one."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n' if declared else ""
    attributes = f' version="2.0" xmlns="{namespace}"' if namespace else ""
    return head + _element(root, value, attributes) + "\n"


def _element(name: str, value: Value, attributes: str = "") -> str:
    if value is None:
        return f"<{name}{attributes}/>"
    if isinstance(value, Mapping):
        inside = "\n".join(line for key, each in value.items() for line in _elements(key, each))
        return f"<{name}{attributes}>\n{inside}\n</{name}>"
    if isinstance(value, bool):
        return f"<{name}{attributes}>{str(value).lower()}</{name}>"
    return f"<{name}{attributes}>{escape(str(value))}</{name}>"


def _elements(name: str, value: Value) -> list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_element(name, each) for each in value]
    return [_element(name, value)]

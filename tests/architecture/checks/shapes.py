"""Nested dictionaries held against a pattern: `{"name!": text, "*": ...}`, `!` for required, `*` for any key."""

from collections.abc import Callable, Mapping
from typing import Any

type Leaf = Callable[[Any], str | None]
type Shape = Leaf | Mapping[str, Shape]


def mismatches(value: Any, shape: Shape, path: str = "") -> list[str]:
    """Return what does not fit, by path."""
    if callable(shape):
        fault = shape(value)
        return [f"{path}: {fault}"] if fault else []
    if not isinstance(value, Mapping):
        return [f"{path}: not a mapping"]
    named = {key.rstrip("!"): inner for key, inner in shape.items() if not key.startswith("*")}
    required = [key.rstrip("!") for key in shape if key.endswith("!")]
    faults = [f"{path}.{key}: is missing".lstrip(".") for key in required if key not in value]
    for key, inner in value.items():
        place = f"{path}.{key}".lstrip(".")
        if key in named:
            faults += mismatches(inner, named[key], place)
        elif "*" in shape:
            faults += mismatches(inner, shape["*"], place)
        else:
            faults.append(f"{place}: unknown key")
    return faults

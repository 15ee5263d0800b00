"""Secret values that hide themselves, so that no list of key names is needed for redaction."""

from collections.abc import Iterator, Mapping
from typing import Final, override

from .model import JsonValue

HIDDEN: Final = "***"


class Secret:
    """A string that shows as `***` wherever it is printed, formatted or logged."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap the string."""
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    @override
    def __repr__(self) -> str:
        return HIDDEN

    @override
    def __str__(self) -> str:
        return HIDDEN

    @override
    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        """Return whether it is not empty."""
        return bool(self._value)


class Credentials(Mapping[str, JsonValue]):
    """What an account needs to connect; its repr shows only the keys."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, JsonValue] | None = None) -> None:
        """Copy the values."""
        self._values = dict(values or {})

    @override
    def __getitem__(self, key: str) -> JsonValue:
        return self._values[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    @override
    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._values))})"

    def text(self, key: str, default: str = "") -> str:
        """Return a value as a string, `default` where there is none."""
        value = self._values.get(key)
        return default if value is None else str(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a value as a truth value, `default` where there is none."""
        value = self._values.get(key)
        return default if value is None else bool(value)

    def secret(self, key: str) -> Secret:
        """Return a value as a Secret, empty where there is none."""
        return Secret(self.text(key))

"""What a user may set of an account without signing in again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from ...kernel.model import JsonValue
from ...kernel.signin import Field, FieldKind

POLL_S: Final = 60.0
WIRED_FLOOR_S: Final = 30.0
BATTERY_FLOOR_S: Final = 600.0
SIREN_S: Final = 30.0

OPTIONS: Final = (
    Field(key="poll", kind=FieldKind.NUMBER, default=POLL_S, minimum=30, maximum=600, step=10, unit="s"),
    Field(key="wired_floor", kind=FieldKind.NUMBER, default=WIRED_FLOOR_S, minimum=10, maximum=3600, unit="s"),
    Field(key="battery_floor", kind=FieldKind.NUMBER, default=BATTERY_FLOOR_S, minimum=60, maximum=86400, unit="s"),
    Field(key="siren_time", kind=FieldKind.NUMBER, default=SIREN_S, minimum=1, maximum=120, unit="s"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Seconds: between looks at the history, between two pictures, and for how long a siren sounds."""

    poll: float = POLL_S
    wired_floor: float = WIRED_FLOOR_S
    battery_floor: float = BATTERY_FLOOR_S
    siren_time: float = SIREN_S

    @classmethod
    def load(cls, options: Mapping[str, JsonValue]) -> Self:
        """Read what the user chose; what is missing has its default."""
        known = (each.key for each in OPTIONS)
        return cls(**{key: float(str(options[key])) for key in known if options.get(key) is not None})

"""What can be made to go wrong while a server runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(kw_only=True)
class Faults:
    """Switches of a server, all off at first.

    `slow_s` delays every answer. `offline` lists cameras whose stream is down: pictures of them are the error picture
    (from 0.18 an old preview). `restarting` answers 502 to all, `down` cuts every connection. `no_frame` lets pictures
    fail with 500. `dark_streams` lists go2rtc streams whose source cannot be opened. `answers` replaces the answer of a
    path by status, content type and body.
    """

    slow_s: float = 0.0
    offline: set[str] = field(default_factory=set)
    restarting: bool = False
    down: bool = False
    no_frame: bool = False
    dark_streams: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def change(self, values: Mapping[str, object]) -> None:
        """Set switches by name, as they come from JSON; raises ValueError for a name that is none."""
        names = {each.name for each in fields(self)}
        if unknown := values.keys() - names:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
        for name, value in values.items():
            setattr(self, name, set(value) if isinstance(value, list) else value)

"""What can be made to go wrong while a server runs."""

from dataclasses import dataclass, field

from ..simulator import Switches


@dataclass(kw_only=True)
class Faults(Switches):
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

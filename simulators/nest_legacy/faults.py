"""What can be made to go wrong while the services run."""

from dataclasses import dataclass, field

from ..simulator import Switches


@dataclass(kw_only=True)
class Faults(Switches):
    """Switches, all off at first.

    `slow_s` delays every answer, `down` cuts every connection. `google` is how Google answers instead of a token:
    an HTTP status, `page` (HTML), `sign_in` (the page that asks who you are), `redirect` (to it), `no_session` (an
    error with that detail), or any other word as its error. `picky` lets it take the headers of the newer app only.
    `junk` stands before every JSON. `jwt_status`, `session_status`, `home_status` and `camera_status` replace the
    answers of issue_jwt, session, app_launch and all camera hosts. Cameras by uuid: `blank` pictures of one colour,
    `empty` ones, `forbidden` to this account. `answers` replaces what a `host/path` says by status, type and body,
    `date` the time that all of them tell.
    """

    slow_s: float = 0.0
    down: bool = False
    google: str = ""
    picky: bool = False
    junk: str = ""
    jwt_status: int = 0
    session_status: int = 0
    home_status: int = 0
    camera_status: int = 0
    date: str | None = None
    blank: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

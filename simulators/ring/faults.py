"""What can be made to go wrong while the service runs."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

OUTAGE_PAGE: Final = (
    "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n"
    "<hr><center>openresty</center>\n</body>\n</html>\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canned:
    """An answer given instead of the true one."""

    status: int
    body: str | bytes = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


OUTAGE: Final = Canned(status=502, body=OUTAGE_PAGE, content_type="text/html")


@dataclass(kw_only=True)
class Faults:
    """Switches of the service, all off at first.

    `slow_s` delays every answer, `hold` until it is set; `down` cuts every connection. `answers` replaces the answers
    of a host or of a host and path, such as `oauth.ring.com` or `api.ring.com/clients_api/ring_devices`; `lost_answers`
    of the token endpoint are cut after it did its work. `no_session` lets calls fail until a new session is made.

    `no_snapshot` has no new pictures, `old_snapshot_s` gives ones of that age, `no_timestamps` knows of no old ones.
    `no_film` answers null for the address of a recording, `film_life_s` is how long an address lives, `cut_film_at`
    breaks downloads off after that many bytes and `stall_film_at` lets them fall silent there, `no_ranges` sends
    everything again, `chunked_films` tells no sizes; `redirects` leads to a converted recording instead of naming it.

    `push_silent` takes messages and delivers none, `push_garbled` delivers ones that cannot be read, `push_refused`
    hangs up on listeners, `push_login_refused` refuses their login, `registration_refused` and `subscription_refused`
    refuse new ones. `live_close` ends a live view instead of the answer, `live_mute` never answers, `late_ice` sends
    candidates after the answer.
    """

    slow_s: float = 0.0
    hold: asyncio.Event | None = None
    down: bool = False
    answers: dict[str, Canned] = field(default_factory=dict)
    lost_answers: int = 0
    no_session: bool = False
    no_snapshot: bool = False
    old_snapshot_s: float = 0.0
    no_timestamps: bool = False
    no_film: bool = False
    film_life_s: float = 900.0
    cut_film_at: int = 0
    stall_film_at: int = 0
    no_ranges: bool = False
    chunked_films: bool = False
    redirects: bool = False
    push_silent: bool = False
    push_garbled: bool = False
    push_refused: bool = False
    push_login_refused: bool = False
    registration_refused: bool = False
    subscription_refused: bool = False
    live_close: tuple[int, str] | None = None
    live_mute: bool = False
    late_ice: bool = False

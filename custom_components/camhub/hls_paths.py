"""What files of HLS are called in our playlists: the same path for the same file, for as long as a player needs.

A player tells segments apart by their paths, so none may change while it is listed (RFC 8216 section 6.2.1); and what a
camera's own playlist asks for by a query (a session, as good as a token) stays here.
"""

from hashlib import blake2s
import secrets
from typing import Final

from homeassistant.core import HomeAssistant

from .kernel.clock import Clock
from .stream_paths import SIGNED_FOR, sign

# Names beyond these are forgotten, those not used for longest first.
KEPT: Final = 4096
_HIDDEN: Final = "~"


class HlsPaths:
    """Signed paths and hidden queries of one account."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._secret = secrets.token_bytes(16)
        self._signed: dict[tuple[str, str], tuple[str, float]] = {}
        self._queries: dict[str, str] = {}

    def sign(self, hass: HomeAssistant, path: str, token_id: str) -> str:
        """Return a path signed for whoever is being served by that token, as before while half its life is left."""
        now = self._clock.monotonic()
        signed, until = self._signed.pop((token_id, path), ("", now))
        if until <= now:
            signed, until = sign(hass, path), now + SIGNED_FOR.total_seconds() / 2
        self._signed[token_id, path] = (signed, until)
        _trim(self._signed)
        return signed

    def hide(self, query: str) -> str:
        """Return a name that stands for a query."""
        name = _HIDDEN + blake2s(query.encode(), key=self._secret, digest_size=9).hexdigest()
        self._queries.pop(name, None)
        self._queries[name] = query
        _trim(self._queries)
        return name

    def reveal(self, file: str) -> str | None:
        """Return a file as the camera calls it, None where its name stands for nothing."""
        name, _, rest = file.partition("/")
        if not name.startswith(_HIDDEN):
            return file
        if (query := self._queries.get(name)) is None:
            return None
        self.hide(query)
        return f"{rest}?{query}"


def _trim[K, V](kept: dict[K, V]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]

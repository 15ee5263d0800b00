"""Stable signed paths for the files in our HLS playlists.

Players identify segments by their paths, so a path must not change while it is listed (RFC 8216 section 6.2.1). Queries
in a camera's own playlist (a session id is as good as a token) are replaced by names and stay here.
"""

from hashlib import blake2s
import secrets
from typing import Final

from homeassistant.core import HomeAssistant

from .kernel.clock import Clock
from .stream_paths import SIGNED_FOR, sign

# The most entries kept; the least recently used are dropped first.
KEPT: Final = 4096
_HIDDEN: Final = "~"


class HlsPaths:
    """Signed paths and hidden queries of one account."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._secret = secrets.token_bytes(16)
        self._signed: dict[tuple[str, str], tuple[str, float]] = {}
        self._queries: dict[str, str] = {}

    def sign(self, hass: HomeAssistant, path: str, token_id: str) -> str:
        """Return a path signed for the user of a refresh token; the same one until half its life has passed."""
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
        """Return the camera's own name of a file, None if a hidden query is unknown."""
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

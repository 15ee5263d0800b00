"""Names for a bug report: the same for the same thing in every file, and no way back."""

from collections.abc import Mapping
import hashlib
import hmac
from typing import Final

from .model import JsonValue

# Shorter ones are in any text by chance, and so are plain words.
_TELLING: Final = 6


class Pseudonyms:
    """Keyed hashes (HMAC-SHA-256, cut to 40 bits: enough to tell apart, too little to try names against)."""

    def __init__(self, key: bytes) -> None:
        """Keep the key, which never leaves the machine."""
        self._key = key

    def of(self, kind: str, identity: str) -> str:
        """Return the pseudonym of a thing, such as `camera-5f0c9a1b2d`."""
        digest = hmac.digest(self._key, f"{kind}\0{identity}".encode(), hashlib.sha256)
        return f"{kind}-{digest.hex()[:10]}"

    def hide(self, value: JsonValue, known: Mapping[str, str]) -> JsonValue:
        """Return a value with what `known` names (pseudonyms by name) replaced, also in keys and inside texts."""
        match value:
            case str():
                return self._text(value, known)
            case Mapping():
                return {known.get(key, self._text(key, known)): self.hide(item, known) for key, item in value.items()}
            case list() | tuple():
                return [self.hide(item, known) for item in value]
            case _:
                return value

    def _text(self, text: str, known: Mapping[str, str]) -> str:
        for name in sorted(known, key=len, reverse=True):
            if len(name) >= _TELLING and not name.isalpha():
                text = text.replace(name, known[name])
        return known.get(text, text) if len(text) > 1 else text

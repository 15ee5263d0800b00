"""Secrets at rest: AES-256-GCM, written as base64(iv 16 || ciphertext || tag 16)."""

from base64 import b64decode, b64encode
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import WrongKey

_KEY_BYTES: Final = 32
_IV_BYTES: Final = 16
_TAG_BYTES: Final = 16


class Vault:
    """Seals texts with one key and opens them again, also those that an older key sealed."""

    def __init__(self, key: bytes, *older: bytes) -> None:
        """Take keys of 32 bytes; raises WrongKey for any other length."""
        if any(len(each) != _KEY_BYTES for each in (key, *older)):
            raise WrongKey("the key is not 32 bytes long", reason="key_malformed")
        self._cipher = AESGCM(key)
        self._older = tuple(AESGCM(each) for each in older)

    def seal(self, text: str) -> str:
        """Return the text sealed under a new iv, so that equal texts look different."""
        iv = os.urandom(_IV_BYTES)
        # JSON may carry half a surrogate pair; it must come back as it went in.
        sealed = self._cipher.encrypt(iv, text.encode("utf-8", "surrogatepass"), None)
        return b64encode(iv + sealed).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the text; raises WrongKey where the value is no base64, is cut, or was sealed with another key."""
        return self._open(sealed)[0]

    def reseal(self, sealed: str) -> str | None:
        """Return the value sealed with the key of today, None where it is already; raises WrongKey as `open` does."""
        text, cipher = self._open(sealed)
        return None if cipher is self._cipher else self.seal(text)

    def _open(self, sealed: str) -> tuple[str, AESGCM]:
        raw = _raw(sealed)
        for cipher in (self._cipher, *self._older):
            try:
                text = cipher.decrypt(raw[:_IV_BYTES], raw[_IV_BYTES:], None)
            except InvalidTag:
                continue
            try:
                return text.decode("utf-8", "surrogatepass"), cipher
            except UnicodeDecodeError:
                raise WrongKey("the sealed value is not text", reason="sealed_malformed") from None
        raise WrongKey("the value was sealed with another key or altered")


def _raw(sealed: str) -> bytes:
    try:
        raw = b64decode(sealed, validate=True)
    except (ValueError, binascii.Error) as error:
        raise WrongKey("the sealed value is not base64", reason="sealed_malformed") from error
    if len(raw) < _IV_BYTES + _TAG_BYTES:
        raise WrongKey("the sealed value is cut short", reason="sealed_cut")
    return raw

"""Secrets at rest: AES-256-GCM, written as base64(iv 16 || ciphertext || tag 16)."""

from base64 import b64decode, b64encode
import binascii
from collections.abc import Mapping
import os
from pathlib import Path
import re
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .durable import sync_folder
from .errors import WrongKey

ENVIRONMENT_KEY: Final = "CAMHUB_ENCRYPTION_KEY"
_KEY_BYTES: Final = 32
_IV_BYTES: Final = 16
_TAG_BYTES: Final = 16
_OTHERS: Final = 0o077


class Vault:
    """Seals texts with one key and opens them again."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 bytes; raises WrongKey for any other length."""
        if len(key) != _KEY_BYTES:
            raise WrongKey("the key is not 32 bytes long", reason="key_malformed")
        self._cipher = AESGCM(key)

    def seal(self, text: str) -> str:
        """Return the text sealed under a new iv, so that equal texts look different."""
        iv = os.urandom(_IV_BYTES)
        # JSON may carry half a surrogate pair; it must come back as it went in.
        sealed = self._cipher.encrypt(iv, text.encode("utf-8", "surrogatepass"), None)
        return b64encode(iv + sealed).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the text; raises WrongKey where the value is no base64, is cut, or was sealed with another key."""
        try:
            raw = b64decode(sealed, validate=True)
        except (ValueError, binascii.Error) as error:
            raise WrongKey("the sealed value is not base64", reason="sealed_malformed") from error
        if len(raw) < _IV_BYTES + _TAG_BYTES:
            raise WrongKey("the sealed value is cut short", reason="sealed_cut")
        try:
            text = self._cipher.decrypt(raw[:_IV_BYTES], raw[_IV_BYTES:], None)
        except InvalidTag:
            raise WrongKey("the value was sealed with another key or altered") from None
        try:
            return text.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise WrongKey("the sealed value is not text", reason="sealed_malformed") from None


def load_key(environ: Mapping[str, str], file: Path, *, create: bool) -> bytes:
    """Return the key: CAMHUB_ENCRYPTION_KEY where it is set, else the key file's, made new if it may be.

    Raises WrongKey: `key_malformed` (not 64 hex digits; a bad variable never falls back to the file), `key_missing`
    (no file and not `create`), `key_unreadable` (the file cannot be read or made), `key_exposed` (others may read the
    file and its mode cannot be mended; where it can, it is put back to 0600 without a word, as a restored backup often
    needs). An existing file is never written to. Blocking I/O: call it in an executor.
    """
    if (given := environ.get(ENVIRONMENT_KEY)) is not None:
        return _key(given)
    try:
        return _key(_read(file))
    except FileNotFoundError as error:
        if not create:
            raise WrongKey("there is no key file", reason="key_missing") from error
    except OSError as error:
        raise WrongKey(f"cannot read the key file: {error.strerror}", reason="key_unreadable") from error
    try:
        return _make(file)
    except OSError as error:
        raise WrongKey(f"cannot make the key file: {error.strerror}", reason="key_unreadable") from error


def _key(digits: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise WrongKey("the key is not 64 hex digits", reason="key_malformed")
    return bytes.fromhex(digits)


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & _OTHERS:
            try:
                os.fchmod(opened.fileno(), 0o600)
            except OSError as error:
                raise WrongKey("others may read the key file", reason="key_exposed") from error
        # One byte more than a good file has, so that a longer one is seen to be wrong.
        return opened.read(_KEY_BYTES * 2 + 3).decode("latin-1").removesuffix("\n").removesuffix("\r")


def _make(file: Path) -> bytes:
    key = os.urandom(_KEY_BYTES)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # O_EXCL: of two who make it at once one fails, rather than both sealing with different keys.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(key.hex().encode("ascii") + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError:
        file.unlink()
        raise
    sync_folder(file.parent)
    return key

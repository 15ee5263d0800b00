"""The key that secrets are sealed with: where it is, how it is made, how another takes its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import os
from pathlib import Path
import re
from typing import Final

from .durable import replace_file, sync_folder
from .errors import Unreachable, WrongKey

ENVIRONMENT_KEY: Final = "CAMHUB_ENCRYPTION_KEY"
ENVIRONMENT_OLD_KEY: Final = "CAMHUB_ENCRYPTION_KEY_OLD"
NEXT: Final = ".next"
_KEY_BYTES: Final = 32
_OTHERS: Final = 0o077


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """`current` seals; an older one only opens what has not been sealed anew yet."""

    current: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)


def load_keys(environ: Mapping[str, str], file: Path, *, create: bool) -> Keys:
    """Return the keys in force, as `load_key` does, and the older one while a change of keys is under way.

    With CAMHUB_ENCRYPTION_KEY the older one is CAMHUB_ENCRYPTION_KEY_OLD; with a file the new key lies beside the old
    one until all is sealed anew. Raises WrongKey. Blocking I/O.
    """
    key = load_key(environ, file, create=create)
    if ENVIRONMENT_KEY in environ:
        old = environ.get(ENVIRONMENT_OLD_KEY)
        return Keys(current=key, older=(parse_key(old),) if old else ())
    try:
        return Keys(current=parse_key(_read(_next(file))), older=(key,))
    except FileNotFoundError:
        return Keys(current=key)
    except OSError as error:
        raise WrongKey(f"cannot read the new key: {error.strerror}", reason="key_unreadable") from error


def begin_change(file: Path) -> Keys:
    """Put a new key beside the one in force, or take the one that lies there; raises WrongKey, Unreachable.

    Whatever happens now, `load_keys` finds both.
    """
    beside = _next(file)
    try:
        if not beside.exists():
            replace_file(beside, [os.urandom(_KEY_BYTES).hex().encode("ascii"), b"\n"])
            sync_folder(file.parent)
        return Keys(current=parse_key(_read(beside)), older=(parse_key(_read(file)),))
    except OSError as error:
        raise Unreachable(f"cannot put a new key beside the old one: {error.strerror}", reason="not_stored") from error


def finish_change(file: Path) -> None:
    """Let the new key take the old one's place, in one step; raises Unreachable. Nothing may need the old one then."""
    try:
        if _next(file).exists():
            _next(file).replace(file)
            sync_folder(file.parent)
    except OSError as error:
        raise Unreachable(f"cannot replace the key: {error.strerror}", reason="not_stored") from error


def forget_keys(file: Path) -> None:
    """Delete the key, and one that lies beside it; raises Unreachable. Nothing may be sealed with them any more."""
    try:
        for each in (file, _next(file)):
            each.unlink(missing_ok=True)
        if file.parent.exists():
            sync_folder(file.parent)
    except OSError as error:
        raise Unreachable(f"cannot delete the key: {error.strerror}", reason="not_stored") from error


def load_key(environ: Mapping[str, str], file: Path, *, create: bool) -> bytes:
    """Return the key: CAMHUB_ENCRYPTION_KEY where it is set, else the key file's, made new if it may be.

    Raises WrongKey: `key_malformed` (not 64 hex digits; a bad variable never falls back to the file), `key_missing`
    (no file and not `create`), `key_unreadable` (the file cannot be read or made), `key_exposed` (others may read the
    file and its mode cannot be mended; where it can, it is put back to 0600 without a word, as a restored backup often
    needs). An existing file is never written to. Blocking I/O: call it in an executor.
    """
    if (given := environ.get(ENVIRONMENT_KEY)) is not None:
        return parse_key(given)
    try:
        return parse_key(_read(file))
    except FileNotFoundError as error:
        if not create:
            raise WrongKey("there is no key file", reason="key_missing") from error
    except OSError as error:
        raise WrongKey(f"cannot read the key file: {error.strerror}", reason="key_unreadable") from error
    try:
        return _make(file)
    except OSError as error:
        raise WrongKey(f"cannot make the key file: {error.strerror}", reason="key_unreadable") from error


def parse_key(digits: str) -> bytes:
    """Return a key of 64 hex digits; raises WrongKey."""
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


def _next(file: Path) -> Path:
    return file.with_name(file.name + NEXT)

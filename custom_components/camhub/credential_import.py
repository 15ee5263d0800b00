"""Credentials that another system encrypted with the vault's scheme and its own key of 64 hex digits."""

from collections.abc import Mapping
import json
from typing import Final

from .kernel.errors import WrongKey
from .kernel.keys import parse_key
from .kernel.model import JsonValue
from .kernel.vault import Vault

# Other names for the fields of our forms; our own names take precedence.
_OTHER_NAMES: Final = {
    "base_url": "address",
    "url": "address",
    "host": "address",
    "user": "username",
    "email": "username",
    "pass": "password",
}


def open_foreign(sealed: str, key: str) -> dict[str, JsonValue]:
    """Return the credentials; raises WrongKey with a reason that begins with `import`.

    Line breaks from a terminal are ignored; values that are encrypted once more inside are decrypted too.
    """
    try:
        vault = Vault(parse_key(key.strip().lower()))
    except WrongKey as error:
        raise WrongKey("the other system's key is no key", reason="import_key_malformed") from error
    try:
        opened = json.loads(vault.open("".join(sealed.split())))
    except WrongKey as error:
        reason = "import_wrong_key" if error.reason == "wrong_key" else "import_malformed"
        raise WrongKey("the other system's value does not open", reason=reason) from error
    except ValueError, RecursionError:
        # The decoder's message could quote the plaintext.
        opened = None
    if not isinstance(opened, dict):
        raise WrongKey("what was sealed is no set of credentials", reason="import_malformed")
    values = {str(name): _inner(vault, value) for name, value in opened.items()}
    return {name: values[other] for other, name in _OTHER_NAMES.items() if other in values} | values


def _inner(vault: Vault, value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {name: _inner(vault, each) for name, each in value.items()}
    try:
        return vault.open(value) if isinstance(value, str) else value
    except WrongKey:
        return value

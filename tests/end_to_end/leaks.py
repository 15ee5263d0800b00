"""Looks for the secrets of the played accounts in all that Home Assistant wrote, and in what a browser was told."""

from collections.abc import Iterator, Mapping, Sequence
import json
from pathlib import Path
import re
from typing import Any, Final

from custom_components.camhub.kernel.vault import Vault
from demo.world import GOOGLE_SECRET, RECORDER_PASSWORD, RING_PASSWORD, SERVER_PASSWORD
from tests.sentinel import spellings

# What the played devices and makers themselves keep and tell, beside Home Assistant's own files.
PLAYED: Final = frozenset(
    {
        *("authority", "nest_legacy.json", "ring.json"),
        *("frigate.log", "nest.log", "nest_legacy.log", "pi.log", "recorder.log", "ring.log"),
    }
)
# Of the devices and servers that the tests play besides, before and after it is changed.
PASSWORDS: Final = ("example-password", "another-password-3")
STORAGE: Final = Path(".storage") / "camhub"
# What stands sealed with the secrets and is none: addresses, names, times. Everything else is, so that nothing new is
# forgotten.
PLAIN: Final = frozenset(
    {
        *("address", "still_address", "name", "username", "abilities"),
        *("client_id", "cloud_project_id", "project_id", "subscription", "topic"),
        *("access_ends_at", "expires_at", "signed_in_at", "until"),
        # Ring's library tells it when it is debugged; nobody gets in by it.
        "hardware_id",
    }
)
_SHORTEST: Final = 8
_TOKEN: Final = re.compile(r"[\w.~+/-]{16,}=*")
type Stored = Mapping[str, Any] | Sequence[Any] | str | float | bool | None


def secrets_of(folder: Path) -> set[str]:
    """Return the passwords, what is sealed, what the makers have handed out, and the key itself."""
    key = (folder / STORAGE / "key").read_text().strip()
    vault = Vault(bytes.fromhex(key))
    found = {key, *PASSWORDS, GOOGLE_SECRET, RECORDER_PASSWORD, RING_PASSWORD, SERVER_PASSWORD}
    for record in (folder / STORAGE / "credentials").iterdir():
        found.update(_leaves(json.loads(vault.open(json.loads(record.read_text())["credentials"]))))
    for name in ("nest_legacy.json", "ring.json"):
        found.update(_leaves(json.loads((folder / name).read_text())))
    return {each for whole in found for each in (whole, *_TOKEN.findall(whole)) if len(each) >= _SHORTEST}


def _leaves(stored: Stored) -> Iterator[str]:
    match stored:
        case str():
            yield stored
        case Mapping():
            for name, value in stored.items():
                if name not in PLAIN:
                    yield from _leaves(value)
        case Sequence():
            for value in stored:
                yield from _leaves(value)


def leaks(folder: Path, *others: Path) -> list[str]:
    """Return which secrets stand where; a file is named as it lies in its folder."""
    secrets = secrets_of(folder)
    spelt = {spelling.encode(): secret for secret in secrets for spelling in spellings(secret)}
    any_of = re.compile(b"|".join(re.escape(each) for each in sorted(spelt, key=len, reverse=True)))
    key_file = folder / STORAGE / "key"
    found = []
    for root in (folder, *others):
        for file in root.rglob("*"):
            inside = file.relative_to(root)
            if file == key_file or inside.parts[0] in PLAYED or not file.is_file():
                continue
            found += [f"{spelt[each]!r} in {inside}" for each in set(any_of.findall(file.read_bytes()))]
    return sorted(found)

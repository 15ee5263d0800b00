"""The store of the accounts' credentials: encrypted, and on disk before they are used.

Home Assistant writes a changed entry about a second later, while a vendor that has issued a new token may no longer
accept the old one. So each change goes to a file of our own first, with a generation number; of entry and file the
higher generation is the newer.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
import json
import os
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import (
    CONF_CREDENTIALS,
    CONF_FOUND,
    CONF_GENERATION,
    CONF_MATCH,
    CONF_PROVIDER,
    DOMAIN,
    LOGGER,
    SEALED_OPTIONS,
)
from .issues import NEWER
from .kernel.errors import Malformed, Unreachable, Unsupported, WrongKey
from .kernel.keys import ENVIRONMENT_KEY, begin_change, finish_change, forget_keys, load_keys
from .kernel.model import Account, JsonValue
from .kernel.records import Records
from .kernel.secret import Credentials
from .kernel.vault import Vault
from .upgrade import is_newer

KEY_FILE: Final = ("camhub", "key")
RECORDS: Final = ("camhub", "credentials")

type EntryData = Mapping[str, Any]


def matched(account: Account) -> str:
    """Return a hash that identifies an account without a unique id."""
    return sha256(account.match.encode()).hexdigest()


def _generation(data: EntryData) -> int:
    return int(data.get(CONF_GENERATION, 0))


class CredentialStore:
    """Encrypts, stores and reads the credentials of every account, one operation at a time."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Set the paths; nothing is read yet."""
        self._hass = hass
        self._key_file = Path(hass.config.path(".storage", *KEY_FILE))
        self._records = Records(Path(hass.config.path(".storage", *RECORDS)))
        # The accounts that have a file; None until the folder is read.
        self._kept: set[str] | None = None
        self._vault: Vault | None = None
        self._turn = asyncio.Lock()
        self._holders: dict[str, EntryTokens] = {}

    async def async_unlock(self) -> None:
        """Read the key on first use; raises WrongKey.

        A new key is created only if nothing has been encrypted yet. An interrupted key rotation is resumed.
        """
        await self._whole(self._unlocked)

    async def async_entry_data(self, key: str, account: Account) -> dict[str, Any]:
        """Return what the entry of a new account stores; raises WrongKey."""
        return await self._whole(lambda: self._data(key, account))

    async def async_replace(self, entry: ConfigEntry[Any], account: Account) -> dict[str, Any]:
        """Store a new login and return the data for the entry; raises WrongKey, Unreachable.

        Whatever still runs on the earlier login can no longer save anything.
        """

        async def replace() -> dict[str, Any]:
            data = await self._data(entry.data[CONF_PROVIDER], account)
            newest = await self._newest(entry)
            data |= {key: entry.data[key] for key in (CONF_FOUND,) if key in entry.data}
            data[CONF_GENERATION] = _generation(newest) + 1
            self._holders.pop(entry.entry_id, None)
            await self._write(entry, data)
            return data

        return await self._whole(replace)

    async def async_read(self, entry: ConfigEntry[Any]) -> Credentials:
        """Return an account's newest credentials; raises WrongKey, Unreachable."""

        async def read() -> Credentials:
            vault = await self._unlocked()
            data = await self._newest(entry)
            opened = json.loads(self._open(vault, data[CONF_CREDENTIALS]))
            if not isinstance(opened, dict):
                raise WrongKey("the sealed value holds no credentials")
            if data != entry.data:
                self._hass.config_entries.async_update_entry(entry, data=data)
            try:
                await self._seal_anew(vault, entry, data)
            except Unreachable as error:
                # It was decrypted; the older key is kept until everything is encrypted with the new one.
                LOGGER.warning("Changing the key has to wait: %s", error)
            return Credentials(opened)

        return await self._whole(read)

    async def async_open(self, entry: ConfigEntry[Any]) -> tuple[Credentials, EntryTokens]:
        """Return an account's newest credentials and the store for changes; raises WrongKey, Unreachable."""
        credentials = await self.async_read(entry)
        tokens = self._holders[entry.entry_id] = EntryTokens(self, entry)
        return credentials, tokens

    async def async_save(
        self, tokens: EntryTokens | EarlierTokens, entry: ConfigEntry[Any], credentials: Mapping[str, JsonValue]
    ) -> None:
        """Store changed credentials; they are on disk when this returns. Raises WrongKey, Unreachable."""

        async def save() -> None:
            if isinstance(tokens, EarlierTokens):
                # The credentials of a running provider are superseded from here on.
                self._holders.pop(entry.entry_id, None)
            elif self._holders.get(entry.entry_id) is not tokens:
                # Reauthenticated or removed meanwhile: these belong to an earlier login.
                return
            if not self._is_there(entry):
                return
            sealed = (await self._unlocked()).seal(json.dumps(dict(credentials)))
            data = {**entry.data, CONF_CREDENTIALS: sealed, CONF_GENERATION: _generation(entry.data) + 1}
            try:
                await self._write(entry, data)
            finally:
                # Even if the disk is full: Home Assistant may still manage to write the only token that works.
                if self._is_there(entry):
                    self._hass.config_entries.async_update_entry(entry, data=data)

        await self._whole(save)

    async def async_seal(self, text: str) -> str:
        """Encrypt a setting that may hold a secret; raises WrongKey."""

        async def seal() -> str:
            return (await self._unlocked()).seal(text)

        return await self._whole(seal)

    async def async_unseal(self, sealed: str) -> str:
        """Decrypt a setting; raises WrongKey."""

        async def unseal() -> str:
            return self._open(await self._unlocked(), sealed)

        return await self._whole(unseal)

    async def async_forget(self, entry_id: str) -> None:
        """Delete the credentials of a removed account, and the key file with the last one; raises Unreachable."""

        async def forget() -> None:
            self._holders.pop(entry_id, None)
            await self._hass.async_add_executor_job(self._records.forget, entry_id)
            if not self._hass.config_entries.async_entries(DOMAIN) and ENVIRONMENT_KEY not in os.environ:
                self._vault = None
                await self._hass.async_add_executor_job(forget_keys, self._key_file)

        await self._whole(forget)

    async def async_rotate_key(self) -> int:
        """Encrypt everything with a new key and return the number of accounts.

        Raises WrongKey (one cannot be decrypted; nothing has changed then), Unsupported, Unreachable. The old key stays
        until the last account is done; an interrupted rotation is resumed by `async_unlock`.
        """
        if ENVIRONMENT_KEY in os.environ:
            raise Unsupported("the key comes from the environment", reason="key_in_environment")

        async def rotate() -> int:
            if self._newer():
                raise WrongKey("an account was stored by a newer CamHub", reason=NEWER)
            vault = await self._unlocked()
            entries = self._entries()
            for entry in entries:
                self._open(vault, (await self._newest(entry))[CONF_CREDENTIALS])
            keys = await self._hass.async_add_executor_job(begin_change, self._key_file)
            self._vault = Vault(keys.current, *keys.older)
            await self._seal_all_anew(self._vault)
            return len(entries)

        return await self._whole(rotate)

    async def _whole[T](self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` exclusively and to its end, even if the caller is cancelled."""

        async def in_turn() -> T:
            async with self._turn:
                return await work()

        return await asyncio.shield(self._hass.async_create_task(in_turn(), f"{DOMAIN} credentials"))

    async def _unlocked(self) -> Vault:
        if self._vault is None:
            create = not self._entries() and not self._newer()
            load = partial(load_keys, os.environ, self._key_file, create=create)
            keys = await self._hass.async_add_executor_job(load)
            vault = self._vault = Vault(keys.current, *keys.older)
            if keys.older:
                try:
                    await self._seal_all_anew(vault)
                except Unreachable as error:
                    # Both keys are available, so everything can be decrypted; the next start tries again.
                    LOGGER.warning("Changing the key has to wait: %s", error)
            return vault
        return self._vault

    def _open(self, vault: Vault, sealed: str) -> str:
        try:
            return vault.open(sealed)
        except WrongKey:
            # Read the key again next time: the user may have put the right one back.
            self._vault = None
            raise

    async def _newest(self, entry: ConfigEntry[Any]) -> EntryData:
        """Return the data of the entry or of the file, whichever is newer; raises Unreachable."""
        if self._kept is None:
            self._kept = await self._hass.async_add_executor_job(self._records.names)
        if entry.entry_id not in self._kept:
            # Most logins never change: startup must not read a file for each of many accounts.
            return entry.data
        try:
            kept = await self._hass.async_add_executor_job(self._records.read, entry.entry_id)
        except Malformed:
            LOGGER.warning("The credentials kept beside the entry %s are damaged; using the entry's own", entry.title)
            kept = None
        return entry.data if kept is None or _generation(kept) <= _generation(entry.data) else kept

    async def _write(self, entry: ConfigEntry[Any], data: EntryData) -> None:
        if self._kept is not None:
            self._kept.add(entry.entry_id)
        await self._hass.async_add_executor_job(self._records.write, entry.entry_id, data)

    async def _seal_all_anew(self, vault: Vault) -> None:
        """Encrypt everything with the new key; then it replaces the old one.

        What a newer CamHub has stored may still need the old key.
        """
        done = not self._newer()
        for entry in self._entries():
            try:
                await self._seal_anew(vault, entry, await self._newest(entry))
            except WrongKey as error:
                # Neither key decrypts it. The entry reports that itself when it is set up.
                LOGGER.warning("Not sealed anew: %s (%s)", entry.title, error.reason)
                done = done and error.reason != NEWER
        if done and ENVIRONMENT_KEY not in os.environ:
            await self._hass.async_add_executor_job(finish_change, self._key_file)

    async def _seal_anew(self, vault: Vault, entry: ConfigEntry[Any], data: EntryData) -> None:
        """Encrypt an account's credentials with the current key, unless they are; raises WrongKey, Unreachable."""
        settings = {option: self._seal_setting_anew(vault, entry, data, option) for option in SEALED_OPTIONS}
        if (sealed := vault.reseal(data[CONF_CREDENTIALS])) is None:
            return
        # Encrypted settings are copied along: Home Assistant writes the entry only after the old key is gone.
        data = {**data, CONF_CREDENTIALS: sealed, CONF_GENERATION: _generation(data) + 1, **settings}
        await self._write(entry, data)
        self._hass.config_entries.async_update_entry(entry, data=data)

    def _seal_setting_anew(self, vault: Vault, entry: ConfigEntry[Any], data: EntryData, option: str) -> str:
        """Encrypt an account's setting with the current key and return it, empty if there is none.

        One that no key decrypts is restored from the copy beside the credentials, or left for the user to enter again.
        """
        if not (setting := str(entry.options.get(option, ""))):
            return ""
        for known in (setting, str(data.get(option, ""))):
            with suppress(WrongKey):
                sealed = vault.reseal(known) or known
                if sealed != setting:
                    self._hass.config_entries.async_update_entry(entry, options={**entry.options, option: sealed})
                return sealed
        return ""

    async def _data(self, key: str, account: Account) -> dict[str, Any]:
        vault = await self._unlocked()
        return {
            CONF_PROVIDER: key,
            CONF_MATCH: matched(account),
            CONF_CREDENTIALS: vault.seal(json.dumps(dict(account.credentials))),
        }

    def _entries(self) -> list[ConfigEntry[Any]]:
        """Return the accounts with encrypted data, except those that only a newer CamHub can read."""
        entries = self._hass.config_entries.async_entries(DOMAIN)
        return [entry for entry in entries if CONF_CREDENTIALS in entry.data and not is_newer(entry)]

    def _newer(self) -> bool:
        return any(map(is_newer, self._hass.config_entries.async_entries(DOMAIN)))

    def _is_there(self, entry: ConfigEntry[Any]) -> bool:
        return self._hass.config_entries.async_get_entry(entry.entry_id) is entry


class EntryTokens:
    """The token store of an account's provider."""

    def __init__(self, store: CredentialStore, entry: ConfigEntry[Any]) -> None:
        """Remember the account."""
        self._store = store
        self._entry = entry

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Store the whole set; nothing reloads, since there is no update listener. Raises WrongKey, Unreachable."""
        await self._store.async_save(self, self._entry, credentials)


class EarlierTokens:
    """The token store of a sign-in for changes of the account's present credentials."""

    def __init__(self, store: CredentialStore, entry: ConfigEntry[Any]) -> None:
        """Remember the account."""
        self._store = store
        self._entry = entry
        self.changed = False

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Store the whole set; a provider that runs on earlier ones saves no more. Raises WrongKey, Unreachable."""
        self.changed = True
        await self._store.async_save(self, self._entry, credentials)

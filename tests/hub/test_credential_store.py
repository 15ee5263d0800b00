import asyncio
from collections.abc import Mapping
from contextlib import suppress
import json
from pathlib import Path
import random
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.camhub import async_setup
from custom_components.camhub.const import CONF_CREDENTIALS, CONF_GENERATION, DOMAIN, OPTION_BROWSERS
from custom_components.camhub.credential_store import CredentialStore
from custom_components.camhub.kernel.errors import Unreachable, WrongKey
from custom_components.camhub.kernel.keys import begin_change
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.records import Records
from custom_components.camhub.kernel.vault import Vault
from custom_components.camhub.runtime import SHARED, async_replace_login

from .conftest import CREDENTIALS, AddAccount, credentials_of
from .fake_provider import PASSWORD, SERIAL, FakeSpec

OLD, NEW = "ab" * 32, "cd" * 32


def record_of(hass: HomeAssistant, entry: MockConfigEntry) -> Path:
    return Path(hass.config.path(".storage", "camhub", "credentials", entry.entry_id))


def key_of(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", "camhub", "key"))


async def restart(hass: HomeAssistant, entry: MockConfigEntry, written: Mapping[str, Any]) -> Mapping[str, JsonValue]:
    """Start anew with what Home Assistant had written of the entry; return what the provider is opened with."""
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(entry, data=written)
    hass.data[SHARED].store = CredentialStore(hass)
    await async_setup(hass, {})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return await credentials_of(hass, entry)


async def test_changed_credentials_are_on_disk_when_saved_and_do_not_reload(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    before = dict(entry.data)
    await fake.provider.context.tokens.save({"password": "rotated"})
    kept = json.loads(record_of(hub, entry).read_text())
    assert kept == {"format": 1, **entry.data}
    assert kept[CONF_GENERATION] == 1
    assert "rotated" not in str(kept)
    assert await credentials_of(hub, entry) == {"password": "rotated"}
    assert len(fake.opened) == 1
    # Home Assistant dies before it writes the entry.
    assert await restart(hub, entry, before) == {"password": "rotated"}
    assert fake.provider.context.credentials["password"] == "rotated"
    assert {"format": 1, **entry.data} == kept


async def test_the_entry_wins_where_it_is_newer(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    await fake.provider.context.tokens.save({"password": "first"})
    older = record_of(hub, entry).read_bytes()
    await fake.provider.context.tokens.save({"password": "second"})
    record_of(hub, entry).write_bytes(older)
    assert await restart(hub, entry, dict(entry.data)) == {"password": "second"}
    await fake.provider.context.tokens.save({"password": "third"})
    assert await restart(hub, entry, dict(entry.data)) == {"password": "third"}


async def test_no_older_token_comes_back_whenever_it_dies(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round saves, and dies before, within or after; Home Assistant has written the entry or not."""
    entry, chance, last = await add_account(), random.Random(4), 0
    written = dict(entry.data)
    write = Records.write

    def dying(self: Records, name: str, record: Mapping[str, JsonValue]) -> None:
        if when == "after the file":
            write(self, name, record)
        raise _Died

    for number in range(1, 41):
        when = chance.choice(["not at all", "before the file", "after the file"])
        async_update = hub.config_entries.async_update_entry
        with monkeypatch.context() as patch:
            if when != "not at all":
                patch.setattr(hub.config_entries, "async_update_entry", lambda *_, **__: None)
                patch.setattr(Records, "write", dying)
            with suppress(_Died):
                await fake.provider.context.tokens.save({"password": str(number)})
        assert hub.config_entries.async_update_entry == async_update
        last = last if when == "before the file" else number
        if when == "not at all" and chance.random() < 0.5:
            written = dict(entry.data)
        if when != "not at all" or chance.random() < 0.3:
            found = await restart(hub, entry, written)
            assert found.get("password") == (str(last) if last else PASSWORD)


class _Died(Exception):
    pass


async def test_the_disk_is_asked_once_for_all_whose_login_never_changed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = Records.read

    def counted(self: Records, name: str) -> Mapping[str, JsonValue] | None:
        asked.append(name)
        return read(self, name)

    monkeypatch.setattr(Records, "read", counted)
    entry = await add_account()
    await add_account(title="Other", unique_id="other")
    assert await restart(hub, entry, dict(entry.data)) == CREDENTIALS
    assert asked == []
    await fake.provider.context.tokens.save({"password": "rotated"})
    await hub.config_entries.async_reload(entry.entry_id)
    assert asked == [entry.entry_id]


async def test_a_damaged_file_leaves_the_entrys_own(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account()
    await fake.provider.context.tokens.save({"password": "rotated"})
    record_of(hub, entry).write_text("{")
    assert await restart(hub, entry, dict(entry.data)) == {"password": "rotated"}
    assert "damaged" in caplog.text


async def test_a_file_that_cannot_be_read_is_waited_for(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(setup=False)
    record_of(hub, entry).mkdir(parents=True)
    await hub.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "store_unreadable"
    form = await entry.start_reconfigure_flow(hub)
    assert form["reason"] == "store_unreadable"


async def test_a_full_disk_is_told_and_the_newest_token_is_not_lost(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Records, name: str, record: Mapping[str, JsonValue]) -> None:
        raise Unreachable("full", reason="not_stored")

    entry = await add_account()
    with monkeypatch.context() as patch:
        patch.setattr(Records, "write", full)
        with pytest.raises(Unreachable):
            await fake.provider.context.tokens.save({"password": "rotated"})
    assert await credentials_of(hub, entry) == {"password": "rotated"}
    assert await restart(hub, entry, dict(entry.data)) == {"password": "rotated"}


async def test_a_save_goes_on_when_whoever_asked_goes_away(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    async with hub.data[SHARED].store._turn:
        saving = asyncio.ensure_future(fake.provider.context.tokens.save({"password": "rotated"}))
        await asyncio.sleep(0)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    await hub.async_block_till_done()
    assert await credentials_of(hub, entry) == {"password": "rotated"}
    assert json.loads(record_of(hub, entry).read_text()) == {"format": 1, **entry.data}


async def test_a_login_that_was_replaced_saves_nothing_any_more(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    tokens = fake.provider.context.tokens
    account = Account(title="Home", unique_id=SERIAL, match="m", credentials={"password": "typed"})
    data = await async_replace_login(hub, entry, account)
    await tokens.save({"password": "of the old session"})
    # Dies before Home Assistant has heard of the new login.
    assert await restart(hub, entry, dict(entry.data)) == {"password": "typed"}
    assert entry.data == data


async def test_a_removed_account_leaves_nothing_behind(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    tokens = fake.provider.context.tokens
    await tokens.save({"password": "rotated"})
    assert record_of(hub, entry).exists()
    await hub.config_entries.async_remove(entry.entry_id)
    await tokens.save({"password": "late"})
    assert not record_of(hub, entry).exists()


async def test_an_account_that_goes_while_its_token_is_saved_is_gone(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_account()
    before, write = entry.data, Records.write

    def meanwhile(self: Records, name: str, record: Mapping[str, JsonValue]) -> None:
        write(self, name, record)
        monkeypatch.setattr(hub.config_entries, "async_get_entry", lambda _: None)

    monkeypatch.setattr(Records, "write", meanwhile)
    await fake.provider.context.tokens.save({"password": "rotated"})
    monkeypatch.undo()
    assert entry.data == before


async def rotate(hass: HomeAssistant) -> int:
    answer = await hass.services.async_call(DOMAIN, "rotate_key", {}, blocking=True, return_response=True)
    assert answer is not None
    return int(str(answer["accounts"]))


async def test_all_is_sealed_anew_with_a_new_key(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    other = await add_account(title="Other", unique_id="other", disabled_by=ConfigEntryDisabler.USER, setup=False)
    written, old = dict(entry.data), key_of(hub).read_text()
    await fake.provider.context.tokens.save({"password": "rotated"})
    assert await rotate(hub) == 2
    new = key_of(hub).read_text()
    assert new != old
    assert not key_of(hub).with_name("key.next").exists()
    vault = Vault(bytes.fromhex(new.strip()))
    assert json.loads(vault.open(entry.data[CONF_CREDENTIALS])) == {"password": "rotated"}
    assert json.loads(vault.open(other.data[CONF_CREDENTIALS])) == CREDENTIALS
    # The provider goes on with the new key.
    await fake.provider.context.tokens.save({"password": "later"})
    assert len(fake.opened) == 1
    # What Home Assistant had written was sealed with the old key; the files are newer.
    assert await restart(hub, entry, written) == {"password": "later"}


async def test_a_sealed_setting_survives_a_crash_after_the_change(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    store = hub.data[SHARED].store
    sealed = await store.async_seal("ws://192.0.2.7:3000/?token=a")
    entry = await add_account(options={OPTION_BROWSERS: sealed})
    written = dict(entry.data)
    await rotate(hub)
    assert entry.options[OPTION_BROWSERS] != sealed
    # Dies before Home Assistant has written the entry: data and options are those of the old key.
    for options in ({OPTION_BROWSERS: sealed}, {OPTION_BROWSERS: "not sealed by anybody"}, {}):
        hub.config_entries.async_update_entry(entry, options=options)
        await restart(hub, entry, written)
        assert set(entry.options) == set(options)
        for setting in entry.options.values():
            assert await hub.data[SHARED].store.async_unseal(setting) == "ws://192.0.2.7:3000/?token=a"


async def test_a_setting_that_no_key_opens_stays_as_it_is(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    alien = Vault(bytes(32)).seal("x")
    entry = await add_account(options={OPTION_BROWSERS: alien})
    await rotate(hub)
    assert entry.options == {OPTION_BROWSERS: alien}


@pytest.mark.parametrize("sealed", [0, 1, 2])
async def test_a_change_of_keys_that_was_cut_short_goes_on(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch, sealed: int
) -> None:
    entry = await add_account()
    other = await add_account(title="Other", unique_id="other", disabled_by=ConfigEntryDisabler.USER, setup=False)
    written = dict(entry.data)
    write, left = Records.write, sealed

    def full(self: Records, name: str, record: Mapping[str, JsonValue]) -> None:
        nonlocal left
        if left == 0:
            raise Unreachable("full", reason="not_stored")
        left -= 1
        write(self, name, record)

    with monkeypatch.context() as patch:
        patch.setattr(Records, "write", full)
        patch.setattr(
            "custom_components.camhub.credential_store.finish_change", lambda _: full(Records(Path()), "", {})
        )
        with pytest.raises(HomeAssistantError) as caught:
            await rotate(hub)
        assert caught.value.translation_key == "not_stored"
        assert await credentials_of(hub, entry) == CREDENTIALS
        # The disk is still full at the next start: both keys are there, so all opens.
        assert await restart(hub, entry, written) == CREDENTIALS
    assert key_of(hub).with_name("key.next").exists()
    assert await restart(hub, entry, written) == CREDENTIALS
    assert not key_of(hub).with_name("key.next").exists()
    vault = Vault(bytes.fromhex(key_of(hub).read_text().strip()))
    assert json.loads(vault.open(other.data[CONF_CREDENTIALS])) == CREDENTIALS
    assert json.loads(vault.open(entry.data[CONF_CREDENTIALS])) == CREDENTIALS


async def test_nothing_changes_while_one_account_does_not_open(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    alien = Vault(bytes(32)).seal("{}")
    other = await add_account(
        title="Other", unique_id="other", data={**entry.data, CONF_CREDENTIALS: alien}, setup=False
    )
    before, key = dict(entry.data), key_of(hub).read_text()
    with pytest.raises(HomeAssistantError) as caught:
        await rotate(hub)
    assert caught.value.translation_key == "wrong_key"
    assert (dict(entry.data), key_of(hub).read_text()) == (before, key)
    # One that neither key opens does not keep a change that has begun from its end.
    begin_change(key_of(hub))
    assert await restart(hub, entry, before) == CREDENTIALS
    assert not key_of(hub).with_name("key.next").exists()
    assert other.data[CONF_CREDENTIALS] == alien


async def test_a_key_in_the_environment_is_changed_there(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", OLD)
    entry = await add_account()
    with pytest.raises(ServiceValidationError) as caught:
        await rotate(hub)
    assert caught.value.translation_key == "key_in_environment"
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", NEW)
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY_OLD", OLD)
    assert await restart(hub, entry, dict(entry.data)) == CREDENTIALS
    monkeypatch.delenv("CAMHUB_ENCRYPTION_KEY_OLD")
    assert await restart(hub, entry, dict(entry.data)) == CREDENTIALS
    assert Vault(bytes.fromhex(NEW)).reseal(entry.data[CONF_CREDENTIALS]) is None
    assert not key_of(hub).exists()


def ours(issues: ir.IssueRegistry) -> set[str | None]:
    return {issue.translation_key for (domain, _), issue in issues.issues.items() if domain == DOMAIN}


async def test_a_wrong_key_is_a_repair_and_the_right_one_ends_it(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    entry = await add_account()
    await fake.provider.context.tokens.save(CREDENTIALS)
    before, right, kept = dict(entry.data), key_of(hub).read_text(), record_of(hub, entry).read_bytes()
    key_of(hub).write_text(OLD)
    await hub.config_entries.async_unload(entry.entry_id)
    hub.data[SHARED].store = CredentialStore(hub)
    assert not await hub.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "wrong_key"
    assert ours(issue_registry) == {"login_unreadable"}
    assert (dict(entry.data), record_of(hub, entry).read_bytes()) == (before, kept)
    # The right key is put back; a reload is enough.
    key_of(hub).write_text(right)
    assert await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert ours(issue_registry) == set()


async def test_a_setting_opens_again_once_the_right_key_is_put_back(hub: HomeAssistant) -> None:
    sealed = await hub.data[SHARED].store.async_seal("word")
    right = key_of(hub).read_text()
    key_of(hub).write_text(OLD)
    store = CredentialStore(hub)
    with pytest.raises(WrongKey):
        await store.async_unseal(sealed)
    key_of(hub).write_text(right)
    assert await store.async_unseal(sealed) == "word"


async def test_something_else_that_was_sealed_is_no_login(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    entry = await add_account(setup=False)
    vault = Vault(bytes.fromhex(key_of(hub).read_text().strip()))
    hub.config_entries.async_update_entry(entry, data={**entry.data, CONF_CREDENTIALS: vault.seal("[]")})
    assert not await hub.config_entries.async_setup(entry.entry_id)
    assert ours(issue_registry) == {"login_unreadable"}


async def test_a_lost_key_is_a_repair_until_it_is_back(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = await add_account()
    key = key_of(hub).read_text()
    key_of(hub).unlink()
    await hub.config_entries.async_unload(entry.entry_id)
    hub.data[SHARED].store = CredentialStore(hub)
    await async_setup(hub, {})
    assert "cannot be opened" in caplog.text
    await hub.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "key_missing"
    assert ours(issue_registry) == {"key_missing"}
    assert not key_of(hub).exists()
    form = await entry.start_reconfigure_flow(hub)
    assert form["reason"] == "key_missing"
    key_of(hub).write_text(key)
    await hub.config_entries.async_reload(entry.entry_id)
    await hub.async_block_till_done()
    assert ours(issue_registry) == set()

"""What older versions have stored is taken over, what newer ones have stored is refused in words and left alone."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.camhub.config_flow import CamHubConfigFlow
from custom_components.camhub.const import DOMAIN
from custom_components.camhub.diagnostics import async_get_config_entry_diagnostics
from custom_components.camhub.limits import METER
from custom_components.camhub.runtime import SHARED

from .conftest import AddAccount
from .fake_provider import PASSWORD, FakeSpec

RELEASED = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "released").iterdir())}
KEY = "ab" * 32


def storage(hass: HomeAssistant, *names: str) -> Path:
    file = Path(hass.config.path(".storage", *names))
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def lay_out(hass: HomeAssistant, released: Mapping[str, Any], stored: dict[str, Any]) -> MockConfigEntry:
    """Put down what a version has left on the disk."""
    entry = MockConfigEntry(domain=DOMAIN, **released["entry"])
    entry.add_to_hass(hass)
    storage(hass, "camhub", "key").write_text(f"{released['key']}\n")
    storage(hass, "camhub", "credentials", entry.entry_id).write_text(json.dumps(released["record"]))
    name = sha256(b"released/yard").hexdigest()
    storage(hass, "camhub", "pictures", f"{name}.picture").write_bytes(b64decode(released["picture"]))
    stored["camhub.usage"] = released["usage"]
    return entry


@pytest.mark.parametrize("released", RELEASED.values(), ids=RELEASED)
async def test_what_a_released_version_stored_is_taken_over(
    hass: HomeAssistant, fake: FakeSpec, hass_storage: dict[str, Any], released: Mapping[str, Any]
) -> None:
    entry = lay_out(hass, released, hass_storage)
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert (entry.version, entry.minor_version) == (CamHubConfigFlow.VERSION, CamHubConfigFlow.MINOR_VERSION)
    # The file beside the entry counts higher.
    assert fake.provider.context.credentials.text("password") == "the newest example"
    assert entry.runtime_data.picture_age == entry.options["picture_age"]
    assert entry.runtime_data.data["yard"].still_floor == 60
    kept = await hass.data[SHARED].album.read("released/yard")
    assert kept is not None
    assert kept.taken_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert ir.async_get(hass).issues == {}


def test_the_first_release_is_among_them() -> None:
    assert next(iter(RELEASED)) == "0.1.0"


async def newer_account(hass: HomeAssistant) -> MockConfigEntry:
    """Add what a newer CamHub may have stored."""
    data = {"kind": "mjpeg", "vault": {"format": 9, "sealed": "of another shape"}}
    entry = MockConfigEntry(domain=DOMAIN, title="Later", version=CamHubConfigFlow.VERSION + 1, data=data)
    entry.add_to_hass(hass)
    return entry


async def test_an_account_of_a_newer_version_is_said_and_left(
    hass: HomeAssistant, fake: FakeSpec, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await newer_account(hass)
    before = dict(entry.data)
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert (dict(entry.data), fake.opened) == (before, [])
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"stored_newer_{entry.entry_id}")
    assert issue is not None
    assert (issue.translation_key, issue.is_fixable) == ("stored_newer", False)
    assert issue.translation_placeholders == {"account": "Later"}
    assert "Later was stored by a newer CamHub" in caplog.text
    health = await async_get_config_entry_diagnostics(hass, entry)
    assert (health["version"], health["state"]) == ("2.1", "migration_error")
    answer = await hass.services.async_call(DOMAIN, "status", {}, blocking=True, return_response=True)
    assert answer is not None
    assert str(answer["accounts"]).count("Later") == 1
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
    )
    assert (flow["type"], flow["reason"]) == ("abort", "stored_newer")
    # There may be something sealed with a key that is lost: none is made in its place.
    assert not storage(hass, "camhub", "key").exists()


async def test_one_of_a_newer_minor_version_can_be_read(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(minor_version=CamHubConfigFlow.MINOR_VERSION + 1)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_newer_account_can_be_removed(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await newer_account(hub)
    await hub.config_entries.async_remove(entry.entry_id)
    assert hub.config_entries.async_entries(DOMAIN) == []
    assert "could not be taken away (stored_newer)" in caplog.text
    assert "Error calling entry remove callback" not in caplog.text


async def test_the_key_is_not_changed_while_a_newer_account_may_need_it(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    await add_account()
    key = storage(hub, "camhub", "key")
    written = key.read_text()
    await newer_account(hub)
    with pytest.raises(HomeAssistantError) as caught:
        await hub.services.async_call(DOMAIN, "rotate_key", {}, blocking=True, return_response=True)
    assert caught.value.translation_key == "stored_newer"
    assert key.read_text() == written
    assert not key.with_name("key.next").exists()


async def test_the_old_key_stays_while_a_newer_login_may_need_it(
    hass: HomeAssistant, fake: FakeSpec, hass_storage: dict[str, Any]
) -> None:
    released = RELEASED["0.1.0"]
    entry = lay_out(hass, released, hass_storage)
    record = storage(hass, "camhub", "credentials", entry.entry_id)
    record.write_text(json.dumps({"format": 2, "sealed": "of another shape"}))
    written = record.read_bytes()
    beside = storage(hass, "camhub", "key.next")
    beside.write_text(f"{KEY}\n")
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "stored_newer"
    assert (dict(entry.data), record.read_bytes()) == (released["entry"]["data"], written)
    assert (storage(hass, "camhub", "key").read_text().strip(), beside.read_text().strip()) == (released["key"], KEY)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"stored_newer_{entry.entry_id}")
    assert issue is not None
    assert not issue.is_fixable


async def test_signing_in_anew_does_not_overwrite_a_newer_login(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(setup=False)
    record = storage(hub, "camhub", "credentials", entry.entry_id)
    record.write_text('{"format": 2}')
    await hub.config_entries.async_setup(entry.entry_id)
    await hub.async_block_till_done()
    flow = await entry.start_reconfigure_flow(hub)
    answers = {"address": "http://192.0.2.9", "username": "porter", "password": PASSWORD, "verify_tls": True}
    flow = await hub.config_entries.flow.async_configure(flow["flow_id"], answers)
    flow = await hub.config_entries.flow.async_configure(flow["flow_id"], {"name": "Found"})
    assert (flow["type"], flow["reason"]) == ("abort", "stored_newer")
    assert record.read_text() == '{"format": 2}'


async def test_counts_of_a_newer_version_are_left(
    hass: HomeAssistant, fake: FakeSpec, hass_storage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    newer = {"version": 2, "minor_version": 1, "key": "camhub.usage", "data": {"of": "another shape"}}
    hass_storage["camhub.usage"] = dict(newer)
    assert await async_setup_component(hass, DOMAIN, {})
    hass.data[METER].usage("account", "user")
    hass.data[METER].forget("account")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done()
    assert "it is left as it is" in caplog.text
    assert hass_storage["camhub.usage"] == newer


async def test_the_last_account_takes_the_key_along(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    first, second = await add_account(), await add_account(title="Other", unique_id="other")
    key = storage(hub, "camhub", "key")
    hub.data[METER].usage(first.entry_id, "user")
    await hub.config_entries.async_remove(first.entry_id)
    assert key.exists()
    assert hub.data[METER].all() == {}
    album = hub.data[SHARED].album
    await album.refresh(second.runtime_data.picture_key("yard"), fake.provider.stills)
    await hub.config_entries.async_remove(second.entry_id)
    assert not key.exists()
    assert list(storage(hub, "camhub", "credentials").parent.glob("credentials/*")) == []
    await album.close()
    assert list(storage(hub, "camhub", "pictures").glob("*")) == []
    # The next one begins anew.
    third = await add_account()
    assert third.state is ConfigEntryState.LOADED
    assert key.exists()


async def test_a_key_of_the_environment_leaves_the_file_alone(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_account()
    key = storage(hub, "camhub", "key")
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", KEY)
    await hub.config_entries.async_remove(entry.entry_id)
    assert key.exists()

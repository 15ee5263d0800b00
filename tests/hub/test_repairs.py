from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.issues import async_raise
from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.model import CredentialState, TokenStatus
from custom_components.camhub.repairs import SignInAgainFlow, async_create_fix_flow

from .conftest import AddAccount
from .fake_provider import PASSWORD, FakeProvider, FakeRtsp, FakeSpec, FakeWebRtc

ANSWERS = {"address": "http://192.0.2.9", "username": "porter", "password": PASSWORD, "verify_tls": True}


def ours(issues: ir.IssueRegistry) -> set[str | None]:
    return {issue.translation_key for (domain, _), issue in issues.issues.items() if domain == DOMAIN}


def token(provider: FakeProvider, state: CredentialState, days: float) -> TokenStatus:
    return TokenStatus(state=state, expires_at=provider.context.clock.now() + timedelta(days=days))


@pytest.mark.parametrize(
    ("state", "days", "expected"),
    [
        (CredentialState.OK, 8, set()),
        (CredentialState.OK, 6, {"credential_expiring"}),
        (CredentialState.EXPIRING, 20, {"credential_expiring"}),
        (CredentialState.EXPIRED, -1, {"credential_expired"}),
    ],
)
async def test_a_login_about_to_end_is_announced(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    state: CredentialState,
    days: float,
    expected: set[str],
) -> None:
    def ending(provider: FakeProvider) -> None:
        provider.status = token(provider, state, days)

    fake.prepare = ending
    entry = await add_account()
    assert ours(issue_registry) == expected
    assert hub.states.get("sensor.home_login_expires") is not None
    fake.provider.status = token(fake.provider, CredentialState.OK, 90)
    fake.provider.listed = [fake.provider.camera("yard", online=None)]
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == set()


async def test_an_endless_login_that_is_to_be_renewed_is_announced(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    def ended(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.EXPIRED)

    fake.prepare = ended
    entry = await add_account()
    assert ours(issue_registry) == {"credential_expired"}
    await hub.config_entries.async_remove(entry.entry_id)
    assert ours(issue_registry) == set()


async def test_the_repair_leads_into_the_sign_in(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    hass_client: ClientSessionGenerator,
) -> None:
    def ended(provider: FakeProvider) -> None:
        provider.status = TokenStatus(state=CredentialState.EXPIRED)

    assert await async_setup_component(hub, REPAIRS, {})
    fake.prepare = ended
    entry = await add_account()
    client = await hass_client()
    issue_id = f"credential_expired_{entry.entry_id}"
    shown = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
    assert shown.status == HTTPStatus.OK
    form = await shown.json()
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"]["account"] == "Home"
    done = await (await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})).json()
    kind, flow_id = done["next_flow"]
    assert kind == "config_flow"
    assert ours(issue_registry) == {"credential_expired"}
    fake.prepare = lambda _: None
    await hub.config_entries.flow.async_configure(flow_id, ANSWERS)
    await hub.config_entries.flow.async_configure(flow_id, {"name": "Home"})
    await hub.async_block_till_done()
    assert ours(issue_registry) == set()


async def test_the_repair_of_a_refused_login_says_why_and_leads_into_the_dialog_that_is_open(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    issue_registry: ir.IssueRegistry,
    hass_client: ClientSessionGenerator,
) -> None:
    assert await async_setup_component(hub, REPAIRS, {})
    entry = await add_account()
    fake.provider.cameras_error = AuthError()
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done()
    (open_already,) = hub.config_entries.flow.async_progress()
    client = await hass_client()
    issue = {"handler": DOMAIN, "issue_id": f"credential_refused_{entry.entry_id}"}
    form = await (await client.post("/api/repairs/issues/fix", json=issue)).json()
    assert form["description_placeholders"]["reason"].startswith("The user name or password is wrong.")
    done = await (await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})).json()
    assert done["next_flow"] == ["config_flow", open_already["flow_id"]]
    assert len(hub.config_entries.flow.async_progress()) == 1


async def test_mending_is_not_held_up_by_a_dialog_left_open(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    left_open = await entry.start_reconfigure_flow(hub)
    flow = hub.config_entries.flow
    await flow.async_configure(left_open["flow_id"], ANSWERS)
    form = await entry.start_reauth_flow(hub)
    await flow.async_configure(form["flow_id"], ANSWERS)
    done = await flow.async_configure(form["flow_id"], {"name": "Home"})
    assert done["reason"] == "reauth_successful"
    await hub.async_block_till_done()


async def test_a_repair_of_a_removed_account_ends_at_once(hub: HomeAssistant) -> None:
    flow = await async_create_fix_flow(hub, "credential_expired_x", {"entry_id": "x"})
    assert isinstance(flow, SignInAgainFlow)
    flow.hass = hub
    flow.handler = DOMAIN
    flow.flow_id = "f"
    flow.context = {}
    assert (await flow.async_step_init())["type"] == "create_entry"


async def mend(hass: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry, problem: str) -> Any:
    """Go through the repair of a problem; returns what stands on the screen then."""
    async_raise(hass, entry, f"{problem}_{entry.entry_id}", problem)
    issue = {"handler": DOMAIN, "issue_id": f"{problem}_{entry.entry_id}"}
    form = await (await client.post("/api/repairs/issues/fix", json=issue)).json()
    assert (form["step_id"], form["description_placeholders"]["account"]) == ("confirm", "Home")
    done = await (await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})).json()
    kind, flow_id = done["next_flow"]
    assert (done["reason"], kind) == ("settings", "options_flow")
    return hass.config_entries.options.async_get(flow_id)


@pytest.mark.parametrize(
    ("problem", "page"),
    [
        ("archive_failing", "archive"),
        ("archive_open", "archive"),
        ("archive_unreadable", "archive"),
        ("browsers_unreadable", "capture"),
        ("disk_full", "recordings_kept"),
        ("recognition_keys_unreadable", "recognition"),
        ("recognition_no_collection", "recognition"),
        ("recognition_refused", "recognition"),
        ("recordings_open", "recordings_kept"),
    ],
)
async def test_what_a_setting_mends_leads_to_its_page(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    problem: str,
    page: str,
) -> None:
    def able(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", rtsp=FakeRtsp(), webrtc=FakeWebRtc())]

    assert await async_setup_component(hub, REPAIRS, {})
    fake.prepare = able
    entry, client = await add_account(), await hass_client()
    assert (await mend(hub, client, entry, problem))["step_id"] == page
    # A page that does not open while the account is closed leaves the list of them all.
    assert await hub.config_entries.async_unload(entry.entry_id)
    shown = await mend(hub, client, entry, problem)
    assert shown["step_id"] == {"capture": "init", "recognition": "init"}.get(page, page)


async def test_what_a_camera_says_is_wrong_becomes_an_issue(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    def encrypted(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", problems=("video_encrypted",))]

    fake.prepare = encrypted
    entry = await add_account()
    assert ours(issue_registry) == {"video_encrypted"}
    fake.provider.listed = [fake.provider.camera("yard")]
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == set()


async def test_what_is_wrong_with_an_account_is_said_until_it_is_right(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, issue_registry: ir.IssueRegistry
) -> None:
    def troubled(provider: FakeProvider) -> None:
        provider.troubles = ["video_encrypted"]

    fake.prepare = troubled
    entry = await add_account()
    issue = issue_registry.async_get_issue(DOMAIN, f"video_encrypted_{entry.entry_id}")
    assert issue is not None
    assert issue.translation_placeholders == {"account": "Home"}
    fake.provider.troubles.clear()
    fake.provider.listed = [fake.provider.camera("yard", online=None)]
    await entry.runtime_data.async_refresh()
    assert ours(issue_registry) == set()

import asyncio
from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.config_flow import CamHubConfigFlow
from custom_components.camhub.const import CONF_CREDENTIALS, CONF_MATCH, CONF_PROVIDER, DOMAIN
from custom_components.camhub.credential_store import EarlierTokens
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import Account
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.signin import Ask, Field, FieldKind, Form
from custom_components.camhub.kernel.spec import ProviderSpec
from custom_components.camhub.providers import PROVIDERS
from custom_components.camhub.runtime import SHARED

from .conftest import CREDENTIALS, AddAccount, credentials_of
from .fake_provider import PASSWORD, FakeSpec
from .people import person, token_of

REST = ("archive", "recognition", "viewers", "limits", "credentials")
ADDRESS = {"address": "http://192.0.2.9", "username": "porter", "password": PASSWORD, "verify_tls": True}


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert menu["type"] is FlowResultType.MENU
    return await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "mjpeg"})


async def answer(hass: HomeAssistant, flow: ConfigFlowResult, answers: Mapping[str, Any]) -> ConfigFlowResult:
    return await hass.config_entries.flow.async_configure(flow["flow_id"], dict(answers))


def fields(form: ConfigFlowResult) -> dict[str, Any]:
    """Return what each field of a form is described by."""
    schema = form["data_schema"]
    assert schema is not None
    return {str(key): key.description for key in schema.schema}


async def test_menu_offers_every_provider(hub: HomeAssistant) -> None:
    menu = await hub.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert menu["menu_options"] == [*PROVIDERS, "import_sealed"]


async def test_a_page_that_is_submitted_twice_at_once(hub: HomeAssistant, fake: FakeSpec) -> None:
    form = await begin(hub)
    pages = await asyncio.gather(answer(hub, form, ADDRESS), answer(hub, form, ADDRESS))
    assert [page["step_id"] for page in pages] == ["mjpeg_confirm"] * 2
    made = await answer(hub, pages[1], {"name": "Garden"})
    assert made["type"] is FlowResultType.CREATE_ENTRY


async def test_account_is_added_page_by_page(hub: HomeAssistant, fake: FakeSpec) -> None:
    form = await begin(hub)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "mjpeg_address"
    confirm = await answer(hub, form, ADDRESS)
    assert confirm["step_id"] == "mjpeg_confirm"
    made = await answer(hub, confirm, {"name": "Garden"})
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["title"] == "Garden"
    entry = made["result"]
    assert entry.unique_id == "mjpeg_FAKE0001porter"
    assert set(entry.data) == {CONF_PROVIDER, CONF_MATCH, CONF_CREDENTIALS}
    assert PASSWORD not in str(entry.data)
    assert "192.0.2.9" not in str(entry.data)
    assert await credentials_of(hub, entry) == ADDRESS
    await hub.async_block_till_done()


async def test_the_first_dialog_comes_before_the_first_setup(hass: HomeAssistant, fake: FakeSpec) -> None:
    confirm = await answer(hass, await begin(hass), ADDRESS)
    made = await answer(hass, confirm, {"name": "Garden"})
    assert made["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert hass.states.get("camera.yard") is not None


async def test_wrong_password_is_told_and_the_rest_stays(hub: HomeAssistant, fake: FakeSpec) -> None:
    form = await begin(hub)
    again = await answer(hub, form, {**ADDRESS, "password": "wrong"})
    assert again["errors"] == {"base": "invalid_auth"}
    assert again["step_id"] == "mjpeg_address"
    suggestions = fields(again)
    assert suggestions["address"] == {"suggested_value": "http://192.0.2.9"}
    assert suggestions["password"] is None
    confirm = await answer(hub, again, ADDRESS)
    assert confirm["step_id"] == "mjpeg_confirm"


async def test_unreachable_is_told(hub: HomeAssistant, fake: FakeSpec) -> None:
    form = await begin(hub)
    again = await answer(hub, form, {**ADDRESS, "address": "http://192.0.2.66"})
    assert again["errors"] == {"base": "cannot_connect"}


async def test_the_same_device_is_not_added_twice(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    await add_account()
    confirm = await answer(hub, await begin(hub), ADDRESS)
    done = await answer(hub, confirm, {"name": "Again"})
    assert done["type"] is FlowResultType.ABORT
    assert done["reason"] == "already_configured"


async def test_a_device_without_serial_is_known_by_its_address(hub: HomeAssistant, fake: FakeSpec) -> None:
    nobody = {**ADDRESS, "username": "nobody"}
    made = await answer(hub, await answer(hub, await begin(hub), nobody), {"name": "One"})
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["result"].unique_id is None
    done = await answer(hub, await answer(hub, await begin(hub), nobody), {"name": "Two"})
    assert done["reason"] == "already_configured"
    await hub.async_block_till_done()


async def test_closing_the_dialog_ends_the_sign_in(hub: HomeAssistant, fake: FakeSpec) -> None:
    form = await begin(hub)
    confirm = await answer(hub, form, ADDRESS)
    assert len(hub.data[SHARED].previews) == 1
    hub.config_entries.flow.async_abort(confirm["flow_id"])
    await hub.async_block_till_done()
    assert len(hub.data[SHARED].previews) == 0


async def test_the_dialog_shows_the_picture_to_its_user_only(
    hub: HomeAssistant, fake: FakeSpec, hass_client: ClientSessionGenerator, hass_client_no_auth: ClientSessionGenerator
) -> None:
    confirm = await answer(hub, await begin(hub), ADDRESS)
    placeholders = confirm["description_placeholders"]
    assert placeholders is not None
    markdown = placeholders["picture"]
    assert markdown.startswith("![](/api/camhub/preview/")
    path = markdown[4:-1].partition("#")[0]
    anonymous = await hass_client_no_auth()
    assert (await anonymous.get(path.partition("?")[0])).status == 401
    signed = await anonymous.get(path)
    assert signed.status == 200
    assert (await signed.read()).startswith(b"\xff\xd8")
    client = await hass_client()
    assert (await client.get("/api/camhub/preview/other")).status == 404
    other = await hass_client(await token_of(hub, await person(hub, "allowed")))
    for name in (path.partition("?")[0], "/api/camhub/preview/other"):
        assert (await other.get(name)).status == 403


async def test_a_page_without_its_dialog_is_refused(hub: HomeAssistant) -> None:
    flow = CamHubConfigFlow()
    assert (await flow.async_page({}))["reason"] == "unknown"


async def test_reauth_keeps_what_is_known_and_stores_the_new_password(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    form = await entry.start_reauth_flow(hub)
    assert form["step_id"] == "mjpeg_address"
    suggested = fields(form)
    assert suggested["address"] == {"suggested_value": CREDENTIALS["address"]}
    done = await answer(hub, await answer(hub, form, ADDRESS), {"name": "Home"})
    assert done["reason"] == "reauth_successful"
    await hub.async_block_till_done()
    assert len(fake.opened) == 2


async def test_a_dialog_that_is_opened_again_answers_nothing(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    """The frontend asks for the page of a reauth that waits; the vendor must not be asked for that."""
    entry = await add_account()
    form = await entry.start_reauth_flow(hub)
    for _ in range(2):
        again = await hub.config_entries.flow.async_configure(form["flow_id"])
        assert (again["step_id"], fields(again)) == (form["step_id"], fields(form))
    done = await answer(hub, await answer(hub, form, ADDRESS), {"name": "Home"})
    assert done["reason"] == "reauth_successful"
    await hub.async_block_till_done()


async def test_what_changes_of_a_login_during_its_dialog_is_kept(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    form = await entry.start_reconfigure_flow(hub)
    (flow,) = hub.config_entries.flow._progress.values()
    assert isinstance(flow, CamHubConfigFlow)
    assert flow._conversation is not None
    assert flow._conversation._kept is not None
    await flow._conversation._kept.save({**CREDENTIALS, "password": "rotated"})
    await fake.provider.context.tokens.save({**CREDENTIALS, "password": "spent"})
    hub.config_entries.flow.async_abort(form["flow_id"])
    await hub.async_block_till_done()
    assert (await credentials_of(hub, entry))["password"] == "rotated"
    assert [provider.context.credentials.text("password") for provider in fake.opened] == [PASSWORD, "rotated"]


async def test_a_dialog_that_changed_nothing_disturbs_nobody(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    form = await entry.start_reconfigure_flow(hub)
    hub.config_entries.flow.async_abort(form["flow_id"])
    await hub.async_block_till_done()
    assert len(fake.opened) == 1


async def test_what_changes_during_the_dialog_of_an_account_that_is_gone_is_lost(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account(setup=False)
    earlier = EarlierTokens(hub.data[SHARED].store, entry)
    await hub.config_entries.async_remove(entry.entry_id)
    await earlier.save({**CREDENTIALS, "password": "rotated"})
    assert hub.config_entries.async_entries(DOMAIN) == []


async def test_reconfigure_refuses_another_device(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    before = dict(entry.data)
    form = await entry.start_reconfigure_flow(hub)
    done = await answer(hub, await answer(hub, form, {**ADDRESS, "username": "other"}), {"name": "Home"})
    assert done["reason"] == "unique_id_mismatch"
    assert dict(entry.data) == before


async def test_reconfigure_with_an_unreadable_login_starts_empty(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    hub.config_entries.async_update_entry(entry, data={**entry.data, CONF_CREDENTIALS: "bm90IHNlYWxlZA=="})
    form = await entry.start_reconfigure_flow(hub)
    assert fields(form)["address"] is None
    done = await answer(hub, await answer(hub, form, ADDRESS), {"name": "Home"})
    assert done["reason"] == "reconfigure_successful"
    assert await credentials_of(hub, entry) == ADDRESS
    await hub.async_block_till_done()


async def test_a_malformed_key_is_told_before_anything_is_asked(
    hub: HomeAssistant, fake: FakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMHUB_ENCRYPTION_KEY", "too short")
    done = await begin(hub)
    assert done["type"] is FlowResultType.ABORT
    assert done["reason"] == "key_malformed"


async def test_a_login_that_cannot_be_written_is_told_and_the_earlier_one_stays(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Unreachable("full", reason="not_stored")

    entry = await add_account()
    before = entry.data
    confirm = await answer(hub, await entry.start_reauth_flow(hub), ADDRESS)
    with monkeypatch.context() as patch:
        patch.setattr("custom_components.camhub.kernel.records.Records.write", full)
        done = await answer(hub, confirm, {"name": "Home"})
    assert done["reason"] == "not_stored"
    assert entry.data == before


async def test_all_kinds_of_fields_are_asked_for(hub: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sign_in(context: Context, ask: Ask) -> Account:
        fields = tuple(Field(key=kind, kind=kind, options=("a", "b")) for kind in FieldKind)
        await ask(
            Form(
                page="address",
                fields=(*fields, Field(key="chosen", kind=FieldKind.SELECT, default="a", options=("a",))),
            )
        )
        raise Unreachable

    use(monkeypatch, sign_in)
    form = await begin(hub)
    assert list(fields(form)) == [*FieldKind, "chosen"]
    typed: dict[str, Any] = {kind.value: "a" for kind in FieldKind}
    typed |= {FieldKind.BOOLEAN.value: True, FieldKind.NUMBER.value: 0}
    done = await answer(hub, form, typed)
    assert done["type"] is FlowResultType.ABORT
    assert done["reason"] == "cannot_connect"


async def test_an_account_that_needs_no_answers_is_added_at_once(
    hub: HomeAssistant, fake: FakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sign_in(context: Context, ask: Ask) -> Account:
        return Account(title="Quick", unique_id="q", match="q", credentials=CREDENTIALS)

    opened = fake.open
    use(monkeypatch, sign_in, opened)
    done = await begin(hub)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()


def use(monkeypatch: pytest.MonkeyPatch, sign_in: Any, opener: Any = None) -> None:
    """Put a sign-in in the place of a provider's."""
    spec = ProviderSpec(key="mjpeg", name="Fake", sign_in=sign_in, open=opener)
    monkeypatch.setattr("custom_components.camhub.runtime.load", lambda _: spec)


async def test_options_are_saved_and_reload(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    entry = await add_account()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["general", "picture", *REST]
    form = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "general"})
    assert form["step_id"] == "general"
    done = await hub.config_entries.options.async_configure(form["flow_id"], {"interval": 10, "picture_age": 30})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()
    assert entry.options == {"interval": 10, "picture_age": 30, "first_byte": 30, "dark": 6}
    assert len(fake.opened) == 2
    assert entry.runtime_data.update_interval.total_seconds() == 600


async def test_settings_that_only_one_kind_of_camera_has(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.options = (
        Field(key="every", kind=FieldKind.NUMBER, default=60, minimum=30, maximum=600, unit="s"),
        Field(key="way", kind=FieldKind.SELECT, options=("auto", "never"), default="auto"),
    )
    entry = await add_account(options={"max_streams": 2})
    assert fake.provider.context.options == {"every": 60, "way": "auto"}
    options = hub.config_entries.options
    menu = await options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["general", "provider", "picture", *REST]
    form = await options.async_configure(menu["flow_id"], {"next_step_id": "provider"})
    assert form["description_placeholders"] == {"provider": "Fake"}
    with pytest.raises(InvalidData):
        await options.async_configure(form["flow_id"], {"every": 601, "way": "auto"})
    await options.async_configure(form["flow_id"], {"every": 90, "way": "never"})
    await hub.async_block_till_done()
    assert entry.options == {"max_streams": 2, "provider": {"every": 90, "way": "never"}}
    assert fake.provider.context.options == {"every": 90, "way": "never"}
    assert len(fake.opened) == 2


async def test_options_for_who_may_see_a_camera(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_read_only_user: MockUser
) -> None:
    entry = await add_account(options={"max_streams": 2})
    options = hub.config_entries.options

    async def choose() -> Any:
        menu = await options.async_init(entry.entry_id)
        form = await options.async_configure(menu["flow_id"], {"next_step_id": "viewers"})
        assert (form["description_placeholders"] or {})["camera"] == "Yard"
        return form

    named = {"everyone": False, "users": [hass_read_only_user.id], "groups": []}
    await options.async_configure((await choose())["flow_id"], named)
    await hub.async_block_till_done()
    assert entry.options["viewers"] == {"yard": {"users": [hass_read_only_user.id], "groups": []}}
    assert entry.options["max_streams"] == 2
    form = await choose()
    assert {str(key): key.default() for key in form["data_schema"].schema} == named
    await options.async_configure(form["flow_id"], {"everyone": True})
    await hub.async_block_till_done()
    assert entry.options["viewers"] == {}
    await hub.config_entries.async_unload(entry.entry_id)
    menu = await options.async_init(entry.entry_id)
    ended = await options.async_configure(menu["flow_id"], {"next_step_id": "viewers"})
    assert ended["reason"] == "not_loaded"


async def test_options_for_limits(hub: HomeAssistant, add_account: AddAccount) -> None:
    entry = await add_account()
    menu = await hub.config_entries.options.async_init(entry.entry_id)
    form = await hub.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "limits"})
    limits = {"max_streams": 3, "max_rate": 500, "max_day": 0}
    await hub.config_entries.options.async_configure(form["flow_id"], limits)
    await hub.async_block_till_done()
    assert entry.options == limits

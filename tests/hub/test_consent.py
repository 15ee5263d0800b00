"""A sign-in that leads over the vendor's own page."""

from collections.abc import Mapping
from http import HTTPStatus

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.config_entry_oauth2_flow import AUTH_CALLBACK_PATH
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.signin import Answers, Ask, Consent, Form, until_accepted

from .conftest import CREDENTIALS, AddAccount
from .fake_provider import FakeSpec
from .test_config_flow import use

# What the test harness says the browser's address is.
HERE = "https://example.com"
BACK = f"{HERE}{AUTH_CALLBACK_PATH}"
PAGE = Consent(
    url="https://consent.example/auth?client_id=the-client&prompt=consent", scopes=("https://scope.example/see", "hear")
)


class SignIn:
    """A page, then the vendor's page, then the account; remembers what came back."""

    def __init__(self) -> None:
        self.back: list[Answers] = []

    async def __call__(self, context: Context, ask: Ask) -> Account:
        async def attempt(answers: Answers) -> Mapping[str, JsonValue]:
            self.back.append(await ask(PAGE))
            if "code" not in self.back[-1]:
                raise AuthError
            return CREDENTIALS

        credentials = await until_accepted(ask, Form(page="address"), attempt)
        return Account(title="Home", unique_id="FAKE0001porter", match="m", credentials=credentials)


@pytest.fixture
def sign_in(fake: FakeSpec, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    sign_in = SignIn()
    use(monkeypatch, sign_in, fake.open)
    return sign_in


async def sent_away(hub: HomeAssistant) -> ConfigFlowResult:
    """Go as far as the vendor's page."""
    menu = await hub.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await hub.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "mjpeg"})
    assert form["step_id"] == "mjpeg_address"
    return await hub.config_entries.flow.async_configure(form["flow_id"], {})


async def come_back(
    hub: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, away: ConfigFlowResult, **query: str
) -> ConfigFlowResult:
    """Come back as the vendor's page sends the browser, then let the dialog go on."""
    state = URL(str(away["url"])).query["state"]
    # It brings the address that all such pages send back to; where there is a frontend it is there.
    assert await async_setup_component(hub, "auth", {})
    client = await hass_client_no_auth()
    response = await client.get(AUTH_CALLBACK_PATH, params={"state": state, **query})
    assert response.status == HTTPStatus.OK
    return await hub.config_entries.flow.async_configure(away["flow_id"])


@pytest.mark.usefixtures("current_request_with_host")
async def test_there_and_back(hub: HomeAssistant, sign_in: SignIn, hass_client_no_auth: ClientSessionGenerator) -> None:
    away = await sent_away(hub)
    assert (away["type"], away["step_id"]) == (FlowResultType.EXTERNAL_STEP, "consent")
    url = URL(str(away["url"]))
    assert url.with_query(None) == URL("https://consent.example/auth")
    asked = dict(url.query)
    assert asked.pop("state")
    assert asked == {
        "client_id": "the-client",
        "prompt": "consent",
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": "https://scope.example/see hear",
    }
    made = await come_back(hub, hass_client_no_auth, away, code="4/0A-code")
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert sign_in.back == [{"code": "4/0A-code", "redirect_uri": BACK}]
    assert "4/0A-code" not in str(made["data"])
    await hub.async_block_till_done()


@pytest.mark.usefixtures("current_request_with_host")
async def test_a_refusal_leads_back_to_the_page_before(
    hub: HomeAssistant, sign_in: SignIn, hass_client_no_auth: ClientSessionGenerator
) -> None:
    away = await sent_away(hub)
    form = await come_back(hub, hass_client_no_auth, away, error="access_denied")
    assert (form["step_id"], form["errors"]) == ("mjpeg_address", {"base": "invalid_auth"})
    assert sign_in.back == [{"error": "access_denied"}]
    again = await hub.config_entries.flow.async_configure(form["flow_id"], {})
    made = await come_back(hub, hass_client_no_auth, again, code="4/0A-other")
    assert made["type"] is FlowResultType.CREATE_ENTRY
    await hub.async_block_till_done()


@pytest.mark.usefixtures("current_request_with_host")
async def test_a_dialog_opened_again_shows_the_page_again(hub: HomeAssistant, sign_in: SignIn) -> None:
    away = await sent_away(hub)
    again = await hub.config_entries.flow.async_configure(away["flow_id"])
    assert (again["type"], again["step_id"]) == (FlowResultType.EXTERNAL_STEP, "consent")
    assert URL(str(again["url"])).path == "/auth"
    hub.config_entries.flow.async_abort(away["flow_id"])


@pytest.mark.usefixtures("current_request_with_host")
async def test_the_dialog_says_where_the_page_sends_back_to(hub: HomeAssistant, sign_in: SignIn) -> None:
    menu = await hub.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await hub.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "mjpeg"})
    assert (form["description_placeholders"] or {})["redirect_uri"] == BACK
    hub.config_entries.flow.async_abort(form["flow_id"])


async def test_through_my_home_assistant_where_it_is_set_up(hub: HomeAssistant, sign_in: SignIn) -> None:
    assert await async_setup_component(hub, "my", {})
    away = await sent_away(hub)
    assert URL(str(away["url"])).query["redirect_uri"] == "https://my.home-assistant.io/redirect/oauth"
    hub.config_entries.flow.async_abort(away["flow_id"])


async def test_nobody_is_sent_away_whom_nobody_sees(hub: HomeAssistant, sign_in: SignIn) -> None:
    menu = await hub.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await hub.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": "mjpeg"})
    assert (form["description_placeholders"] or {})["redirect_uri"] == "https://my.home-assistant.io/redirect/oauth"
    done = await hub.config_entries.flow.async_configure(form["flow_id"], {})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "consent_needs_browser")


@pytest.mark.usefixtures("current_request_with_host")
async def test_signing_in_again_over_the_page(
    hub: HomeAssistant,
    sign_in: SignIn,
    add_account: AddAccount,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    entry = await add_account()
    form = await entry.start_reauth_flow(hub)
    away = await hub.config_entries.flow.async_configure(form["flow_id"], {})
    done = await come_back(hub, hass_client_no_auth, away, code="4/0A-code")
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hub.async_block_till_done()

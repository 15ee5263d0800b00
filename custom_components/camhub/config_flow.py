"""The config flow of all providers: it shows the questions of a provider's sign-in and returns the answers."""

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Final, override

from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigFlowResult, OptionsFlow
from homeassistant.core import callback
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.helpers.translation import async_get_translations
import probatio

from .consent import ConsentPage, answers_of, redirect_uri
from .const import CONF_FOUND, CONF_MATCH, CONF_PROVIDER, DOMAIN, ENTRY_MINOR_VERSION, ENTRY_VERSION
from .coordinator import CamHubConfigEntry
from .credential_import import open_foreign
from .discovery_flow import DiscoverySteps
from .forms import choice, form_schema
from .issues import NEWER
from .kernel.errors import HubError, Unreachable, WrongKey
from .kernel.model import Account
from .kernel.secret import Credentials
from .kernel.signin import Answers, Consent, Question
from .options_flow import CamHubOptionsFlow
from .providers import PROVIDERS
from .runtime import SHARED, async_known, async_load_spec, async_replace_login, async_shared, identify
from .signing_in import Conversation, Turn
from .upgrade import is_newer

IMPORT: Final = "import_sealed"
MENDING: Final = frozenset({SOURCE_REAUTH, SOURCE_RECONFIGURE})


class CamHubConfigFlow(DiscoverySteps, domain=DOMAIN):
    """Adds, reauthenticates and reconfigures accounts of every provider."""

    VERSION = ENTRY_VERSION
    MINOR_VERSION = ENTRY_MINOR_VERSION

    _key: str
    _conversation: Conversation | None = None
    _shown: Question | None = None
    _back: Answers = MappingProxyType({})

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: CamHubConfigEntry) -> OptionsFlow:
        return CamHubOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which kind of camera."""
        return self.async_show_menu(step_id="user", menu_options=[*PROVIDERS, IMPORT])

    async def async_step_import_sealed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Import credentials that another system has encrypted; they prefill the provider's own pages."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                known = open_foreign(user_input["sealed"], user_input["key"])
            except WrongKey as error:
                errors["base"] = error.reason
            else:
                return await self.async_begin(user_input["provider"], Credentials(known))
        schema = probatio.Schema(
            {
                probatio.Required("provider"): choice(await self._async_kinds()),
                probatio.Required("sealed"): TextSelector(TextSelectorConfig(multiline=True)),
                probatio.Required("key"): TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD)),
            }
        )
        # The input is kept, except for the key.
        kept = {name: value for name, value in (user_input or {}).items() if name != "key"}
        return self.async_show_form(
            step_id=IMPORT, data_schema=self.add_suggested_values_to_schema(schema, kept), errors=errors
        )

    async def _async_kinds(self) -> dict[str, str]:
        """Return the providers and their names in the menu."""
        words = await async_get_translations(self.hass, self.hass.config.language, "config", [DOMAIN])
        return {key: words[f"component.{DOMAIN}.config.step.user.menu_options.{key}"] for key in PROVIDERS}

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in again: the credentials were refused or are about to expire."""
        return await self._async_mend(self._get_reauth_entry())

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change address or credentials."""
        return await self._async_mend(self._get_reconfigure_entry())

    async def _async_mend(self, entry: CamHubConfigEntry) -> ConfigFlowResult:
        """Sign in with the earlier answers filled in."""
        if is_newer(entry):
            return self.async_abort(reason=NEWER)
        try:
            earlier = await async_known(self.hass, entry)
        except (WrongKey, Unreachable) as error:
            return self.async_abort(reason=error.reason)
        return await self.async_begin(entry.data[CONF_PROVIDER], earlier, entry)

    @override
    async def async_begin(
        self, key: str, earlier: Credentials, entry: CamHubConfigEntry | None = None
    ) -> ConfigFlowResult:
        """Start a provider's sign-in; `entry` is the existing account, if any."""
        try:
            await (await async_shared(self.hass)).store.async_unlock()
        except WrongKey as error:
            return self.async_abort(reason=error.reason)
        self._key = key
        spec = await async_load_spec(self.hass, key)
        self._conversation = Conversation(self.hass, spec, earlier, entry)
        return await self._async_show(await self._conversation.async_turn())

    async def async_page(self, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Submit the answers of a page; a flow that is merely reopened has none."""
        if self._conversation is None:
            return self.async_abort(reason="unknown")
        if user_input is None and self._shown is not None:
            return await self._async_show(self._shown)
        try:
            turn = await self._conversation.async_answer(user_input or {})
        except HubError as error:
            return self.async_abort(reason=error.reason, description_placeholders=error.placeholders)
        return await self._async_show(turn)

    async def _async_show(self, turn: Turn) -> ConfigFlowResult:
        """Show the next question, or finish."""
        if isinstance(turn, Account):
            return await self._async_finish(turn)
        self._shown = turn
        if isinstance(turn, Consent):
            return await self._async_send_away(turn)
        previews = self.hass.data[SHARED].previews
        return self.async_show_form(
            step_id=f"{self._key}_{turn.page}",
            data_schema=form_schema(turn.fields),
            errors=dict(turn.errors),
            description_placeholders={
                **turn.placeholders,
                "picture": previews.async_show(self.flow_id, turn.picture),
                "redirect_uri": redirect_uri(self.hass),
            },
        )

    async def _async_send_away(self, question: Consent) -> ConfigFlowResult:
        """Open the vendor's consent page."""
        try:
            url = await ConsentPage(self.hass, question).async_generate_authorize_url(self.flow_id)
        except RuntimeError:
            # Home Assistant does not know its own URL as the user's browser sees it.
            return self.async_abort(reason="consent_needs_browser")
        return self.async_external_step(step_id="consent", url=url)

    async def async_step_consent(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Receive what the vendor's page sent back; the flow continues by itself."""
        if user_input is None:
            return await self.async_page(None)
        self._back = answers_of(user_input)
        return self.async_external_step_done(next_step_id="consented")

    async def async_step_consented(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Submit what the vendor's page sent back."""
        return await self.async_page(dict(self._back))

    async def _async_finish(self, account: Account) -> ConfigFlowResult:
        """Store the account as a new entry, or update the entry it belongs to."""
        unique_id, match = identify(self._key, account)
        # Another flow for the same account that was left open must not prevent this one.
        await self.async_set_unique_id(unique_id, raise_on_progress=self.source not in MENDING)
        if unique_id is None:
            self._async_abort_entries_match({CONF_PROVIDER: self._key, CONF_MATCH: match})
        try:
            if self.source in MENDING:
                self._abort_if_unique_id_mismatch()
                entry = self._get_reauth_entry() if self.source == SOURCE_REAUTH else self._get_reconfigure_entry()
                data = await async_replace_login(self.hass, entry, account)
                return self.async_update_reload_and_abort(entry, data=data)
            self._abort_if_unique_id_configured()
            data = await self.hass.data[SHARED].store.async_entry_data(self._key, account)
            if self.discovered is not None:
                data[CONF_FOUND] = self.discovered.id
        except (WrongKey, Unreachable) as error:
            return self.async_abort(reason=error.reason)
        return self.async_create_entry(title=account.title, data=data)

    @override
    @callback
    def async_remove(self) -> None:
        """End the sign-in with the flow, finished or not."""
        self.hass.data[SHARED].previews.async_forget(self.flow_id)
        if self._conversation is not None:
            self._conversation.close()


type Step = Callable[[CamHubConfigFlow, dict[str, Any] | None], Coroutine[Any, Any, ConfigFlowResult]]


def _first_step(key: str) -> Step:
    """Return the step that the menu calls for a provider."""

    async def step(flow: CamHubConfigFlow, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        return await flow.async_begin(key, Credentials())

    return step


async def _page_step(flow: CamHubConfigFlow, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
    """Submit the answers of the page that is shown."""
    return await flow.async_page(user_input)


# Home Assistant calls `async_step_<id>`; the steps are generated, since the pages belong to the providers.
for _key, _pages in PROVIDERS.items():
    setattr(CamHubConfigFlow, f"async_step_{_key}", _first_step(_key))
    for _page in _pages:
        setattr(CamHubConfigFlow, f"async_step_{_key}_{_page}", _page_step)

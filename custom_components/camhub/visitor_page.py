"""The options page for face recognition."""

import json
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import PERCENTAGE
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
import probatio

from .const import OPTION_RECOGNITION, OPTION_RECOGNITION_KEYS
from .failures import sentence
from .forms import choice, number_selector
from .kernel.addresses import looked_up
from .kernel.errors import Unsupported
from .runtime import SHARED
from .visitors import DEFAULT_BUDGET, DEFAULT_SIMILARITY, async_keys

_PLAIN: Final = ("cameras", "region", "collection", "similarity", "budget", "endpoint")
_NEEDED: Final = ("region", "collection", "key_id", "secret")


async def _refused(endpoint: str) -> str | None:
    """Return why an address is not allowed, None if it is."""
    try:
        await looked_up(endpoint)
    except Unsupported as error:
        return sentence(error)
    return None


class VisitorPages(OptionsFlowWithReload):
    """Asks for the settings; the keys are encrypted, and the secret is not shown again."""

    async def async_step_recognition(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which cameras, where, and how many pictures a day."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        store = self.hass.data[SHARED].store
        keys = await async_keys(store, self.config_entry)
        shown = {**self.config_entry.options.get(OPTION_RECOGNITION, {}), "key_id": keys.get("key_id", "")}
        errors: dict[str, str] = {}
        words = {"price": "0.001", "reason": ""}
        if user_input is not None:
            keys = {
                "key_id": user_input.get("key_id", ""),
                "secret": user_input.get("secret") or keys.get("secret", ""),
            }
            missing = [name for name in _NEEDED if not {**user_input, **keys}.get(name)]
            refused = await _refused(str(user_input.get("endpoint", "")))
            if refused is None and (not user_input.get("cameras") or not missing):
                plain = {name: user_input[name] for name in _PLAIN if name in user_input}
                changed = {OPTION_RECOGNITION: plain, OPTION_RECOGNITION_KEYS: await self._sealed(keys)}
                return self.async_create_entry(data={**self.config_entry.options, **changed})
            errors = dict.fromkeys(missing, "recognition_needed")
            if refused is not None:
                errors["endpoint"], words["reason"] = "archive_failed", refused
            shown = {name: value for name, value in user_input.items() if name != "secret"}
        return self.async_show_form(
            step_id="recognition",
            data_schema=self.add_suggested_values_to_schema(self._recognition_schema(), shown),
            errors=errors,
            description_placeholders=words,
        )

    async def _sealed(self, keys: dict[str, str]) -> str:
        """Return the encrypted keys; those that cannot be decrypted stay until new ones are entered."""
        if any(keys.values()):
            return await self.hass.data[SHARED].store.async_seal(json.dumps(keys))
        return str(self.config_entry.options.get(OPTION_RECOGNITION_KEYS, ""))

    def _recognition_schema(self) -> probatio.Schema:
        cameras = {each.id: each.identity.name for each in self.config_entry.runtime_data.data.values()}
        password = TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
        return probatio.Schema(
            {
                probatio.Optional("cameras"): choice(cameras, multiple=True),
                probatio.Required("budget", default=DEFAULT_BUDGET): number_selector(1, 10_000),
                probatio.Required("similarity", default=DEFAULT_SIMILARITY): number_selector(50, 100, PERCENTAGE),
                probatio.Optional("region"): TextSelector(),
                probatio.Optional("collection"): TextSelector(),
                probatio.Optional("key_id"): TextSelector(),
                probatio.Optional("secret"): TextSelector(password),
                probatio.Optional("endpoint"): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
            }
        )

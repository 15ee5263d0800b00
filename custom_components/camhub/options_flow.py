"""Settings of an account that need no sign-in."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import UnitOfTime
from homeassistant.helpers.selector import NumberSelector, NumberSelectorConfig, NumberSelectorMode
import probatio

from .const import DEFAULT_INTERVAL, DEFAULT_PICTURE_AGE, OPTION_INTERVAL, OPTION_PICTURE_AGE


def _number(minimum: float, maximum: float, unit: str) -> NumberSelector:
    """Return a box for a whole number within bounds."""
    return NumberSelector(
        NumberSelectorConfig(min=minimum, max=maximum, step=1, mode=NumberSelectorMode.BOX, unit_of_measurement=unit)
    )


SCHEMA = probatio.Schema(
    {
        probatio.Required(OPTION_INTERVAL, default=DEFAULT_INTERVAL): _number(1, 60, UnitOfTime.MINUTES),
        probatio.Required(OPTION_PICTURE_AGE, default=DEFAULT_PICTURE_AGE): _number(1, 3600, UnitOfTime.SECONDS),
    }
)


class CamHubOptionsFlow(OptionsFlowWithReload):
    """How often to look and how old a picture may be."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for everything on one page."""
        if user_input is not None:
            return self.async_create_entry(data={key: int(value) for key, value in user_input.items()})
        return self.async_show_form(
            step_id="init", data_schema=self.add_suggested_values_to_schema(SCHEMA, self.config_entry.options)
        )

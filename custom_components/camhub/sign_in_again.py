"""Leads from a repair issue to reauthentication."""

from typing import Any

from homeassistant.components.repairs import FlowType
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant

from .const import DOMAIN


async def async_sign_in_again(hass: HomeAssistant, entry: ConfigEntry[Any]) -> tuple[FlowType, str]:
    """Return the reauthentication flow to continue with: the one already open, else a new one."""
    flow = next(iter(entry.async_get_active_flows(hass, {SOURCE_REAUTH})), None)
    if flow is None:
        flow = await hass.config_entries.flow.async_init(
            DOMAIN,
            context={
                "source": SOURCE_REAUTH,
                "entry_id": entry.entry_id,
                "unique_id": entry.unique_id,
                "title_placeholders": {"name": entry.title},
            },
            data=dict(entry.data),
        )
    return FlowType.CONFIG_FLOW, flow["flow_id"]

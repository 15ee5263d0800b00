"""The dialogs behind the repair issues."""

from typing import Any

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .issues import ENTRY

type IssueData = dict[str, str | int | float | None]


class SignInAgainFlow(RepairsFlow):
    """Leads straight into the sign-in of the account concerned."""

    def __init__(self, issue_id: str, entry_id: str) -> None:
        """Remember the issue and the account."""
        self._about = issue_id
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin with the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Explain, then hand over; the issue goes away once the new login holds."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_create_entry(data={})
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._about)
            words = {"account": entry.title, **((issue and issue.translation_placeholders) or {})}
            return self.async_show_form(step_id="confirm", description_placeholders=words)
        # A refusal has opened the dialog already.
        flow = next(iter(entry.async_get_active_flows(self.hass, {SOURCE_REAUTH})), None)
        if flow is None:
            flow = await self.hass.config_entries.flow.async_init(
                DOMAIN,
                context={
                    "source": SOURCE_REAUTH,
                    "entry_id": entry.entry_id,
                    "unique_id": entry.unique_id,
                    "title_placeholders": {"name": entry.title},
                },
                data=dict(entry.data),
            )
        return self.async_abort(reason="sign_in_again", next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"]))


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: IssueData | None) -> RepairsFlow:
    """Return the dialog that mends an issue."""
    return SignInAgainFlow(issue_id, str((data or {}).get(ENTRY)))

"""The dialogs behind the repair issues."""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .issues import CAMERA, ENTRY
from .sign_in_again import async_sign_in_again
from .why_dark_flow import WhyDarkFlow

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
        return self.async_abort(reason="sign_in_again", next_flow=await async_sign_in_again(self.hass, entry))


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: IssueData | None) -> RepairsFlow:
    """Return the dialog that mends an issue."""
    about = data or {}
    if camera_id := about.get(CAMERA):
        return WhyDarkFlow(str(about.get(ENTRY)), str(camera_id))
    return SignInAgainFlow(issue_id, str(about.get(ENTRY)))

"""The dialogs behind the repair issues."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .coordinator import CamHubConfigEntry
from .issues import CAMERA, ENTRY, PAGES
from .sign_in_again import async_sign_in_again
from .why_dark_flow import WhyDarkFlow

type IssueData = dict[str, str | int | float | None]


class MendingFlow(RepairsFlow):
    """Explains what is wrong with an account, then leads to where it is mended; the issue goes away once it is."""

    def __init__(self, entry_id: str) -> None:
        """Remember the account."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin with the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Explain, then hand over."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_create_entry(data={})
        if user_input is None:
            words = {"account": entry.title, **await self._words(entry)}
            return self.async_show_form(step_id="confirm", description_placeholders=words)
        return await self._lead(entry)

    async def _words(self, entry: CamHubConfigEntry) -> Mapping[str, str]:
        """Return what the explanation needs besides the account's name."""
        raise NotImplementedError

    async def _lead(self, entry: CamHubConfigEntry) -> RepairsFlowResult:
        """Hand over to the dialog that mends it."""
        raise NotImplementedError


class SignInAgainFlow(MendingFlow):
    """Leads straight into the sign-in of the account concerned."""

    def __init__(self, issue_id: str, entry_id: str) -> None:
        """Remember the issue and the account."""
        super().__init__(entry_id)
        self._about = issue_id

    @override
    async def _words(self, entry: CamHubConfigEntry) -> Mapping[str, str]:
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._about)
        return (issue and issue.translation_placeholders) or {}

    @override
    async def _lead(self, entry: CamHubConfigEntry) -> RepairsFlowResult:
        return self.async_abort(reason="sign_in_again", next_flow=await async_sign_in_again(self.hass, entry))


class SettingsFlow(MendingFlow):
    """Leads to the page of the account's settings that mends it."""

    def __init__(self, entry_id: str, page: str) -> None:
        """Remember the account and the page."""
        super().__init__(entry_id)
        self._page = page

    @override
    async def _words(self, entry: CamHubConfigEntry) -> Mapping[str, str]:
        return {"reason": await self._reason(entry)}

    @override
    async def _lead(self, entry: CamHubConfigEntry) -> RepairsFlowResult:
        options = self.hass.config_entries.options
        flow = await options.async_init(entry.entry_id)
        if self._page in flow["menu_options"]:
            page = await options.async_configure(flow["flow_id"], {"next_step_id": self._page})
            if page["type"] is FlowResultType.ABORT:
                # It does not open while the account is closed: the list of all pages is what is left.
                flow = await options.async_init(entry.entry_id)
        return self.async_abort(reason="settings", next_flow=(FlowType.OPTIONS_FLOW, flow["flow_id"]))

    async def _reason(self, entry: CamHubConfigEntry) -> str:
        """Return the sentence of what the archive answers, empty where it is well or the account is not open."""
        archiving = entry.runtime_data.archiving if entry.state is ConfigEntryState.LOADED else None
        if archiving is None or (slug := archiving.failure) is None:
            return ""
        texts = await async_get_translations(self.hass, self.hass.config.language, "exceptions", [DOMAIN])
        return texts.get(f"component.{DOMAIN}.exceptions.{slug}.message", slug)


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: IssueData | None) -> RepairsFlow:
    """Return the dialog that mends an issue."""
    about = data or {}
    if camera_id := about.get(CAMERA):
        return WhyDarkFlow(str(about.get(ENTRY)), str(camera_id))
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    if issue is not None and (page := PAGES.get(issue.translation_key or "")):
        return SettingsFlow(str(about.get(ENTRY)), page)
    return SignInAgainFlow(issue_id, str(about.get(ENTRY)))

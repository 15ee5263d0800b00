"""The repair flow of a camera that is offline: it looks for the reason and says what to do."""

import asyncio
from typing import Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import callback

from .checking import async_examine, async_words
from .coordinator import CamHubConfigEntry
from .kernel.checkup import Check, Report
from .runtime import SHARED
from .sign_in_again import async_sign_in_again
from .why_dark import camera_name


class WhyDarkFlow(RepairsFlow):
    """Runs the checks, shows their result, and runs them again on request."""

    def __init__(self, entry_id: str, camera_id: str) -> None:
        """Remember the camera."""
        self._entry_id = entry_id
        self._camera_id = camera_id
        self._looking: asyncio.Task[Report] | None = None

    @property
    def _entry(self) -> CamHubConfigEntry | None:
        return self.hass.config_entries.async_get_entry(self._entry_id)

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start at once."""
        return await self.async_step_look()

    async def async_step_look(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Run the checks behind a progress step."""
        if (entry := self._entry) is None:
            return self.async_create_entry(data={})
        if self._looking is None:
            looking = async_examine(self.hass, entry, self._camera_id)
            self._looking = self.hass.async_create_task(looking, "camhub why dark")
        if not self._looking.done():
            return self.async_show_progress(
                step_id="look",
                progress_action="looking",
                progress_task=self._looking,
                description_placeholders={"camera": camera_name(entry, self._camera_id)},
            )
        return self.async_show_progress_done(next_step_id="found")

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show the result, and offer what may help."""
        entry, looking = self._entry, self._looking
        if entry is None or looking is None:
            return self.async_create_entry(data={})
        report, self._looking = looking.result(), None
        words = await async_words(self.hass, entry, camera_name(entry, self._camera_id))
        shown = {
            "camera": words.camera,
            "verdict": words.verdict(report),
            "next_step": words.step(report),
            "checks": words.lines(report),
            "picture": await self._picture(entry),
        }
        if report.verdict is None:
            return self.async_show_form(step_id="fine", description_placeholders=shown)
        ways = ["look", "leave"]
        if report.verdict.check is Check.LOGIN or report.verdict.step == "common.step_sign_in":
            ways.insert(0, "sign_in")
        return self.async_show_menu(step_id="found", menu_options=ways, description_placeholders=shown)

    async def async_step_fine(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Close the issue: nothing is wrong."""
        return self.async_create_entry(data={})

    async def async_step_sign_in(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Continue with reauthentication."""
        if (entry := self._entry) is None:
            return self.async_create_entry(data={})
        return self.async_abort(reason="sign_in_again", next_flow=await async_sign_in_again(self.hass, entry))

    async def async_step_leave(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Leave the issue open."""
        return self.async_abort(reason="still_dark")

    async def _picture(self, entry: CamHubConfigEntry) -> str:
        """Return the Markdown of the last picture there is, empty for none."""
        if entry.state is not ConfigEntryState.LOADED:
            return ""
        coordinator = entry.runtime_data
        picture = await coordinator.album.read(coordinator.picture_key(self._camera_id))
        return self.hass.data[SHARED].previews.async_show(self.flow_id, picture.content if picture else None)

    @override
    @callback
    def async_remove(self) -> None:
        """Drop the picture with the flow; running checks end by themselves."""
        self.hass.data[SHARED].previews.async_forget(self.flow_id)

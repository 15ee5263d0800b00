"""The options page for captures of live sessions; the choice is tested at once."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
)
import probatio
from yarl import URL

from .capture import chromium
from .capture.frames import LiveGrabber
from .const import OPTION_BROWSERS, OPTION_CAPTURE
from .credential_store import CredentialStore
from .engines import CaptureChoice, CaptureMode, async_capture_choice
from .failures import sentence
from .kernel.errors import HubError, Throttled
from .kernel.provider import Camera
from .runtime import SHARED

# Seconds that a trial may take, the same as a picture for a dashboard.
TRIAL_S: Final = 25.0
# Vendors that limit calls do so per minute: a trial waits for its turn, at most this many seconds.
TURN_S: Final = 75.0
_HIDDEN: Final = "***"


def masked(place: str) -> str:
    """Return an address without the parts that may be secret; a path is returned unchanged."""
    if not chromium.is_remote(place):
        return place
    url = URL(place)
    shown = url.with_user(None).with_query(None)
    return str(shown) if shown == url else f"{shown}?{_HIDDEN}"


def photographed(entry: ConfigEntry[Any]) -> Camera | None:
    """Return a camera of an account with live sessions to capture, preferably one that is online."""
    cameras = [camera for camera in entry.runtime_data.data.values() if camera.webrtc is not None]
    return min(cameras, key=lambda camera: camera.online is False, default=None)


class CapturePages(OptionsFlowWithReload):
    """Asks for an engine, tests it, shows how long that took and stores it."""

    _typed: Mapping[str, Any] = {}
    _choice = CaptureChoice()
    _trial: asyncio.Task[float] | None = None
    _took = 0.0

    @property
    def offers_capture(self) -> bool:
        """Return whether there is a camera that needs captures."""
        return self.config_entry.state is ConfigEntryState.LOADED and photographed(self.config_entry) is not None

    async def async_step_capture(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which engine to use."""
        known = await async_capture_choice(self._store_of_secrets, self.config_entry)
        if user_input is not None:
            self._typed = user_input
            self._choice = _choice(user_input, known)
            if self._choice.mode is CaptureMode.NEVER:
                return await self.async_step_capture_store()
            return await self.async_step_capture_trial()
        return self._ask_for_engine(self._typed or _shown(known), None)

    def _ask_for_engine(self, values: Mapping[str, Any], error: HubError | None) -> ConfigFlowResult:
        modes = SelectSelectorConfig(options=[mode.value for mode in CaptureMode], translation_key="capture")
        schema = probatio.Schema(
            {
                probatio.Required(OPTION_CAPTURE): SelectSelector(modes),
                probatio.Optional(OPTION_BROWSERS): TextSelector(TextSelectorConfig(multiline=True)),
            }
        )
        return self.async_show_form(
            step_id="capture",
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors={"base": "capture_failed"} if error else {},
            description_placeholders={"reason": _said(error) if error else "", "example": "ws://192.0.2.50:9222"},
        )

    async def async_step_capture_trial(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a picture with it."""
        if self._trial is None:
            self._trial = self.hass.async_create_task(_tried(self.hass, self.config_entry, self._choice))
        if not self._trial.done():
            return self.async_show_progress(
                step_id="capture_trial", progress_action="capture_trial", progress_task=self._trial
            )
        return self.async_show_progress_done(next_step_id="capture_result")

    async def async_step_capture_result(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show how long it took, or what is missing."""
        trial, self._trial = self._trial, None
        if trial is not None:
            try:
                self._took = trial.result()
            except HubError as error:
                return self._ask_for_engine(self._typed, error)
        return await self.async_step_capture_store(None)

    async def async_step_capture_store(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Store the choice once the user has seen how long the trial took."""
        if user_input is None and self._choice.mode is not CaptureMode.NEVER:
            return self.async_show_form(
                step_id="capture_store", description_placeholders={"seconds": f"{self._took:.1f}"}
            )
        options = {key: value for key, value in self.config_entry.options.items() if key != OPTION_BROWSERS}
        if any(self._choice.browsers):
            options[OPTION_BROWSERS] = await self._store_of_secrets.async_seal("\n".join(self._choice.browsers))
        return self.async_create_entry(data={**options, OPTION_CAPTURE: self._choice.mode.value})

    @override
    @callback
    def async_remove(self) -> None:
        """End the trial with the dialog."""
        super().async_remove()
        if self._trial is not None:
            self._trial.cancel()

    @property
    def _store_of_secrets(self) -> CredentialStore:
        return self.hass.data[SHARED].store


async def _tried(hass: HomeAssistant, entry: ConfigEntry[Any], choice: CaptureChoice) -> float:
    """Return how many seconds a picture took, waiting once for the vendor's rate limit; raises HubError."""
    engine = await hass.data[SHARED].engines.async_pick(choice)
    try:
        return await _taken(entry, engine)
    except Throttled as error:
        if error.retry_after is None or error.retry_after > TURN_S:
            raise
        await hass.data[SHARED].clock.sleep(error.retry_after)
    return await _taken(entry, engine)


async def _taken(entry: ConfigEntry[Any], engine: LiveGrabber) -> float:
    begun = monotonic()
    camera = photographed(entry)
    if camera is not None and camera.webrtc is not None:
        await engine.grab_live(camera.webrtc, TRIAL_S)
    return monotonic() - begun


def _said(error: HubError) -> str:
    """Return why a trial failed, in the user's words."""
    return f"{sentence(error)}."


def _choice(typed: Mapping[str, Any], known: CaptureChoice) -> CaptureChoice:
    """Return what was entered; an address left as it was shown, masked, keeps its stored value."""
    stored = {masked(place): place for place in known.browsers}
    lines = [line.strip() for line in typed.get(OPTION_BROWSERS, "").splitlines()]
    places = tuple(stored.get(line, line) for line in lines if line)
    return CaptureChoice(mode=CaptureMode(typed[OPTION_CAPTURE]), browsers=places or ("",))


def _shown(known: CaptureChoice) -> Mapping[str, Any]:
    return {OPTION_CAPTURE: known.mode.value, OPTION_BROWSERS: "\n".join(masked(place) for place in known.browsers)}

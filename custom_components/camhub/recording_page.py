"""The options pages for what is recorded and how long it is kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import UnitOfInformation, UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from .const import OPTION_KEPT, OPTION_RECORDING
from .forms import number_selector
from .pages_by_camera import CameraPages
from .recording.encoding import Container, Quality
from .recording.recorder import RecordingSettings
from .recording.retention import RetentionLimits
from .recording_options import default_folder
from .recording_source import can_be_recorded

_FOLDER: Final = "folder"
_GB: Final = 10**9
_NUMBERS: Final = {
    "duration": number_selector(5, 600, UnitOfTime.SECONDS),
    "pre_roll": number_selector(0, 30, UnitOfTime.SECONDS),
    "maximum": number_selector(10, 3600, UnitOfTime.SECONDS),
}


def _select(key: str, options: list[str]) -> SelectSelector:
    config = SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, translation_key=key)
    return SelectSelector(config)


RECORDING: Final = probatio.Schema(
    {
        probatio.Required("automatic"): BooleanSelector(),
        **{probatio.Required(key): selector for key, selector in _NUMBERS.items()},
        probatio.Required("quality"): _select("quality", [*Quality]),
        probatio.Required("container"): _select("container", [*Container]),
    }
)
KEPT: Final = probatio.Schema(
    {
        probatio.Required("keep_days"): number_selector(0, 3650, UnitOfTime.DAYS),
        probatio.Required("keep_gb"): number_selector(0, 100_000, UnitOfInformation.GIGABYTES, 0.1),
        probatio.Required("free_gb"): number_selector(0, 100_000, UnitOfInformation.GIGABYTES, 0.1),
        probatio.Optional(_FOLDER): TextSelector(),
    }
)


def _recording_shown(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the page of a camera."""
    usual = RecordingSettings()
    known = {
        "automatic": usual.automatic,
        "duration": usual.duration,
        "pre_roll": usual.pre_roll,
        "maximum": usual.maximum,
        "quality": usual.encoding.quality.value,
        "container": usual.encoding.container.value,
    }
    return {key: stored.get(key, value) for key, value in known.items()}


def _kept_shown(stored: Mapping[str, Any]) -> dict[str, Any]:
    usual = RetentionLimits()
    known = {"keep_days": usual.days, "keep_gb": usual.size / _GB, "free_gb": usual.free / _GB, _FOLDER: ""}
    return {key: stored.get(key, value) for key, value in known.items()}


class RecordingPages(CameraPages):
    """Asks which camera to record and how, and how much to keep."""

    async def async_step_recording(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which camera."""
        return await self._of_one(
            "recording", user_input, self.async_step_recording_of, can_be_recorded, "no_camera_to_record"
        )

    async def async_step_recording_of(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how that camera is recorded."""
        recording: dict[str, dict[str, Any]] = dict(self.config_entry.options.get(OPTION_RECORDING, {}))
        before = recording.get(self._camera, {})
        if user_input is not None:
            recording[self._camera] = {**before, **user_input}
            return self._store({OPTION_RECORDING: recording})
        return self.async_show_form(
            step_id="recording_of",
            data_schema=self.add_suggested_values_to_schema(RECORDING, _recording_shown(before)),
            description_placeholders=await self._shown(),
        )

    async def async_step_recordings_kept(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how much is kept, and where."""
        errors: dict[str, str] = {}
        if user_input is not None:
            folder = str(user_input.get(_FOLDER, "")).strip()
            if not folder or await self.hass.async_add_executor_job(self._allowed, folder):
                return self._store({OPTION_KEPT: {**user_input, _FOLDER: folder}})
            errors[_FOLDER] = "path_not_allowed"
        shown = user_input or _kept_shown(self.config_entry.options.get(OPTION_KEPT, {}))
        return self.async_show_form(
            step_id="recordings_kept",
            data_schema=self.add_suggested_values_to_schema(KEPT, shown),
            errors=errors,
            description_placeholders={"folder": str(default_folder(self.hass))},
        )

    def _allowed(self, folder: str) -> bool:
        """Return whether Home Assistant may write to a folder; blocks."""
        return Path(folder).is_absolute() and self.hass.config.is_allowed_path(folder)

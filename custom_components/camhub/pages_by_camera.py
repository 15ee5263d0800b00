"""The base of options pages about one camera: choosing it, and showing its picture."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.core import callback
import probatio

from .forms import choice
from .kernel.provider import Camera
from .preview import async_glance
from .runtime import SHARED

CAMERA: Final = "camera"


class CameraPages(OptionsFlowWithReload):
    """Asks which camera, then about that one."""

    _camera = ""

    async def _of_one(
        self,
        step: str,
        user_input: dict[str, Any] | None,
        ask: Callable[[], Awaitable[ConfigFlowResult]],
        wanted: Callable[[Camera], bool] = lambda _: True,
        nobody: str = "no_camera",
    ) -> ConfigFlowResult:
        """Ask which of the wanted cameras if there are several, and continue; abort with `nobody` if there is none."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        cameras = self.config_entry.runtime_data.data.values()
        names = {camera.id: camera.identity.name for camera in cameras if wanted(camera)}
        if not names:
            return self.async_abort(reason=nobody)
        if user_input is None and len(names) > 1:
            schema = probatio.Schema({probatio.Required(CAMERA): choice(names)})
            return self.async_show_form(step_id=step, data_schema=schema)
        self._camera = user_input[CAMERA] if user_input is not None else next(iter(names))
        return await ask()

    def _has(self, wanted: Callable[[Camera], bool]) -> bool:
        """Return whether there is such a camera, or may be while the account is not loaded."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return True
        return any(map(wanted, self.config_entry.runtime_data.data.values()))

    async def _shown(self) -> dict[str, str]:
        """Return the placeholders for the chosen camera: its name and its current picture."""
        coordinator = self.config_entry.runtime_data
        picture = await async_glance(coordinator, self._camera)
        return {
            "camera": coordinator.data[self._camera].identity.name,
            "picture": self.hass.data[SHARED].previews.async_show(self.flow_id, picture),
        }

    def _store(self, changes: dict[str, Any]) -> ConfigFlowResult:
        """Finish the flow with changed options."""
        return self.async_create_entry(data={**self.config_entry.options, **changes})

    @override
    @callback
    def async_remove(self) -> None:
        """Drop the picture with the flow."""
        super().async_remove()
        self.hass.data[SHARED].previews.async_forget(self.flow_id)

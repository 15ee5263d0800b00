"""Whether recordings of cameras with a viewer list are in a media folder, where every user can open them."""

from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import OPTION_RECORDING, OPTION_VIEWERS
from .recording.library import Library, recordings_in

OPEN: Final = "recordings_open"


def is_media(hass: HomeAssistant, folder: Path) -> bool:
    """Return whether a folder is one of Home Assistant's media folders, or lies in one; blocks."""
    place = folder.resolve()
    return any(place.is_relative_to(Path(media).resolve()) for media in hass.config.media_dirs.values())


class Exposure:
    """Looks at the folders of one account's recordings, the chosen one and the default."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], chosen: Path, usual: Path) -> None:
        """Look at nothing yet."""
        self._hass = hass
        self._entry = entry
        self._chosen = chosen
        self._folders = {chosen, usual}
        self.found = False

    @property
    def possible(self) -> bool:
        """Return whether any camera of the account has a viewer list."""
        return bool(self._entry.options.get(OPTION_VIEWERS))

    async def async_look(self) -> bool:
        """Look again; return whether the result has changed."""
        found = self.possible and await self._hass.async_add_executor_job(self._look)
        changed = found is not self.found
        self.found = found
        return changed

    def _look(self) -> bool:
        """Return whether there are such recordings, or will be at the next motion; blocks."""
        shown = [each for each in self._folders if is_media(self._hass, each)]
        stored = self._entry.options.get(OPTION_RECORDING, {})
        restricted: list[str] = list(self._entry.options[OPTION_VIEWERS])
        if self._chosen in shown and any(stored.get(camera_id, {}).get("automatic") for camera_id in restricted):
            return True
        libraries = [Library(folder, self._entry.entry_id) for folder in shown]
        folders = [library.of(camera_id).folder for library in libraries for camera_id in restricted]
        return any(True for folder in folders for _ in recordings_in(folder))

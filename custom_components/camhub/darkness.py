"""Cameras and accounts that have been offline for long: repair issues whose dialog looks for the reason."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import CAMERA_TELL, DEFAULT_DARK, OPTION_CAMERAS, OPTION_DARK
from .issues import async_raise
from .kernel.clock import Clock
from .kernel.provider import Camera


class Darkness:
    """Remembers since when each camera of an account, or the account itself, is offline."""

    def __init__(self, entry: ConfigEntry[Any], clock: Clock) -> None:
        """Start with nothing offline: the time counts anew after a restart."""
        self._entry = entry
        self._clock = clock
        self._hours = int(entry.options.get(OPTION_DARK, DEFAULT_DARK))
        chosen: Mapping[str, Mapping[str, Any]] = entry.options.get(OPTION_CAMERAS, {})
        self._silent = {camera_id for camera_id, one in chosen.items() if not one.get(CAMERA_TELL, True)}
        self._since: dict[str | None, datetime] = {}

    def since(self, camera_id: str) -> datetime | None:
        """Return since when a camera or its account is offline, None if neither is."""
        return self._since.get(camera_id, self._since.get(None))

    @callback
    def async_raise(self, hass: HomeAssistant, cameras: Collection[Camera], *, reached: bool) -> set[str]:
        """Create an issue for whatever has been offline too long; returns their ids.

        An unreachable account gets one issue, not one per camera.
        """
        now = self._clock.now()
        heard = [camera for camera in cameras if camera.id not in self._silent]
        dark = {camera.id: camera for camera in heard if camera.online is False} if reached else {}
        gone: set[str | None] = set() if reached else {None}
        keep = gone | (dark.keys() if reached else self._since.keys())
        self._since = {who: self._since.get(who, now) for who in keep}
        if not self._hours or not cameras:
            return set()
        late = {who for who, since in self._since.items() if now - since >= timedelta(hours=self._hours)}
        first = next(iter(cameras))
        raised = {self._tell(hass, dark[who], "camera_dark", self._since[who]) for who in late if who in dark}
        if None in late:
            raised.add(self._tell(hass, first, "account_dark", self._since[None]))
        return raised

    def _tell(self, hass: HomeAssistant, camera: Camera, key: str, since: datetime) -> str:
        issue_id = f"{key}_{self._entry.entry_id}" + (f"_{camera.id}" if key == "camera_dark" else "")
        async_raise(
            hass,
            self._entry,
            issue_id,
            key,
            fixable=True,
            camera_id=camera.id,
            camera=camera.identity.name,
            since=dt_util.as_local(since).strftime("%Y-%m-%d %H:%M"),
        )
        return issue_id

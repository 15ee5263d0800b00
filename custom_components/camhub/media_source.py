"""Recordings in the media browser: by camera, then by day, then by clip.

What a player is handed is the path of our own route, which asks again who may see the camera.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, override
from urllib.parse import quote, unquote

from homeassistant.components.media_player import BrowseError, MediaClass, MediaType
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.components.websocket_api import current_connection
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .access import may_view
from .const import DOMAIN
from .coordinator import CamHubConfigEntry
from .kernel.errors import HubError
from .kernel.model import Clip
from .kernel.provider import Camera
from .stream_paths import camera_key, parse_key, sign, stream_path

# Recorders keep weeks; older days are found by the recorder's own tools.
DAYS_SHOWN: Final = 30


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Return the source of all accounts' recordings."""
    return CamHubMediaSource(hass)


class CamHubMediaSource(MediaSource):
    """Lists what the vendors keep; nothing is copied."""

    name = "CamHub"

    def __init__(self, hass: HomeAssistant) -> None:
        """Take the name of the integration."""
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        key, day, _ = _parts(item.identifier)
        if not key:
            return _folder("", self.name, [_folder(key, name) for key, name in self._recorded()])
        entry, camera = self._find(key, BrowseError)
        if not day:
            days = [dt_util.now().date() - timedelta(days=back) for back in range(DAYS_SHOWN)]
            folders = [_folder(f"{key}/{each.isoformat()}", each.isoformat()) for each in days]
            return _folder(key, camera.identity.name, folders)
        try:
            clips = await self._clips(camera, day)
        except HubError as error:
            raise BrowseError(translation_domain=DOMAIN, translation_key=error.reason) from error
        shown = [_clip(camera_key(entry.entry_id, camera.id), day, clip) for clip in reversed(clips)]
        return _folder(f"{key}/{day}", day, shown)

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        key, day, clip_id = _parts(item.identifier)
        _, camera = self._find(key, Unresolvable)
        try:
            clips = await self._clips(camera, day)
        except (HubError, BrowseError) as error:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="no_recording") from error
        for clip in clips:
            if clip.id == clip_id:
                # Signed here: Home Assistant signs paths decoded, and a clip's id may hold a slash.
                path = sign(self._hass, stream_path(unquote(key), "recordings", clip.id))
                return PlayMedia(path, clip.content_type)
        raise Unresolvable(translation_domain=DOMAIN, translation_key="no_recording")

    def _recorded(self) -> Iterator[tuple[str, str]]:
        """Yield key and name of each camera that has recordings and that whoever asks may see."""
        entries: list[CamHubConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            for camera in entry.runtime_data.data.values():
                if camera.clips is not None and self._may_view(entry, camera.id):
                    yield quote(camera_key(entry.entry_id, camera.id), safe=""), camera.identity.name

    def _find(self, key: str, error: type[BrowseError | Unresolvable]) -> tuple[CamHubConfigEntry, Camera]:
        """Return the camera of a key; raises `error` alike for none and for one that is not yours."""
        entry_id, camera_id = parse_key(unquote(key)) or ("", "")
        entries: list[CamHubConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            camera = entry.runtime_data.data.get(camera_id) if entry.entry_id == entry_id else None
            if camera is not None and camera.clips is not None and self._may_view(entry, camera_id):
                return entry, camera
        raise error(translation_domain=DOMAIN, translation_key="not_yours")

    def _may_view(self, entry: CamHubConfigEntry, camera_id: str) -> bool:
        """Tell whether the user whose connection this is may see a camera; automations may."""
        connection = current_connection.get()
        return connection is None or may_view(self._hass, connection.user, entry, camera_id)

    async def _clips(self, camera: Camera, day: str) -> list[Clip]:
        """Return the clips of a day of the user's calendar; raises HubError, BrowseError for what is no day."""
        date = dt_util.parse_date(day)
        if date is None or camera.clips is None:
            raise BrowseError(translation_domain=DOMAIN, translation_key="no_recording")
        start = dt_util.start_of_local_day(date)
        end: datetime = dt_util.start_of_local_day(date + timedelta(days=1))
        return list(await camera.clips.between(start, end))


def _parts(identifier: str | None) -> tuple[str, str, str]:
    """Return camera, day and clip of an identifier, empty where they are missing."""
    key, _, rest = (identifier or "").partition("/")
    day, _, clip_id = rest.partition("/")
    return key, day, unquote(clip_id)


def _folder(identifier: str, title: str, children: list[BrowseMediaSource] | None = None) -> BrowseMediaSource:
    """Return something to open."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type=MediaType.VIDEO,
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
        children_media_class=MediaClass.VIDEO,
    )


def _clip(key: str, day: str, clip: Clip) -> BrowseMediaSource:
    """Return something to play, named by its time and what was seen."""
    when = dt_util.as_local(clip.start).strftime("%H:%M:%S")
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=f"{quote(key, safe='')}/{day}/{quote(clip.id, safe='')}",
        media_class=MediaClass.VIDEO,
        media_content_type=clip.content_type,
        title=f"{when} {clip.kind}" if clip.kind else when,
        can_play=True,
        can_expand=False,
    )

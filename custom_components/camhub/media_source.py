"""Recordings in the media browser, newest first: by camera, then by day or by what was seen.

What a player or a browser is handed is a signed path of our own routes, which ask again who may see the camera.
"""

from collections.abc import Iterator, Sequence
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
from .kernel.provider import Camera, Clips, LabelledClips, PicturedClips
from .stream_clips import find_clip, recording_id
from .stream_entry import entry_streams
from .stream_paths import camera_key, parse_key, sign, stream_path

# Recorders keep weeks; older days are found by the recorder's own tools.
DAYS_SHOWN: Final = 30
# More of one kind than this are not looked through one by one.
LABELLED_SHOWN: Final = 200
# What stands after the camera in an identifier.
DAY: Final = "day"
LABEL: Final = "label"
CLIP: Final = "clip"


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
        key, what, *names = _parts(item.identifier)
        if not key:
            return _folder((), self.name, [_folder((key,), name) for key, name in self._recorded()])
        entry, camera, clips = self._find(key, BrowseError)
        if not what:
            return _folder((key,), camera.identity.name, [*_labels(key, clips), *_days(key)])
        shelf = _Shelf(self._hass, entry, camera, clips)
        try:
            match what, names:
                case "day", [day, *label]:
                    return await shelf.day(_date(day), label[0] if label else "")
                case "label", [label]:
                    return await shelf.label(label)
                case _:
                    raise BrowseError(translation_domain=DOMAIN, translation_key="no_recording")
        except HubError as error:
            raise BrowseError(translation_domain=DOMAIN, translation_key=error.reason) from error

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        key, what, *names = _parts(item.identifier)
        entry, camera, _ = self._find(key, Unresolvable)
        name = names[0] if what == CLIP and names else ""
        try:
            clip = await find_clip(entry_streams(self._hass, entry.runtime_data), camera, name)
        except HubError as error:
            raise Unresolvable(translation_domain=DOMAIN, translation_key=error.reason) from error
        if clip is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="no_recording")
        # Signed here: Home Assistant signs paths decoded, and a camera's key may hold a slash.
        return PlayMedia(sign(self._hass, stream_path(key, "recordings", name)), clip.content_type)

    def _recorded(self) -> Iterator[tuple[str, str]]:
        """Yield key and name of each camera that has recordings and that whoever asks may see."""
        entries: list[CamHubConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            for camera in entry.runtime_data.data.values():
                if camera.clips is not None and self._may_view(entry, camera.id):
                    yield camera_key(entry.entry_id, camera.id), camera.identity.name

    def _find(self, key: str, error: type[BrowseError | Unresolvable]) -> tuple[CamHubConfigEntry, Camera, Clips]:
        """Return the camera of a key; raises `error` alike for none and for one that is not yours."""
        entry_id, camera_id = parse_key(key) or ("", "")
        entries: list[CamHubConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            camera = entry.runtime_data.data.get(camera_id) if entry.entry_id == entry_id else None
            if camera is not None and camera.clips is not None and self._may_view(entry, camera_id):
                return entry, camera, camera.clips
        raise error(translation_domain=DOMAIN, translation_key="not_yours")

    def _may_view(self, entry: CamHubConfigEntry, camera_id: str) -> bool:
        """Tell whether the user whose connection this is may see a camera; automations may."""
        connection = current_connection.get()
        return connection is None or may_view(self._hass, connection.user, entry, camera_id)


class _Shelf:
    """The recordings of one camera."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera, clips: Clips) -> None:
        self._hass = hass
        self._streams = entry_streams(hass, entry.runtime_data)
        self._camera = camera
        self._clips = clips
        self._key = camera_key(entry.entry_id, camera.id)

    async def day(self, start: datetime, label: str) -> BrowseMediaSource:
        """Return the clips of a day of the user's calendar, those of one label where it is named; raises HubError."""
        end = dt_util.start_of_local_day(start.date() + timedelta(days=1))
        clips = await self._clips.between(start, end)
        date = start.date().isoformat()
        shown = self._shown([clip for clip in clips if label in {"", _seen(clip)}], "%H:%M:%S")
        seen = sorted({_seen(clip) for clip in clips} - {""})
        if label:
            return _folder((self._key, DAY, date, label), f"{date} {_title(label)}", shown)
        folders = [_folder((self._key, DAY, date, each), _title(each)) for each in seen]
        return _folder((self._key, DAY, date), date, [*(folders if len(folders) > 1 else []), *shown])

    async def label(self, label: str) -> BrowseMediaSource:
        """Return the newest clips of one label; raises HubError."""
        end = dt_util.utcnow()
        clips: Sequence[Clip] = ()
        if isinstance(self._clips, LabelledClips):
            clips = await self._clips.labelled(label, end - timedelta(days=DAYS_SHOWN), end)
        folder = _folder(
            (self._key, LABEL, label), _title(label), self._shown(clips[-LABELLED_SHOWN:], "%Y-%m-%d %H:%M:%S")
        )
        folder.not_shown = max(0, len(clips) - LABELLED_SHOWN)
        return folder

    def _shown(self, clips: Sequence[Clip], form: str) -> list[BrowseMediaSource]:
        """Return clips to play, newest first, with their pictures."""
        named = {recording_id(clip): clip for clip in reversed(clips)}
        self._streams.remember(named, self._camera.id)
        return [self._item(name, clip, form) for name, clip in named.items()]

    def _item(self, name: str, clip: Clip, form: str) -> BrowseMediaSource:
        """Return something to play, named by its time and what was seen."""
        thumbnail = None
        if isinstance(self._clips, PicturedClips):
            thumbnail = sign(self._hass, stream_path(self._key, "recordings", name, "thumbnail"))
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=_identifier(self._key, CLIP, name),
            media_class=MediaClass.VIDEO,
            media_content_type=clip.content_type,
            title=f"{dt_util.as_local(clip.start).strftime(form)} {_seen(clip)}".rstrip(),
            can_play=True,
            can_expand=False,
            thumbnail=thumbnail,
        )


def _labels(key: str, clips: Clips) -> list[BrowseMediaSource]:
    """Return a folder for each thing that may have been seen."""
    labels = clips.labels() if isinstance(clips, LabelledClips) else ()
    return [_folder((key, LABEL, label), _title(label)) for label in labels]


def _days(key: str) -> list[BrowseMediaSource]:
    """Return a folder for each of the last days."""
    today = dt_util.now().date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(DAYS_SHOWN)]
    return [_folder((key, DAY, day), day) for day in days]


def _date(day: str) -> datetime:
    """Return the beginning of a day; raises BrowseError for what is no day."""
    if (date := dt_util.parse_date(day)) is None:
        raise BrowseError(translation_domain=DOMAIN, translation_key="no_recording")
    return dt_util.start_of_local_day(date)


def _seen(clip: Clip) -> str:
    """Return what a clip shows, in the vendor's word or else in ours."""
    return clip.label or clip.kind or ""


def _title(label: str) -> str:
    return label.replace("_", " ").capitalize()


def _identifier(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _parts(identifier: str | None) -> list[str]:
    """Return the parts of an identifier: the camera and what of it, empty where they are missing, and names."""
    parts = [unquote(part) for part in (identifier or "").split("/")]
    return parts if len(parts) > 1 else [*parts, ""]


def _folder(parts: tuple[str, ...], title: str, children: list[BrowseMediaSource] | None = None) -> BrowseMediaSource:
    """Return something to open."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=_identifier(*parts),
        media_class=MediaClass.DIRECTORY,
        media_content_type=MediaType.VIDEO,
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
        children_media_class=MediaClass.VIDEO,
    )

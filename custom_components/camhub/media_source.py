"""Recordings in the media browser, newest first: by account, camera, then by day or by what was seen.

An identifier is `<entry>/<camera>/<day>/<event>`; in that of a folder `label:<word>` may replace the day or the event,
and `page:<number>` the event. Players and browsers get a signed path of our own routes, which check again who may see
the camera.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .access import may_view
from .checking import async_language
from .clip_sources import Found, Sources, clip_sources
from .const import DOMAIN, VENDOR
from .coordinator import CamHubConfigEntry
from .kernel.errors import HubError
from .kernel.model import Clip
from .kernel.provider import Camera
from .recording.film_forms import played_as
from .runtime import SHARED
from .stream_clips import film_name, find_clip
from .stream_entry import entry_streams
from .stream_paths import camera_key, sign, stream_path

# Recorders keep weeks; for older days there are the recorder's own tools.
DAYS_SHOWN: Final = 30
PAGE: Final = 200
# Prefixes in an identifier; no day and no event contains a colon.
_LABEL: Final = "label:"
_PAGE: Final = "page:"
_DIGITS: Final = 5
_OLDER: Final = f"component.{DOMAIN}.common.older_recordings"
_KINDS: Final = f"component.{DOMAIN}.selector.event_kind.options"
# Short, since a tile has room for some twenty letters; the days shown span less than a year.
_DAY_AND_TIME: Final = "%m-%d %H:%M:%S"
_TIME: Final = "%H:%M:%S"


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Return the source of all accounts' recordings."""
    return CamHubMediaSource(hass)


class CamHubMediaSource(MediaSource):
    """Lists the recordings of vendors and those made by CamHub."""

    name = "CamHub"

    def __init__(self, hass: HomeAssistant) -> None:
        """Set the domain."""
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        entry_id, camera_id, *rest = _parts(item.identifier)
        if not camera_id:
            return self._accounts(entry_id)
        entry, camera = self._find(entry_id, camera_id, BrowseError)
        shelf = _Shelf(self._hass, entry, camera, await _async_words(self._hass))
        try:
            if not rest:
                return shelf.cover()
            return await shelf.open(*rest)
        except HubError as error:
            raise BrowseError(translation_domain=DOMAIN, translation_key=error.reason) from error

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        entry_id, camera_id, *rest = _parts(item.identifier)
        entry, camera = self._find(entry_id, camera_id, Unresolvable)
        coordinator, name = entry.runtime_data, rest[-1] if len(rest) > 1 else ""
        try:
            found = await find_clip(entry_streams(self._hass, coordinator), coordinator, camera, name)
        except HubError as error:
            raise Unresolvable(translation_domain=DOMAIN, translation_key=error.reason) from error
        if found is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="no_recording")
        film = self._hass.data[SHARED].films.peek(film_name(coordinator, found))
        # Signed here: Home Assistant signs the decoded path, and a camera key may contain a slash.
        path = sign(self._hass, stream_path(camera_key(entry_id, camera_id), "recordings", name))
        return PlayMedia(path, played_as(found.clip), path=film.path if film else None)

    def _accounts(self, entry_id: str) -> BrowseMediaSource:
        """Return the cameras of an account, or of the only account; else the list of accounts."""
        recorded = {entry: cameras for entry in self._entries() if (cameras := list(self._recorded(entry)))}
        chosen = [entry for entry in recorded if entry.entry_id == entry_id or (not entry_id and len(recorded) == 1)]
        if entry_id and not chosen:
            raise BrowseError(translation_domain=DOMAIN, translation_key="not_yours")
        if not chosen:
            return _folder((), self.name, [_folder((entry.entry_id,), entry.title) for entry in recorded])
        (entry,) = chosen
        folders = [_folder((entry.entry_id, camera.id), camera.identity.name) for camera in recorded[entry]]
        return _folder((entry_id,), entry.title, folders) if entry_id else _folder((), self.name, folders)

    def _entries(self) -> list[CamHubConfigEntry]:
        return self._hass.config_entries.async_loaded_entries(DOMAIN)

    def _recorded(self, entry: CamHubConfigEntry) -> Iterator[Camera]:
        """Yield each camera with recordings that the user may see."""
        for camera in entry.runtime_data.data.values():
            if clip_sources(entry.runtime_data, camera) and self._may_view(entry, camera.id):
                yield camera

    def _find(
        self, entry_id: str, camera_id: str, error: type[BrowseError | Unresolvable]
    ) -> tuple[CamHubConfigEntry, Camera]:
        """Return an account and its camera; raises the same `error` for an unknown camera and a forbidden one."""
        for entry in self._entries():
            if entry.entry_id == entry_id:
                for camera in self._recorded(entry):
                    if camera.id == camera_id:
                        return entry, camera
        raise error(translation_domain=DOMAIN, translation_key="not_yours")

    def _may_view(self, entry: CamHubConfigEntry, camera_id: str) -> bool:
        """Return whether the user of this connection may see a camera; automations may."""
        connection = current_connection.get()
        return connection is None or may_view(self._hass, connection.user, entry, camera_id)


class _Shelf:
    """The recordings of one camera."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera, words: Mapping[str, str]) -> None:
        self._hass = hass
        self._words = words
        self._streams = entry_streams(hass, entry.runtime_data)
        self._camera = camera
        self._sources: Sources = clip_sources(entry.runtime_data, camera)
        self._parts = (entry.entry_id, camera.id)
        self._key = camera_key(entry.entry_id, camera.id)

    def cover(self) -> BrowseMediaSource:
        """Return a folder for each label and for each of the last days."""
        today = dt_util.now().date()
        days = [(today - timedelta(days=back)).isoformat() for back in range(DAYS_SHOWN)]
        labels = [_folder((*self._parts, f"{_LABEL}{label}"), self._word(label)) for label in self._sources.labels()]
        return _folder(
            self._parts, self._camera.identity.name, [*labels, *(_folder((*self._parts, day), day) for day in days)]
        )

    async def open(self, what: str, *rest: str) -> BrowseMediaSource:
        """Return a page of a day, of a label or of a label within a day; raises HubError, BrowseError."""
        page = 1
        if rest and rest[-1].startswith(_PAGE):
            page, rest = _number(rest[-1].removeprefix(_PAGE)), rest[:-1]
        label = rest[0].removeprefix(_LABEL) if rest else ""
        if len(rest) > 1 or (rest and label == rest[0]):
            raise _nothing()
        if what.startswith(_LABEL):
            return await self._label(what.removeprefix(_LABEL), page)
        return await self._day(_date(what), label, page)

    async def _day(self, start: datetime, label: str, page: int) -> BrowseMediaSource:
        """Return the clips of a local day, of one label if that is given."""
        end = dt_util.start_of_local_day(start.date() + timedelta(days=1))
        found = await self._sources.between(start, end)
        date = start.date().isoformat()
        parts = (*self._parts, date)
        if label:
            chosen = [each for each in found if _seen(each.clip) == label]
            return self._page((*parts, f"{_LABEL}{label}"), f"{date} {self._word(label)}", chosen, _TIME, page)
        seen = sorted({_seen(each.clip) for each in found} - {""})
        folder = self._page(parts, date, found, _TIME, page, mixed=True)
        if len(seen) > 1 and page == 1:
            folder.children = [
                *(_folder((*parts, f"{_LABEL}{each}"), self._word(each)) for each in seen),
                *(folder.children or ()),
            ]
        return folder

    async def _label(self, label: str, page: int) -> BrowseMediaSource:
        """Return the clips of one label from all days shown."""
        end = dt_util.utcnow()
        found = await self._sources.labelled(label, end - timedelta(days=DAYS_SHOWN), end)
        return self._page((*self._parts, f"{_LABEL}{label}"), self._word(label), found, _DAY_AND_TIME, page)

    def _page(
        self, parts: tuple[str, ...], title: str, found: Sequence[Found], form: str, page: int, *, mixed: bool = False
    ) -> BrowseMediaSource:
        """Return one page of clips, newest first, and a folder for the next; `mixed` titles include what was seen."""
        begin = (page - 1) * PAGE
        named = {each.name: each for each in found[begin : begin + PAGE]}
        self._streams.remember({name: each.clip for name, each in named.items()}, self._camera.id)
        children = [self._item(name, each, form, mixed=mixed) for name, each in named.items()]
        if len(found) > begin + PAGE:
            older = self._words[_OLDER].format(count=len(found) - begin - PAGE)
            children.append(_folder((*parts, f"{_PAGE}{page + 1}"), older))
        shown = title if page == 1 else f"{title} ({page})"
        return _folder(parts if page == 1 else (*parts, f"{_PAGE}{page}"), shown, children)

    def _word(self, label: str) -> str:
        """Return a label in the user's language, or the vendor's word if we have no translation."""
        return self._words.get(f"{_KINDS}.{label}") or label.replace("_", " ").capitalize()

    def _item(self, name: str, found: Found, form: str, *, mixed: bool) -> BrowseMediaSource:
        """Return a playable item, titled by its time and by what its folder does not say."""
        clip, start = found.clip, dt_util.as_local(found.clip.start)
        thumbnail = None
        if found.pictured:
            thumbnail = sign(self._hass, stream_path(self._key, "recordings", name, "thumbnail"))
        seen = self._word(_seen(clip)) if mixed else ""
        ours = f"({CamHubMediaSource.name})" if self._sources.mixed and found.source != VENDOR else ""
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=_identifier(*self._parts, start.date().isoformat(), name),
            media_class=MediaClass.VIDEO,
            media_content_type=played_as(clip),
            title=" ".join(part for part in (start.strftime(form), seen, ours) if part),
            can_play=True,
            can_expand=False,
            thumbnail=thumbnail,
        )


async def _async_words(hass: HomeAssistant) -> dict[str, str]:
    """Return the texts for folder titles, in the language of the user of this connection."""
    connection = current_connection.get()
    language = await async_language(hass, connection.user if connection else None)
    words = await async_get_translations(hass, language, "selector", [DOMAIN])
    return {**words, **await async_get_translations(hass, language, "common", [DOMAIN])}


def _nothing() -> BrowseError:
    return BrowseError(translation_domain=DOMAIN, translation_key="no_recording")


def _date(day: str) -> datetime:
    """Return the start of a local day; raises BrowseError for an invalid date."""
    if (date := dt_util.parse_date(day)) is None:
        raise _nothing()
    return dt_util.start_of_local_day(date)


def _number(text: str) -> int:
    """Return a page number; raises BrowseError for an invalid one."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= _DIGITS and int(text)):
        raise _nothing()
    return int(text)


def _seen(clip: Clip) -> str:
    """Return the label of a clip: the vendor's, else ours."""
    return clip.label or clip.kind or ""


def _identifier(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _parts(identifier: str | None) -> list[str]:
    """Return the parts of an identifier; account and camera are empty if they are missing."""
    parts = [unquote(part) for part in (identifier or "").split("/")]
    return parts if len(parts) > 1 else [*parts, ""]


def _folder(parts: tuple[str, ...], title: str, children: list[BrowseMediaSource] | None = None) -> BrowseMediaSource:
    """Return a folder."""
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

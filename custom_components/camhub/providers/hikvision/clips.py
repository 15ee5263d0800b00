"""What a device has recorded of a channel: listed by search, handed out as the MPEG program streams they are."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, tzinfo
import re
from types import MappingProxyType
from typing import Final, override
from uuid import uuid4

from yarl import URL

from ...kernel.errors import Unsupported
from ...kernel.model import Clip, EventKind
from ...kernel.provider import Context, LabelledClips
from .answers import Forbidden
from .client import IsapiClient
from .media import CameraHandle
from .searching import Match, Page, download_of, page_of, search_of
from .zone import DeviceZone

# No browser plays them as they are; recording/remux.py makes MP4 of them.
CONTENT_TYPE: Final = "video/mpeg"
MOST_PAGES: Final = 25
# Addresses as the device told them, of so many recordings; the others are put together again.
REMEMBERED: Final = 512
# What a recording is called that was made by the clock, and what those are called that an event made.
TIMED: Final = "timing"
LABELS: Final[Mapping[EventKind, str]] = MappingProxyType(
    {
        EventKind.MOTION: "motion",
        EventKind.LINE_CROSSING: "linedetection",
        EventKind.INTRUSION: "fielddetection",
        EventKind.REGION_ENTRANCE: "regionentrance",
        EventKind.REGION_EXIT: "regionexiting",
        EventKind.FACE: "facedetection",
        EventKind.SCENE_CHANGE: "scenechangedetection",
        EventKind.TAMPER: "tamperdetection",
        EventKind.SOUND: "audioexception",
        EventKind.ALARM_INPUT: "alarm",
    }
)
_ID: Final = re.compile(r"(\d{1,5})/([\dTZ:+-]{8,32})/([\dTZ:+-]{8,32})/([\w.-]{0,128})/(\d{0,15})", re.ASCII)


class ChannelClips(LabelledClips):
    """The recordings of one channel's main stream."""

    def __init__(
        self, context: Context, client: IsapiClient, camera: str, handle: CameraHandle, zone: DeviceZone
    ) -> None:
        """Read `handle` each time: ids and kinds may be learned later."""
        self._clock = context.clock
        self._client = client
        self._camera = camera
        self._handle = handle
        self._zone = zone
        self._addresses: dict[str, str] = {}

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List the recordings that touch a time, oldest first, a thousand at most; raises HubError."""
        zone, found, seen = await self._zone.read(), dict[str, Clip](), set[URL]()
        search, since, position = _new_search(), start, 0
        for _ in range(MOST_PAGES):
            page = await self._page(search_of(search, self._handle.main.id, since, end, position, zone), zone)
            for match in page.matches:
                if match.start < end and match.end > start:
                    clip = self._clip(match)
                    found[clip.id] = clip
            if not page.more or not page.count:
                break
            position += page.count
            if page.matches and all(match.address in seen for match in page.matches):
                # Old recorders begin anew each time, wherever they are asked to go on.
                search, before, since, position = _new_search(), since, max(each.start for each in page.matches), 0
                if since <= before:
                    break
            seen.update(match.address for match in page.matches)
        return sorted(found.values(), key=lambda clip: clip.start)

    @override
    def labels(self) -> Sequence[str]:
        """Return what recordings of this channel may be called: by the clock, or by what it detects."""
        return (TIMED, *(label for kind, label in LABELS.items() if kind in self._handle.kinds))

    @override
    async def labelled(self, label: str, start: datetime, end: datetime) -> Sequence[Clip]:
        """List those with a label; chosen here, since recorders ignore what kind they are asked for."""
        return [clip for clip in await self.between(start, end) if clip.label == label]

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield one recording as it is; raises HubError, Unsupported where it is gone or may not be played."""
        address = self._address(clip.id)
        try:
            async for chunk in self._client.film("ContentMgmt/download", download_of(address)):
                yield chunk
        except Forbidden as error:
            raise Unsupported(str(error), reason="playback_not_allowed") from error
        except Unsupported as error:
            raise Unsupported(str(error), reason="not_on_server") from error

    async def _page(self, asked: bytes, zone: tzinfo) -> Page:
        try:
            return page_of(await self._client.post("ContentMgmt/search", asked), zone)
        except Forbidden as error:
            raise Unsupported(str(error), reason="playback_not_allowed") from error

    def _clip(self, match: Match) -> Clip:
        asked = match.address.query
        parts = (match.track, *(asked.get(key, "") for key in ("starttime", "endtime", "name", "size")))
        identifier = "/".join(parts)
        self._addresses[identifier] = str(match.address)
        if len(self._addresses) > REMEMBERED:
            del self._addresses[next(iter(self._addresses))]
        # A device sets the end of what it still records ahead, to where it will begin another.
        return Clip(
            id=identifier,
            camera=self._camera,
            start=match.start,
            end=None if match.end > self._clock.now() else match.end,
            kind=match.kind,
            label=match.label,
            content_type=CONTENT_TYPE,
            size=match.size,
        )

    def _address(self, identifier: str) -> str:
        """Return the address of a recording: as the device told it, else from its id."""
        if (told := self._addresses.get(identifier)) is not None:
            return told
        found = _ID.fullmatch(identifier)
        if found is None:
            raise Unsupported("no such recording", reason="not_on_server")
        asked = zip(("starttime", "endtime", "name", "size"), found.groups()[1:], strict=True)
        query = "&".join(f"{key}={value}" for key, value in asked if value)
        host = URL(self._client.base).host_subcomponent
        return f"rtsp://{host}/Streaming/tracks/{found[1]}/?{query}"


def _new_search() -> str:
    return str(uuid4()).upper()

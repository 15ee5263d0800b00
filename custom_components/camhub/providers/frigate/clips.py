"""Recordings and the films of events (protocols.md 5.9)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
import math
import re
from typing import Final, override
from urllib.parse import quote

from ...kernel.errors import Malformed, Unsupported
from ...kernel.jpeg import JPEG_START
from ...kernel.model import Clip, Image, JsonValue
from ...kernel.provider import ExportedClips, LabelledClips, PicturedClips
from ...kernel.reading import child, moment, text
from .answers import NotThere
from .media import CameraHandle
from .reading import objects
from .tracked_object import tracked_objects
from .tracker import clip_of

# Pieces of a recording that are this close belong together; a film of it is an hour by the clock at most, so that it is
# the same film whatever time is asked for.
GAP: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=1)
# A recording whose last piece is no older than this goes on: pieces are ten seconds and are written down late.
GOES_ON: Final = timedelta(seconds=60)
LIMIT: Final = 1000
NAME_LENGTH: Final = 256
THUMBNAIL_HEIGHT: Final = 180
# The first frame of a piece may lie a little behind its beginning.
_INTO: Final = timedelta(seconds=1)
_EVENT: Final = re.compile(r"event/([^/]+)")
_RECORDING: Final = re.compile(r"recording/\d+(?:\.\d+)?", re.ASCII)
_PICTURES: Final = {JPEG_START: "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


class ServerClips(PicturedClips, LabelledClips, ExportedClips):
    """What the server recorded of one camera: its events, and everything in pieces of at most an hour."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List the films of events and the recordings that touch a time, oldest first; raises HubError."""
        found = [*await self._events(start, end), *await self._recordings(start, end)]
        return sorted(found, key=lambda each: each.start)

    @override
    def labels(self) -> Sequence[str]:
        """Return what the camera looks and listens for."""
        return self._handle.unit.labels

    @override
    async def labelled(self, label: str, start: datetime, end: datetime) -> Sequence[Clip]:
        """List the newest films of events of one label, oldest first; raises HubError."""
        found = await self._events(start, end, {"labels": label})
        return sorted(found, key=lambda each: each.start)

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield the bytes of one film, of one that goes on up to now; raises HubError, Unsupported where it is gone."""
        client = self._handle.client
        async with client.stream(self._film(clip)) as response:
            while chunk := await client.read_chunk(response):
                yield chunk

    @override
    async def thumbnail(self, clip: Clip) -> Image:
        """Return an event's own small picture, or the first frame of a recording; raises HubError."""
        client, asked = self._handle.client, dict[str, str]()
        if found := _EVENT.fullmatch(clip.id):
            path = f"api/events/{quote(found[1], safe='')}/thumbnail.jpg"
        else:
            self._check(clip)
            able = self._handle.features
            path = f"api/{self._handle.path}/recordings/{_seconds(clip.start + _INTO)}/snapshot.{able.frame}"
            asked["height"] = str(THUMBNAIL_HEIGHT)
        content = (await client.get(path, asked)).body
        content_type = _PICTURES.get(content[:2])
        if content_type is None:
            raise Malformed("no picture", reason="not_a_picture")
        return Image(content=content, taken_at=clip.start, source="event", content_type=content_type)

    @override
    async def export(self, start: datetime, end: datetime, name: str | None = None) -> str | None:
        """Have the server make a film that it keeps; return its id, which 0.14 does not tell; raises HubError."""
        path = f"api/export/{self._handle.path}/start/{math.floor(start.timestamp())}/end/{math.ceil(end.timestamp())}"
        # A longer name is refused as if the login were (0.14).
        asked: Mapping[str, JsonValue] = {"playback": "realtime", "source": "recordings"}
        try:
            said = await self._handle.client.post(path, {}, {**asked, "name": name[:NAME_LENGTH]} if name else asked)
        except NotThere as error:
            raise Unsupported("no recording", reason="nothing_recorded") from error
        return text(child(said).get("export_id"))

    async def _events(self, start: datetime, end: datetime, more: Mapping[str, str] | None = None) -> list[Clip]:
        asked = {
            "cameras": self._handle.unit.id,
            "before": _seconds(end),
            "after": _seconds(start - LONGEST),
            "has_clip": "1",
            "limit": str(LIMIT),
            "include_thumbnails": "0",
            **(more or {}),
        }
        found = tracked_objects(await self._handle.client.json("api/events", asked))
        return [clip_of(each) for each in found if each.clip and (each.end is None or each.end > start)]

    async def _recordings(self, start: datetime, end: datetime) -> list[Clip]:
        asked = {"after": _seconds(_hour(start)), "before": _seconds(_hour(end) + LONGEST)}
        try:
            said = await self._handle.client.json(f"api/{self._handle.path}/recordings", asked)
        except NotThere:
            return []
        pieces = [
            (begun, until)
            for each in objects(said)
            if (begun := moment(each.get("start_time"))) and (until := moment(each.get("end_time")))
        ]
        now = self._handle.client.clock.now()
        return [
            self._recording(begun, None if until > now - GOES_ON else until)
            for begun, until in _spans(sorted(pieces))
            if begun < end and until > start
        ]

    def _recording(self, start: datetime, end: datetime | None) -> Clip:
        return Clip(id=f"recording/{_seconds(start)}", camera=self._handle.unit.id, start=start, end=end)

    def _film(self, clip: Clip) -> str:
        if found := _EVENT.fullmatch(clip.id):
            return f"api/events/{quote(found[1], safe='')}/clip.mp4"
        self._check(clip)
        end = clip.end or self._handle.client.clock.now()
        return f"api/{self._handle.path}/start/{_seconds(clip.start)}/end/{_seconds(end)}/clip.mp4"

    def _check(self, clip: Clip) -> None:
        if not _RECORDING.fullmatch(clip.id):
            raise Unsupported("no such clip", reason="not_on_server")


def _spans(pieces: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Join pieces that follow one another and begin in the same hour."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in pieces:
        begun, until = spans[-1] if spans else (start, start)
        if spans and start - until <= GAP and _hour(start) == _hour(begun):
            spans[-1] = (begun, max(until, end))
        else:
            spans.append((start, end))
    return spans


def _hour(at: datetime) -> datetime:
    """Return the beginning of an hour by the clock."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _seconds(at: datetime) -> str:
    return f"{at.timestamp():.6f}"

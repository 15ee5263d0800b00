"""Recordings and the films of events (protocols.md 5.9)."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import datetime, timedelta
import re
from typing import Final, override
from urllib.parse import quote

from ...kernel.errors import Unsupported
from ...kernel.model import Clip
from ...kernel.provider import Clips
from .answers import NotThere
from .media import Outlet
from .reading import moment, objects
from .sight import sight
from .tracker import clip_of

# Pieces of a recording that are this close belong together; a film of it is this long at most.
GAP: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=1)
LIMIT: Final = 1000
_EVENT: Final = re.compile(r"event/([^/]+)")
_SPAN: Final = re.compile(r"recording/(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", re.ASCII)


class ServerClips(Clips):
    """What the server recorded of one camera: its events, and everything in pieces of at most an hour."""

    def __init__(self, outlet: Outlet) -> None:
        """Read `outlet` each time."""
        self._outlet = outlet

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List the films of events and the recordings that touch a time, oldest first; raises HubError."""
        found = [*await self._events(start, end), *await self._recordings(start, end)]
        return sorted(found, key=lambda each: each.start)

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield the bytes of one film; raises HubError, Unsupported where it is gone."""
        client = self._outlet.client
        async with client.stream(self._path(clip)) as response:
            while chunk := await client.more(response):
                yield chunk

    async def _events(self, start: datetime, end: datetime) -> list[Clip]:
        asked = {
            "cameras": self._outlet.unit.id,
            "before": _seconds(end),
            "after": _seconds(start - LONGEST),
            "has_clip": "1",
            "limit": str(LIMIT),
            "include_thumbnails": "0",
        }
        sights = [sight(each) for each in objects(await self._outlet.client.json("api/events", asked))]
        return [clip_of(each) for each in sights if each.clip and (each.end is None or each.end > start)]

    async def _recordings(self, start: datetime, end: datetime) -> list[Clip]:
        asked = {"after": _seconds(start), "before": _seconds(end)}
        try:
            said = await self._outlet.client.json(f"api/{self._outlet.path}/recordings", asked)
        except NotThere:
            return []
        pieces = [
            (begun, until)
            for each in objects(said)
            if (begun := moment(each.get("start_time"))) and (until := moment(each.get("end_time")))
        ]
        return [self._recording(*span) for span in _spans(sorted(pieces))]

    def _recording(self, start: datetime, end: datetime) -> Clip:
        identifier = f"recording/{_seconds(start)}/{_seconds(end)}"
        return Clip(id=identifier, camera=self._outlet.unit.id, start=start, end=end)

    def _path(self, clip: Clip) -> str:
        if found := _EVENT.fullmatch(clip.id):
            return f"api/events/{quote(found[1], safe='')}/clip.mp4"
        if found := _SPAN.fullmatch(clip.id):
            return f"api/{self._outlet.path}/start/{found[1]}/end/{found[2]}/clip.mp4"
        raise Unsupported("no such clip", reason="not_on_server")


def _spans(pieces: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Join pieces that follow one another, up to the longest."""
    joined: tuple[datetime, datetime] | None = None
    for start, end in pieces:
        if joined is not None and start - joined[1] <= GAP and end - joined[0] <= LONGEST:
            joined = (joined[0], max(joined[1], end))
            continue
        if joined is not None:
            yield joined
        joined = (start, end)
    if joined is not None:
        yield joined


def _seconds(at: datetime) -> str:
    return f"{at.timestamp():.6f}"

"""The sources of a camera's clips (its vendor and CamHub's own recordings) merged into one list, newest first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
from typing import Final

from .const import VENDOR
from .coordinator import CamHubCoordinator
from .kernel.errors import HubError
from .kernel.model import Clip, Image
from .kernel.provider import Camera, Clips, LabelledClips, PicturedClips

# The longest duration that the name of a recording may claim.
LONGEST: Final = timedelta(days=31)
_MARGIN: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A clip and its source."""

    clip: Clip
    source: str
    clips: Clips

    @property
    def name(self) -> str:
        """Return a name for URL paths that is enough to find the clip again."""
        return recording_id(self.clip, self.source)

    @property
    def pictured(self) -> bool:
        """Return whether it has a thumbnail."""
        return isinstance(self.clips, PicturedClips)

    def read(self) -> AsyncGenerator[bytes]:
        """Yield its bytes; raises HubError."""
        return self.clips.read(self.clip)

    async def thumbnail(self) -> Image | None:
        """Return its thumbnail, None if there is none; raises HubError."""
        return await self.clips.thumbnail(self.clip) if isinstance(self.clips, PicturedClips) else None


def recording_id(clip: Clip, source: str = VENDOR) -> str:
    """Return a clip's name, which encodes its time, its id and its source unless that is the vendor."""
    end = clip.end.timestamp() if clip.end else None
    parts = [clip.start.timestamp(), end, clip.id, *([] if source == VENDOR else [source])]
    return urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


class Sources:
    """The sources of one camera's clips."""

    def __init__(self, places: Mapping[str, Clips]) -> None:
        """Take them by name."""
        self._places = places

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._places)

    @property
    def mixed(self) -> bool:
        """Return whether a clip has to be labelled with its source."""
        return len(self._places) > 1

    def labels(self) -> Sequence[str]:
        """Return the labels that clips may have, without a request."""
        labelled = [clips for clips in self._places.values() if isinstance(clips, LabelledClips)]
        return list(dict.fromkeys(word for clips in labelled for word in clips.labels()))

    async def between(self, start: datetime, end: datetime) -> list[Found]:
        """List what was recorded, newest first; raises HubError if no source answers."""
        return await self._gather(lambda clips: clips.between(start, end))

    async def labelled(self, label: str, start: datetime, end: datetime) -> list[Found]:
        """List the clips with a label, newest first; raises HubError if no source answers."""

        async def ask(clips: Clips) -> Sequence[Clip]:
            return await clips.labelled(label, start, end) if isinstance(clips, LabelledClips) else ()

        return await self._gather(ask)

    async def _gather(self, ask: Callable[[Clips], Awaitable[Sequence[Clip]]]) -> list[Found]:
        """Ask each source; one that fails does not hide the clips of the others."""
        found: list[Found] = []
        failed: HubError | None = None
        for source, clips in self._places.items():
            try:
                found += [Found(clip=clip, source=source, clips=clips) for clip in await ask(clips)]
            except HubError as error:
                failed = error
        if failed is not None and not found:
            raise failed
        return sorted(found, key=lambda each: each.clip.start, reverse=True)

    async def find(self, name: str, shown: Clip | None = None) -> Found | None:
        """Return a clip by its name, listed again unless it was `shown`; None if it is gone; raises HubError."""
        try:
            start, end, clip_id, *source = json.loads(urlsafe_b64decode(name + "=" * (-len(name) % 4)))
            begin = datetime.fromtimestamp(start, UTC)
            until = datetime.fromtimestamp(end, UTC) if end else begin + timedelta(hours=1)
            place = str(source[0]) if source else VENDOR
            first, last = begin - _MARGIN, min(max(until, begin + _MARGIN), begin + LONGEST)
        except binascii.Error, OverflowError, OSError, TypeError, ValueError:
            return None
        if (clips := self._places.get(place)) is None:
            return None
        if shown is not None:
            return Found(clip=shown, source=place, clips=clips)
        around = await clips.between(first, last)
        return next((Found(clip=clip, source=place, clips=clips) for clip in around if clip.id == clip_id), None)


def clip_sources(coordinator: CamHubCoordinator, camera: Camera) -> Sources:
    """Return the sources of a camera's clips."""
    places = {VENDOR: camera.clips, **{name: of(camera.id) for name, of in coordinator.clip_places.items()}}
    return Sources({source: clips for source, clips in places.items() if clips is not None})

"""Pictures and clips of what was seen, fetched at once by one worker: a picture can be had for half a minute only."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, override

from google_nest_sdm.camera_traits import EventImage

from ...kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ...kernel.mjpeg import is_whole_jpeg
from ...kernel.model import Clip, Image
from ...kernel.policy import within
from ...kernel.provider import Clips
from .client import Client
from .parse import Unit
from .quota import Rank

# Who wants a picture just then waits so long (seconds) for one that is being fetched, and takes one of this age.
PATIENCE_S: Final = 8.0
FRESH_S: Final = 10.0
WIDTH: Final = 1920
# So many may wait to be fetched; older ones are given up, for they end soonest.
WAITING: Final = 20
CLIPS_KEPT: Final = 10
_CHUNK: Final = 65536


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Something to fetch: the picture of an event, or a clip by its address."""

    unit: Unit
    at: datetime
    event: str = ""
    clip: Clip | None = None
    address: str = field(default="", repr=False)


class EventPictures:
    """The last picture of an event of each camera, and its last clips."""

    def __init__(self, client: Client) -> None:
        """Fetch nothing yet."""
        self._client = client
        self._waiting: deque[Wanted] = deque(maxlen=WAITING)
        self._news = asyncio.Event()
        self._fetching: dict[str, asyncio.Event] = {}
        self._latest: dict[str, tuple[float, Image]] = {}
        self._clips: dict[str, deque[tuple[Clip, bytes]]] = {}

    def want(self, wanted: Wanted) -> None:
        """Have something fetched soon, if anybody works."""
        self._waiting.append(wanted)
        if wanted.clip is None:
            self._fetching.setdefault(wanted.unit.id, asyncio.Event())
        self._news.set()

    async def latest(self, camera: str) -> Image | None:
        """Return the picture of what was seen just now, waiting a moment for one under way; None if there is none."""
        if (fetching := self._fetching.get(camera)) is not None:
            with suppress(Unreachable):
                await within(self._client.clock, PATIENCE_S, fetching.wait())
        at, image = self._latest.get(camera, (0.0, None))
        return image if image is not None and self._client.clock.monotonic() - at < FRESH_S else None

    def clips(self, camera: str) -> Sequence[tuple[Clip, bytes]]:
        """Return the last clips, oldest first."""
        return tuple(self._clips.get(camera, ()))

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Fetch while this is open."""
        worker = asyncio.create_task(self._work())
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait({worker})
            self._waiting.clear()
            for camera in tuple(self._fetching):
                self._settle(camera)

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                wanted = self._waiting.popleft()
                try:
                    await self._fetch(wanted)
                except HubError as error:
                    self._client.context.counters.count(f"event_media.{error.reason}")
                finally:
                    if wanted.clip is None:
                        self._settle(wanted.unit.id)

    def _settle(self, camera: str) -> None:
        """Wake those who wait for a picture, unless another of the same camera is still to come."""
        if not any(each.unit.id == camera and each.clip is None for each in self._waiting):
            self._fetching.pop(camera, asyncio.Event()).set()

    async def _fetch(self, wanted: Wanted) -> None:
        client, unit = self._client, wanted.unit
        if wanted.clip is not None:
            body = await (await client.api.get(wanted.address)).read()
            kept = self._clips.setdefault(unit.id, deque(maxlen=CLIPS_KEPT))
            kept.append((wanted.clip, body))
            return
        if (trait := unit.device.camera_event_image) is None:
            raise Unsupported("no pictures of events", reason="protocol_changed")

        async def generate() -> EventImage:
            return await trait.generate_image(wanted.event)

        image = await client.command(unit.id, "GenerateImage", Rank.STILL, generate)
        content = await image.contents(width=WIDTH)
        if not is_whole_jpeg(content):
            raise Malformed("the picture is not whole", reason="picture_cut")
        taken = Image(content=content, taken_at=wanted.at, source="event")
        self._latest[unit.id] = (client.clock.monotonic(), taken)


class KeptClips(Clips):
    """The clips of one camera that were pushed lately."""

    def __init__(self, pictures: EventPictures, camera: str) -> None:
        """Read what is kept each time."""
        self._pictures = pictures
        self._camera = camera

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List what is kept, oldest first."""
        return [clip for clip, _ in self._pictures.clips(self._camera) if start <= clip.start < end]

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield the bytes of a clip; raises Unreachable for one that is no longer kept."""
        for kept, body in self._pictures.clips(self._camera):
            if kept.id == clip.id:
                for begin in range(0, len(body), _CHUNK):
                    yield body[begin : begin + _CHUNK]
                return
        raise Unreachable("no longer kept", reason="event_picture_gone")

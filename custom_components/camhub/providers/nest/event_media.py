"""Pictures and films of what was seen, fetched at once by one worker: a picture can be had for half a minute only."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, override

from google_nest_sdm.camera_traits import EventImage

from ...kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ...kernel.jpeg import is_whole_jpeg
from ...kernel.model import Clip, Image
from ...kernel.policy import within
from ...kernel.provider import Previews
from .client import Client
from .parse import Unit
from .quota import Rank

# Who wants a picture just then waits so long (seconds) for one that is being fetched, and takes one of this age.
PATIENCE_S: Final = 8.0
FRESH_S: Final = 10.0
WIDTH: Final = 1920
# So many may wait to be fetched; older ones are given up, for they end soonest.
WAITING: Final = 20
# Films that wait for whoever keeps them.
FILMS_HELD: Final = 20


class _Film:
    """A film that is to come, then what came of it."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._told: bytes | HubError = b""

    def end(self, told: bytes | HubError) -> None:
        """Tell what came of it, unless that is known already."""
        if not self._over.is_set():
            self._told = told
            self._over.set()

    async def read(self) -> bytes:
        """Return its bytes once they have come; raises HubError."""
        await self._over.wait()
        if isinstance(self._told, HubError):
            raise copy(self._told)
        return self._told


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Something to fetch: the picture of an event, or a clip by its address."""

    unit: Unit
    at: datetime
    event: str = ""
    clip: Clip | None = None
    address: str = field(default="", repr=False)


class EventPictures:
    """The last picture of an event of each camera, and the films that came lately."""

    def __init__(self, client: Client) -> None:
        """Fetch nothing yet."""
        self._client = client
        self._waiting: deque[Wanted] = deque()
        self._news = asyncio.Event()
        self._fetching: dict[str, asyncio.Event] = {}
        self._latest: dict[str, tuple[float, Image]] = {}
        self._films: OrderedDict[tuple[str, str], _Film] = OrderedDict()

    def want(self, wanted: Wanted) -> None:
        """Have something fetched soon, if anybody works."""
        if len(self._waiting) == WAITING:
            self._settle(self._waiting.popleft(), _gone())
        self._waiting.append(wanted)
        if wanted.clip is None:
            self._fetching.setdefault(wanted.unit.id, asyncio.Event())
        else:
            self._films[wanted.unit.id, wanted.clip.id] = _Film()
            if len(self._films) > FILMS_HELD:
                self._films.popitem(last=False)[1].end(_gone())
        self._news.set()

    async def latest(self, camera: str) -> Image | None:
        """Return the picture of what was seen just now, waiting a moment for one under way; None if there is none."""
        if (fetching := self._fetching.get(camera)) is not None:
            with suppress(Unreachable):
                await within(self._client.clock, PATIENCE_S, fetching.wait())
        at, image = self._latest.get(camera, (0.0, None))
        return image if image is not None and self._client.clock.monotonic() - at < FRESH_S else None

    async def film(self, camera: str, clip: str) -> bytes:
        """Return a film that an event told of, once it has come; raises HubError."""
        if (film := self._films.get((camera, clip))) is None:
            raise _gone()
        return await film.read()

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Fetch while this is open."""
        worker = asyncio.create_task(self._work())
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait({worker})
            while self._waiting:
                self._settle(self._waiting.popleft(), _gone())
            for film in self._films.values():
                film.end(_gone())

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                wanted = self._waiting.popleft()
                told: bytes | HubError = _gone()
                try:
                    told = await self._fetch(wanted)
                except HubError as error:
                    self._client.context.counters.count(f"event_media.{error.reason}")
                    told = error
                finally:
                    self._settle(wanted, told)

    def _settle(self, wanted: Wanted, told: bytes | HubError) -> None:
        """Wake those who wait for something, which has come or never will."""
        unit, clip = wanted.unit.id, wanted.clip
        if clip is not None:
            # It may be held no longer.
            self._films.get((unit, clip.id), _Film()).end(told)
        elif not any(each.unit.id == unit and each.clip is None for each in self._waiting):
            # Another picture of the same camera may still be to come.
            self._fetching.pop(unit, asyncio.Event()).set()

    async def _fetch(self, wanted: Wanted) -> bytes:
        """Return the film or the picture, which is then the latest; raises HubError."""
        client, unit = self._client, wanted.unit
        if wanted.clip is not None:
            return await (await client.api.get(wanted.address)).read()
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
        return content


class EventFilms(Previews):
    """The films of one camera, which are pushed."""

    def __init__(self, pictures: EventPictures, camera: str) -> None:
        """Read what has come each time."""
        self._pictures = pictures
        self._camera = camera

    @override
    async def fetch(self, clip: Clip) -> bytes:
        """Return a film once it has come; raises HubError."""
        return await self._pictures.film(self._camera, clip.id)


def _gone() -> HubError:
    return Unreachable("no longer kept", reason="event_picture_gone")

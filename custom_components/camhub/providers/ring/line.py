"""Events: told by push, reconciled with the history, each once (protocols.md 4.4, peers.md R5)."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.model import CameraEvent, EventPhase, Image
from ...kernel.policy import Backoff, retry
from ...kernel.waiting import first_of
from .answers import NotThere
from .client import Client
from .clips import clip_of
from .history import page
from .parse import Sighting, Unit
from .push import PushLine
from .stills import CameraHandle

REMEMBERED: Final = 2000
# A push comes within seconds; one that is later than this was missed.
GRACE: Final = timedelta(seconds=30)
# Its push comes before a picture is there.
PICTURE_ATTEMPTS: Final = 4
PICTURE_WAITS: Final = Backoff(first=1.5, factor=2, maximum=6, jitter=0.5)
# How far back a gap is filled, in pages of the history.
PAGES_BACK: Final = 10

type Item = CameraEvent | Exception


class EventLine:
    """Follows one account; what it knows outlives a drop, so that a gap is filled and nothing comes twice."""

    def __init__(
        self,
        client: Client,
        poll_s: float,
        units: Callable[[], Awaitable[Sequence[Unit]]],
        handles: Mapping[str, CameraHandle],
    ) -> None:
        """Ask nothing yet; `units` are the cameras as they are listed now."""
        self._client = client
        self._clock = client.clock
        self._counters = client.context.counters
        self._poll_s = poll_s
        self._units = units
        self._handles = handles
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._followed: set[str] = set()
        self._late: set[str] = set()
        self._hurry = asyncio.Event()
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._fetching: set[asyncio.Task[None]] = set()
        self.push = PushLine(client, self._heard, self._hurry.set)

    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield events until neither push nor history can be had (raises Unreachable) or the login ends (AuthError)."""
        self._queue = asyncio.Queue()
        await self._look()
        self._hurry.clear()
        tasks = [asyncio.create_task(self.push.run(self._units)), asyncio.create_task(self._watch())]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            while True:
                item = await self._queue.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            tasks += self._fetching
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let an error of a task end the line, a fault of ours too."""
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._queue.put_nowait(error)

    async def _watch(self) -> None:
        """Look at the history now and then, and at once when push has dropped."""
        pause = self._poll_s
        while True:
            await first_of(self._hurry.wait(), self._clock.sleep(pause))
            self._hurry.clear()
            pause = self._poll_s
            try:
                await self._look()
            except AuthError:
                raise
            except HubError as error:
                self._counters.count(f"poll.{type(error).__name__}")
                if self.push.up_since is None:
                    raise
                if isinstance(error, Throttled):
                    pause = max(pause, error.retry_after or 0)

    async def _look(self) -> None:
        """Tell what the history holds and nobody told; what was there before the first look is history."""
        found: list[tuple[CameraHandle, Sighting]] = []
        others: list[str] = []
        units = await self._units()
        # A camera may leave while others are asked.
        handles = dict(self._handles)
        refused: list[HubError] = []
        for unit in units:
            try:
                events, rest = await self._since(unit)
            except HubError as error:
                if not _is_of_one(error):
                    raise
                # It may be somebody else's, or just gone; the others have theirs.
                self._counters.count(f"history.{error.reason}")
                refused.append(error)
            else:
                found += [(handles[unit.id], each) for each in events]
                others += rest
        if refused and len(refused) == len(units):
            raise refused[0]
        for number in others:
            self._is_new(number)
        missed = len(self._late)
        self._late.clear()
        for handle, each in sorted(found, key=lambda one: one[1].at):
            # Pushed while this look was under way, perhaps.
            if self._is_new(each.id):
                self._counters.count("events.polled")
                missed += self._is_missed(each)
                self._queue.put_nowait(_event(handle, each))
        self._counters.count("polls")
        if missed:
            self._counters.count("events.missed", missed)
            self.push.restart()

    async def _since(self, unit: Unit) -> tuple[Sequence[Sighting], Sequence[str]]:
        """Return what a camera's history holds that is new, and which entries are no events; nothing at first."""
        if unit.id in self._followed:
            return await self._news(unit)
        for number in (await page(self._client, unit)).numbers:
            self._is_new(str(number))
        self._followed.add(unit.id)
        return (), ()

    async def _news(self, unit: Unit) -> tuple[Sequence[Sighting], Sequence[str]]:
        """Return what a camera's history holds that is not known, back to what is."""
        found: list[Sighting] = []
        others: list[str] = []
        following: int | None = None
        for _ in range(PAGES_BACK):
            part = await page(self._client, unit, older_than=following)
            following, numbers = part.following, [str(each) for each in part.numbers]
            found += [each for each in part.events if each.id not in self._seen]
            others += set(numbers) - {each.id for each in part.events}
            if following is None or any(each in self._seen for each in numbers):
                break
        return found, others

    def _is_missed(self, sighting: Sighting) -> bool:
        """Return whether push was up and should have told; one that may still come is noted."""
        up = self.push.up_since
        if up is None or sighting.at <= up:
            return False
        if self._clock.now() - sighting.at >= GRACE:
            return True
        self._late.add(sighting.id)
        return False

    def _heard(self, sighting: Sighting) -> None:
        """Take what was pushed; battery cameras tell twice, the second time with a picture."""
        self._late.discard(sighting.id)
        handle = self._handles.get(sighting.camera)
        if handle is None:
            return
        if self._is_new(sighting.id):
            self._counters.count("events.pushed")
            self._queue.put_nowait(_event(handle, sighting))
        if sighting.snapshot is not None:
            handle.seen = (sighting.snapshot, sighting.at)
            task = asyncio.create_task(self._fetch(handle, sighting))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)

    async def _fetch(self, handle: CameraHandle, sighting: Sighting) -> None:
        """Tell an event again with its picture."""

        async def once() -> Image:
            try:
                return await handle.event_picture(str(sighting.snapshot), sighting.at)
            except NotThere as error:
                raise Unreachable("not yet", reason="no_picture_yet") from error

        try:
            image = await retry(once, clock=self._clock, attempts=PICTURE_ATTEMPTS, backoff=PICTURE_WAITS)
        except HubError as error:
            self._counters.count(f"event_picture.{error.reason}")
            return
        self._queue.put_nowait(replace(_event(handle, sighting), phase=EventPhase.UPDATE, image=image))

    def _is_new(self, identifier: str) -> bool:
        if identifier in self._seen:
            return False
        self._seen[identifier] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _is_of_one(error: HubError) -> bool:
    """Return whether an answer is about the camera that was asked for, not about the service."""
    return isinstance(error, Unsupported | Malformed) or error.reason == "camera_not_connected"


def _event(handle: CameraHandle, sighting: Sighting) -> CameraEvent:
    return CameraEvent(
        id=sighting.id,
        camera=sighting.camera,
        kind=sighting.kind,
        at=sighting.at,
        clip=clip_of(sighting) if handle.unit.records else None,
        metadata=sighting.metadata,
    )

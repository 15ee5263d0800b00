"""The album of last good pictures: returned at once and refreshed in the background, one request at a time."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
import logging
import math
from pathlib import Path
import random
from typing import Final

from .clock import Clock
from .counters import Counters
from .errors import AuthError, HubError, Malformed, Unreachable
from .jpeg import JPEG_END, JPEG_START, jpeg_size
from .model import Image
from .observers import Observers, without_text
from .pictures import PictureFacts, PictureMemory, PictureStore
from .policy import Backoff, Chance, pause_after
from .provider import Stills
from .single_flight import SingleFlight
from .write_behind import WriteBehind

_LOGGER = logging.getLogger(__name__)

PICTURE_LIMIT: Final = 16 * 2**20
# 8K has 33 million pixels, as have panoramas of several lenses.
PIXEL_LIMIT: Final = 40_000_000
MEMORY_LIMIT: Final = 64 * 2**20
DISK_LIMIT: Final = 512 * 2**20
DISK_FILES: Final = 2000
DISK_DELAY: Final = 30.0
GIVE_UP: Final = 60.0
BACKOFF: Final = Backoff(first=5, factor=2, maximum=60, jitter=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureState:
    """The state of one picture: when the last good one was taken, and the failures since, `failures` in a row.

    `again_in` is seconds until the camera may be asked again after a failure, None for now or never.
    """

    taken_at: datetime | None = None
    error: HubError | None = None
    failed_at: datetime | None = None
    failures: int = 0
    again_in: float | None = None


@dataclass(slots=True)
class _Record:
    """What the album remembers about one `stills`; a new one (after a reload of the account) starts over."""

    stills: Stills
    delays: Iterator[float] = field(default_factory=lambda: iter(()))
    fetched: float | None = None
    error: HubError | None = None
    failed_at: datetime | None = None
    failures: int = 0
    hold_until: float = -math.inf


class Album:
    """The last good picture of every camera, by a key of the caller's choice.

    The most recently used are in memory, all are on disk. After failures background refreshes wait longer each time, up
    to a minute (or the camera's floor), an hour after Unsupported; after AuthError until a refresh is forced or the
    account is reloaded.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        counters: Counters | None = None,
        memory_limit: int = MEMORY_LIMIT,
        disk_limit: int = DISK_LIMIT,
        disk_files: int = DISK_FILES,
        disk_delay: float = DISK_DELAY,
        backoff: Backoff = BACKOFF,
        give_up: float = GIVE_UP,
        random: Chance = random.random,
    ) -> None:
        """Touch nothing yet; limits are bytes.

        `disk_delay` is after how many seconds a picture is written (at the latest when the album is closed),
        `give_up` how many seconds a camera may take.
        """
        self._clock = clock
        self._backoff = backoff
        self._give_up = give_up
        self._random = random
        self._memory = PictureMemory(memory_limit)
        self._disk = WriteBehind(
            PictureStore(folder, max_files=disk_files, max_bytes=disk_limit),
            counters or Counters(clock),
            clock=clock,
            delay=disk_delay,
            max_waiting=memory_limit // 2,
            on_gone=self._left_disk,
        )
        self._facts: dict[str, PictureFacts] = {}
        self._records: dict[str, _Record] = {}
        self._takes: SingleFlight[Image | HubError] = SingleFlight()
        self._reads: SingleFlight[Image | None] = SingleFlight()
        self._new: Observers[str] = Observers("a new picture")
        self._auth: Observers[str, AuthError] = Observers("a refused picture")
        self._closed = False

    async def load(self) -> None:
        """Load the index of pictures on disk."""
        for facts in await self._disk.load():
            self._facts.setdefault(facts.key, facts)

    def keys(self) -> Collection[str]:
        """Return the keys of all pictures there are."""
        return tuple(self._facts)

    def last(self, key: str) -> PictureFacts | None:
        """Return what is known of the last good picture without touching the disk."""
        return self._facts.get(key)

    def state(self, key: str) -> PictureState:
        """Return the state of a picture."""
        facts, record = self._facts.get(key), self._records.get(key)
        taken_at = facts.taken_at if facts else None
        if record is None:
            return PictureState(taken_at=taken_at)
        wait = record.hold_until - self._clock.monotonic()
        return PictureState(
            taken_at=taken_at,
            error=record.error,
            failed_at=record.failed_at,
            failures=record.failures,
            again_in=wait if 0 < wait < math.inf else None,
        )

    def on_new(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call `callback` with the key of each changed picture; return the unsubscribe function."""
        return self._new.add(callback)

    def on_auth_error(self, callback: Callable[[str, AuthError], None]) -> Callable[[], None]:
        """Call `callback` when a camera starts to refuse the credentials; return the unsubscribe function."""
        return self._auth.add(callback)

    async def read(self, key: str) -> Image | None:
        """Return the last good picture of any age without a request; None if there is none."""
        if (image := self._memory.get(key)) is not None:
            return image
        if key not in self._facts:
            return None
        if (image := self._disk.peek(key)) is not None:
            return image
        task = self._reads.join(key, lambda: self._from_disk(key))
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    async def get(
        self, key: str, stills: Stills, *, max_age: float, floor: float = 0.0, patience: float = 10.0
    ) -> Image:
        """Return a picture at once; one older than `max_age` seconds is marked `stale` and refreshed in the background.

        Without a picture it waits up to `patience` seconds for the first. Raises HubError: the camera's failure, or
        Unreachable `no_picture_yet`.
        """
        image = await self.read(key)
        if image is None:
            return await self._outcome(self._ask(key, stills, floor), patience)
        return self._shown(image, key, stills, max_age, floor)

    def at_hand(self, key: str, stills: Stills, *, max_age: float, floor: float = 0.0) -> Image | None:
        """Return what `get` would return without waiting, None if it would need the disk or the camera."""
        image = self._memory.get(key)
        return None if image is None else self._shown(image, key, stills, max_age, floor)

    def _shown(self, image: Image, key: str, stills: Stills, max_age: float, floor: float) -> Image:
        """Return a picture with its staleness, and start a refresh if that is due."""
        age = (self._clock.now() - image.taken_at).total_seconds()
        since = self._since_fetched(key, image.taken_at)
        if since > max(max_age, floor) and not self._held(key, stills) and not self._closed:
            _ = self._begin(key, stills, floor)
        return replace(image, stale=True) if max(age, since) > max_age else image

    async def refresh(self, key: str, stills: Stills, *, floor: float = 0.0, force: bool = False) -> Image:
        """Take a picture now, or share one being taken; raises HubError.

        Unless forced it returns the last one if that was fetched less than `floor` seconds ago, and raises the last
        error again during the pause after it.
        """
        facts = self._facts.get(key)
        if facts is not None and not force and key not in self._takes:
            rested = self._since_fetched(key, facts.taken_at) >= floor
            if not rested and (image := await self.read(key)) is not None:
                return image
        return await self._outcome(self._ask(key, stills, floor, force=force))

    def put(self, key: str, image: Image) -> None:
        """Store a picture that was pushed (with an event); raises Malformed."""
        self._keep(key, checked(image))

    async def forget(self, keys: Iterable[str]) -> None:
        """Remove pictures and all that is known of them, for good."""
        keys = tuple(keys)
        await self._takes.cancel(keys)
        await self._reads.cancel(keys)
        for key in keys:
            self._records.pop(key, None)
            self._memory.remove(key)
            if self._facts.pop(key, None):
                self._disk.change(key, None)

    async def abandon(self, keys: Iterable[str]) -> None:
        """Cancel running requests for these keys as their account closes; stored pictures stay."""
        await self._takes.cancel(tuple(keys))

    async def close(self) -> None:
        """Stop requests and finish writing; leaves no task. Later requests raise Unreachable `shutting_down`."""
        self._closed = True
        await self._takes.cancel()
        await self._reads.cancel()
        await self._disk.flush()

    def _ask(self, key: str, stills: Stills, floor: float, *, force: bool = False) -> asyncio.Task[Image | HubError]:
        """Return the running request or a new one; raises the last error during the pause after it."""
        if self._closed:
            raise Unreachable("the album is closed", reason="shutting_down")
        if key not in self._takes and not force and (error := self._held(key, stills)):
            raise copy(error)
        return self._begin(key, stills, floor)

    def _begin(self, key: str, stills: Stills, floor: float) -> asyncio.Task[Image | HubError]:
        return self._takes.join(key, lambda: self._take(key, self._record(key, stills), floor))

    async def _outcome(self, task: asyncio.Task[Image | HubError], patience: float | None = None) -> Image:
        if patience is None:
            await asyncio.wait({task})
        else:
            timer = asyncio.ensure_future(self._clock.sleep(patience))
            try:
                await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
        if not task.done():
            raise Unreachable("there is no picture yet", reason="no_picture_yet")
        if task.cancelled():
            raise Unreachable("the album is closed", reason="shutting_down")
        if isinstance(outcome := task.result(), HubError):
            # A copy for each waiter: one exception raised many times would collect all their tracebacks.
            raise copy(outcome)
        return outcome

    async def _take(self, key: str, record: _Record, floor: float) -> Image | HubError:
        """Request a picture; an error is returned, so that one without a waiter is no unretrieved exception."""
        try:
            async with asyncio.timeout(self._give_up):
                image = checked(await record.stills.take())
        except HubError as error:
            return self._failed(key, record, floor, error)
        except TimeoutError:
            return self._failed(key, record, floor, Unreachable("the camera took too long", reason="timed_out"))
        except Exception as error:
            # A fault in a provider must not lead to requests without a pause.
            _LOGGER.exception("Taking a picture failed in a way it should not", exc_info=without_text(error))
            return self._failed(key, record, floor, HubError(type(error).__name__))
        record.fetched = self._clock.monotonic()
        record.error, record.failures, record.hold_until = None, 0, -math.inf
        self._keep(key, image)
        return image

    def _failed(self, key: str, record: _Record, floor: float, error: HubError) -> HubError:
        if record.failures == 0:
            longest = max(self._backoff.maximum, floor)
            record.delays = replace(self._backoff, maximum=longest).delays(self._random)
        refused_before, pause = isinstance(record.error, AuthError), pause_after(error, next(record.delays))
        # A copy: a raised exception keeps its traceback alive, with pictures and requests.
        record.error, record.failed_at, record.failures = copy(error), self._clock.now(), record.failures + 1
        record.hold_until = self._clock.monotonic() + pause
        if isinstance(error, AuthError) and not refused_before:
            self._auth.tell(key, error)
        return error

    def _keep(self, key: str, image: Image) -> None:
        if self._memory.get(key) == image:
            return
        self._facts[key] = PictureFacts(
            key=key, taken_at=image.taken_at, source=image.source, content_type=image.content_type
        )
        self._memory.put(key, image)
        self._disk.change(key, image)
        self._new.tell(key)

    async def _from_disk(self, key: str) -> Image | None:
        image = await self._disk.read(key)
        if (newer := self._memory.get(key) or self._disk.peek(key)) is not None:
            return newer
        if image is None:
            self._facts.pop(key, None)
        else:
            self._memory.put(key, image)
        return image

    def _left_disk(self, key: str) -> None:
        if key not in self._memory:
            self._facts.pop(key, None)

    def _record(self, key: str, stills: Stills) -> _Record:
        record = self._records.get(key)
        if record is None or record.stills is not stills:
            record = self._records[key] = _Record(stills=stills, fetched=record.fetched if record else None)
        return record

    def _held(self, key: str, stills: Stills) -> HubError | None:
        """Return the error whose pause has not passed yet, None if there is none."""
        record = self._records.get(key)
        if record is None or record.stills is not stills or self._clock.monotonic() >= record.hold_until:
            return None
        return record.error

    def _since_fetched(self, key: str, taken_at: datetime) -> float:
        """Return the seconds since the last picture was fetched; by its own timestamp if that was before a restart."""
        record = self._records.get(key)
        if record is not None and record.fetched is not None:
            return self._clock.monotonic() - record.fetched
        age = (self._clock.now() - taken_at).total_seconds()
        # The camera's clock is ahead of ours: the picture may be of any age.
        return age if age >= 0 else math.inf


def checked(image: Image) -> Image:
    """Return the picture if it is a whole JPEG of at most 16 MiB and 40 million pixels; raises Malformed."""
    content = image.content
    if len(content) > PICTURE_LIMIT:
        raise Malformed(f"the picture has {len(content)} bytes", reason="picture_too_large")
    if not content.startswith(JPEG_START):
        raise Malformed("what came is no JPEG", reason="not_a_picture")
    width, height = jpeg_size(content) or (0, 0)
    if width * height > PIXEL_LIMIT:
        # What is small on the wire may ask for gigabytes when it is decoded.
        raise Malformed(f"the picture has {width} x {height} pixels", reason="picture_too_large")
    if content.endswith(JPEG_END):
        return image
    # Some servers send a line end or padding after the picture.
    if (content := content.rstrip(b"\r\n\0")).endswith(JPEG_END):
        return replace(image, content=content)
    raise Malformed("the picture has no end", reason="picture_cut")

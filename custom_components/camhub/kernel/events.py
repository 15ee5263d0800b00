"""The event line of an account: pushed or polled events, reconnected whenever it drops."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
import json
import logging
import math
import random
from typing import Final

from .clock import Clock
from .errors import AuthError, HubError, Unsupported
from .model import CameraEvent, EventPhase
from .observers import Observers, without_text
from .policy import Backoff, Chance, pause_after

_LOGGER = logging.getLogger(__name__)

# Polls vary by this fraction, so that accounts do not all poll at once.
_JITTER: Final = 0.1
# Bytes of a digest by which the sayings of one event are told apart.
_DIGEST: Final = 12


async def poll(
    fetch: Callable[[], Awaitable[Iterable[CameraEvent]]],
    *,
    every: float,
    clock: Clock,
    random: Chance = random.random,
) -> AsyncGenerator[CameraEvent]:
    """Yield what `fetch` returns, now and about every `every` seconds, until closed; raises what `fetch` raises."""
    while True:
        for event in await fetch():
            yield event
        await clock.sleep(every * (1 + _JITTER * (2 * random() - 1)))


class Dedup:
    """Recognises repeated events, by id and phase, and an UPDATE by its content.

    An UPDATE is new only if no earlier event of its id had the same content. Remembers the last `limit` ids, and the
    last `contents` contents of each.
    """

    def __init__(self, limit: int = 1000, contents: int = 100) -> None:
        """Start with none seen."""
        self._limit = limit
        self._contents = contents
        self._seen: OrderedDict[str, _Told] = OrderedDict()

    def is_new(self, event: CameraEvent) -> bool:
        """Return whether an event is new, and remember it."""
        told = self._seen.setdefault(event.id, _Told())
        self._seen.move_to_end(event.id)
        if len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        known = event.phase in told.phases
        if not known:
            told.phases = (*told.phases, event.phase)
        content = _content(event)
        said = content in told.contents
        told.contents = (*(each for each in told.contents if each != content), content)[-self._contents :]
        return not said if event.phase is EventPhase.UPDATE else not known


@dataclass(slots=True)
class _Told:
    """Tuples and digests, as there are a thousand of an account: sets and texts take several times as much."""

    phases: tuple[EventPhase, ...] = ()
    contents: tuple[bytes, ...] = ()


def _content(event: CameraEvent) -> bytes:
    """Return a digest of what an event says besides when and in which phase, also whether it has a picture."""
    pictured = event.image is not None
    said = [event.kind, event.zones, event.score, event.clip and event.clip.id, dict(event.metadata), pictured]
    return blake2b(json.dumps(said, sort_keys=True, default=repr).encode(), digest_size=_DIGEST).digest()


class LineStatus(StrEnum):
    """The status of an event line."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NONE = "none"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class LineState:
    """The status of a line, since when (aware), the slug of the reason, and the number of reconnects."""

    status: LineStatus
    since: datetime
    reason: str | None = None
    reconnects: int = 0


class EventPump:
    """Delivers the events of one account until the source ends, the credentials are refused, or it is closed.

    The line counts as connected from the first attempt; after a drop, from its next event or `grace` seconds without
    another drop, since a quiet line gives no sign. Waits grow with each drop and start over after `good_spell` seconds;
    an Unsupported source is retried after an hour.
    """

    def __init__(
        self,
        open_events: Callable[[], AsyncGenerator[CameraEvent]],
        deliver: Callable[[CameraEvent], None],
        *,
        clock: Clock,
        backoff: Backoff,
        on_state: Callable[[], None] | None = None,
        grace: float = 15.0,
        good_spell: float = 60.0,
        random: Chance = random.random,
    ) -> None:
        """Connect to nothing yet; `on_state` is called after each change of `state`."""
        self._open = open_events
        self._clock = clock
        self._backoff = backoff
        self._grace = grace
        self._good_spell = good_spell
        self._random = random
        self._deliver: Observers[CameraEvent] = Observers("an event")
        self._deliver.add(deliver)
        self._changed: Observers[()] = Observers("an event line")
        if on_state is not None:
            self._changed.add(on_state)
        self._task: asyncio.Task[object] | None = None
        self._dials = 0
        self._up_at = math.inf
        self.error: HubError | None = None
        self.state = LineState(status=LineStatus.DISCONNECTED, since=clock.now())

    @property
    def connected(self) -> bool:
        """Return whether events would arrive now."""
        return self.state.status is LineStatus.CONNECTED

    async def run(self) -> None:
        """Pump until the source returns, its credentials are refused, or `close`; raises nothing but CancelledError."""
        self._task = asyncio.current_task()
        delays = self._backoff.delays(self._random)
        while True:
            self._up_at = math.inf
            error = await self._dial()
            if error is None or isinstance(error, AuthError):
                self._become(LineStatus.NONE if error is None else LineStatus.REFUSED, error)
                return
            if self._clock.monotonic() - self._up_at >= self._good_spell:
                delays = self._backoff.delays(self._random)
            self._become(LineStatus.NONE if isinstance(error, Unsupported) else LineStatus.DISCONNECTED, error)
            await self._clock.sleep(pause_after(error, next(delays)))

    def start(self) -> None:
        """Run in a task of its own, which `close` ends."""
        self._task = asyncio.create_task(self.run())

    async def close(self) -> None:
        """Stop; returns when the line is closed."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait({task})

    async def _dial(self) -> HubError | None:
        """Read the line until it ends; return why it dropped, None if the source ended."""
        self._dials += 1
        grace = asyncio.create_task(self._trust()) if self._dials > 1 else None
        if grace is None:
            self._connected()
        try:
            async with aclosing(self._open()) as events:
                async for event in events:
                    self._connected()
                    self._deliver.tell(event)
        except HubError as error:
            return error
        except Exception as error:
            # A fault in a vendor's reader must not end the events for good; its text may hold an address.
            _LOGGER.exception("Reading events failed in a way it should not", exc_info=without_text(error))
            return HubError(type(error).__name__)
        finally:
            if grace is not None:
                grace.cancel()
        return None

    async def _trust(self) -> None:
        await self._clock.sleep(self._grace)
        self._connected()

    def _connected(self) -> None:
        if not self.connected:
            self._up_at = self._clock.monotonic()
            self._become(LineStatus.CONNECTED, None)

    def _become(self, status: LineStatus, error: HubError | None) -> None:
        # A copy: a raised exception keeps its whole traceback alive.
        self.error = copy(error) if error else None
        reason = error.reason if error else None
        since, reconnects = self.state.since, self.state.reconnects
        if status is not self.state.status:
            since = self._clock.now()
        if status is LineStatus.CONNECTED and self._dials > 1:
            reconnects += 1
        state = LineState(status=status, since=since, reason=reason, reconnects=reconnects)
        if state != self.state:
            self.state = state
            self._changed.tell()

"""One upstream connection to a camera for any number of viewers."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from copy import copy
from datetime import datetime
from enum import StrEnum
import logging
import random
from typing import Final, NoReturn, Protocol

from .clock import Clock
from .errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from .jpeg import jpeg_size
from .model import Image, JsonValue
from .policy import Backoff, Chance, pause_after
from .provider import Mjpeg, PushedMjpeg

BOUNDARY: Final = "camhubframe"
"""What stands between the parts of `Frame.part`; a stream of them begins with `OPENING`."""

OPENING: Final = f"--{BOUNDARY}\r\n".encode()

_LOGGER = logging.getLogger(__name__)
_REDIAL: Final = Backoff(first=1.0, factor=2.0, maximum=30.0, jitter=0.5)
_COUNTED_FRAMES: Final = 30
_FEW: Final = 4


class RelayState(StrEnum):
    """The state of the upstream connection; REFUSED lasts an hour (Unsupported) or for good (AuthError)."""

    IDLE = "idle"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    WAITING = "waiting"
    REFUSED = "refused"
    CLOSED = "closed"


class Frame:
    """A frame shared by all viewers; `at` is monotonic seconds, `taken_at` aware, `sequence` counts from 1.

    `many` says that there are enough viewers for one copy into `chunk` to cost less than `pieces` for each.
    """

    __slots__ = ("_chunk", "_part_begin", "_pieces", "at", "jpeg", "many", "sequence", "taken_at")

    def __init__(self, jpeg: bytes, *, at: float, taken_at: datetime, sequence: int, many: bool = False) -> None:
        """Keep the picture; its framing is created when the first viewer needs it."""
        self.jpeg = jpeg
        self.at = at
        self.taken_at = taken_at
        self.sequence = sequence
        self.many = many
        self._pieces: tuple[bytes, bytes, bytes] | None = None
        self._part_begin = 0
        self._chunk: bytes | None = None

    @property
    def pieces(self) -> tuple[bytes, bytes, bytes]:
        """Return what `chunk` is made of: the picture and what stands before and after it."""
        if self._pieces is None:
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(self.jpeg)
            # The boundary closes the part: browsers show a picture only when they have seen the next boundary.
            tail = b"\r\n" + OPENING
            size = b"%x\r\n" % (len(head) + len(self.jpeg) + len(tail))
            self._part_begin = len(size)
            self._pieces = (size + head, self.jpeg, tail + b"\r\n")
        return self._pieces

    @property
    def chunk(self) -> bytes:
        """Return the part framed as one chunk of HTTP/1.1, the same bytes for every viewer (RFC 9112 section 7.1)."""
        if self._chunk is None:
            self._chunk = b"".join(self.pieces)
        return self._chunk

    @property
    def part(self) -> memoryview:
        """Return the multipart part without the framing of a chunk, for HTTP/1.0; it shares the chunk's bytes."""
        return memoryview(self.chunk)[self._part_begin : -2]


class Viewer(Protocol):
    """Takes frames synchronously from the reader of the stream, so it must not block."""

    def offer(self, frame: Frame) -> None:
        """Take a frame or skip it; a viewer that raises is ended and dropped."""
        ...

    def end(self, error: HubError | None) -> None:
        """End: `error` is the camera's refusal, or None if the relay was closed."""
        ...


class _Mailbox:
    """Holds the newest frame for a reader that is busy."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._ended: tuple[HubError | None] | None = None
        self._arrived = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        self._frame = frame
        self._arrived.set()

    def end(self, error: HubError | None) -> None:
        self._ended = (error,)
        self._arrived.set()

    async def take(self) -> Frame | None:
        """Return the newest frame not yet taken, None when the relay was closed; raises what the camera refused."""
        await self._arrived.wait()
        if self._ended is not None:
            if self._ended[0] is not None:
                raise copy(self._ended[0])
            return None
        self._arrived.clear()
        return self._frame


class Relay:
    """Reads a camera's stream once for all viewers, while there are any and `linger` seconds longer.

    A stream that ends, fails or sends no frame for `idle` seconds is reconnected with growing pauses, and viewers stay.
    If the camera refuses, all viewers end, and so do later ones: for an hour after Unsupported, for good after
    AuthError. A viewer who joins gets the last frame at once if it is no older than `fresh` seconds.
    """

    def __init__(
        self,
        source: Mjpeg,
        *,
        clock: Clock,
        linger: float = 10.0,
        idle: float = 10.0,
        fresh: float = 5.0,
        backoff: Backoff = _REDIAL,
        chance: Chance = random.random,
    ) -> None:
        """Connect to nothing yet."""
        self._source = source
        self._clock = clock
        self._linger = linger
        self._idle = idle
        self._fresh = fresh
        self._backoff = backoff
        self._chance = chance
        self._viewers: dict[Viewer, None] = {}
        self._upstream: asyncio.Task[None] | None = None
        self._lingering: asyncio.Task[None] | None = None
        self._last: Frame | None = None
        self._times: deque[float] = deque(maxlen=_COUNTED_FRAMES)
        self._sequence = 0
        self._dials = 0
        self._heard_at = 0.0
        self._error: HubError | None = None
        self._refused: HubError | None = None
        self._refused_until = 0.0
        self._closed = False
        self._turn = asyncio.Lock()
        self._state = RelayState.IDLE

    @property
    def state(self) -> RelayState:
        """Return the state of the upstream connection."""
        return RelayState.CLOSED if self._closed else self._state

    @property
    def viewers(self) -> int:
        """Return the number of viewers, not counting readers within the process."""
        return sum(not isinstance(viewer, _Mailbox) for viewer in self._viewers)

    @property
    def fps(self) -> float:
        """Return the recent frames per second, 0 if none has arrived for `idle` seconds."""
        if len(self._times) <= 1 or self._clock.monotonic() - self._times[-1] >= self._idle:
            return 0.0
        spent = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / spent if spent > 0 else 0.0

    def latest(self, max_age: float) -> Frame | None:
        """Return the last frame if it is no older than that many seconds."""
        if self._last is None or self._clock.monotonic() - self._last.at > max_age:
            return None
        return self._last

    def still(self, max_age: float) -> Image | None:
        """Return the last frame as a picture if it is no older than that many seconds; nothing is requested."""
        frame = self.latest(max_age)
        return None if frame is None else Image(content=frame.jpeg, taken_at=frame.taken_at)

    def describe(self) -> Mapping[str, JsonValue]:
        """Return what diagnostics shows."""
        size = jpeg_size(self._last.jpeg) if self._last else None
        return {
            "state": self.state.value,
            "viewers": self.viewers,
            "readers": len(self._viewers) - self.viewers,
            "fps": round(self.fps, 1),
            "width": size[0] if size else None,
            "height": size[1] if size else None,
            "frames": self._sequence,
            "last_frame_at": self._last.taken_at.isoformat() if self._last else None,
            "connections": self._dials,
            "last_error": self._error.reason if self._error else None,
        }

    def join(self, viewer: Viewer) -> Callable[[], None]:
        """Send the viewer frames from now on; return the function to leave, which may be called more than once."""

        def leave() -> None:
            self._leave(viewer)

        if self._refused is not None and self._clock.monotonic() >= self._refused_until:
            self._refused = None
        if self._closed or self._refused is not None:
            self._end(viewer, self._refused)
            return leave
        self._viewers[viewer] = None
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        elif len(self._viewers) == 1:
            self._upstream = asyncio.create_task(self._run())
        if (frame := self.latest(self._fresh)) is not None:
            self._offer(viewer, frame)
        return leave

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield frames, always the newest, skipping those in between; raises the camera's refusal."""
        mailbox = _Mailbox()
        leave = self.join(mailbox)
        try:
            while (frame := await mailbox.take()) is not None:
                yield frame
        finally:
            leave()

    async def close(self) -> None:
        """End viewers and the connection for good; may be called twice."""
        self._closed = True
        self._end_viewers(None)
        tasks = [task for task in (self._upstream, self._lingering) if task is not None]
        for task in tasks:
            task.cancel()
        # What went wrong in them was told when it did.
        await asyncio.gather(*tasks, return_exceptions=True)
        self._upstream = self._lingering = None

    def _leave(self, viewer: Viewer) -> None:
        if viewer not in self._viewers:
            return
        del self._viewers[viewer]
        if not self._viewers and self._upstream is not None and not self._upstream.done():
            self._lingering = asyncio.create_task(self._hang_up(self._upstream))

    async def _hang_up(self, upstream: asyncio.Task[None]) -> None:
        """Close the connection unless somebody joins soon."""
        await self._clock.sleep(self._linger)
        self._lingering = None
        upstream.cancel()

    def _offer(self, viewer: Viewer, frame: Frame) -> None:
        try:
            viewer.offer(frame)
        except Exception:  # whatever is wrong with one viewer, the others go on
            _LOGGER.exception("A viewer failed and was dropped")
            self._leave(viewer)
            self._end(viewer, None)

    def _end_viewers(self, error: HubError | None) -> None:
        viewers, self._viewers = self._viewers, {}
        for viewer in viewers:
            self._end(viewer, error)

    def _end(self, viewer: Viewer, error: HubError | None) -> None:
        try:
            viewer.end(error)
        except Exception:  # as in _offer
            _LOGGER.exception("A viewer failed at its end")

    async def _run(self) -> None:
        """Keep a connection to the camera, one at a time."""
        # A lock, not an await of the previous task: a cancelled task keeps its frame alive, and so its predecessor.
        async with self._turn:
            await self._redial()

    async def _redial(self) -> None:
        delays = self._backoff.delays(self._chance)
        try:
            while self._refused is None:
                before = self._sequence
                error = await self._dial_once()
                if self._sequence > before:
                    delays = self._backoff.delays(self._chance)
                pause = pause_after(error, next(delays))
                if isinstance(error, AuthError | Unsupported):
                    self._refused, self._refused_until = error, self._clock.monotonic() + pause
                    self._end_viewers(error)
                else:
                    await self._clock.sleep(pause)
        finally:
            self._state = RelayState.REFUSED if self._refused else RelayState.IDLE

    async def _dial_once(self) -> HubError:
        """Read one connection to its end; keep and return what ended it."""
        try:
            await self._dial()
        except HubError as error:
            # A copy: a raised exception keeps its traceback alive, with pictures and requests.
            self._error = copy(error)
        except Exception:  # a fault in a provider must not leave viewers with a stream that nobody feeds
            _LOGGER.exception("Reading a stream failed")
            self._error = Malformed("the reader of the stream failed")
        self._state = RelayState.WAITING
        return self._error

    async def _dial(self) -> NoReturn:
        """Read one connection to its end; raises HubError, Unreachable where it just ended or went silent."""
        self._state = RelayState.CONNECTING
        self._dials += 1
        self._heard_at = self._clock.monotonic()
        tasks = reader, _ = asyncio.create_task(self._read()), asyncio.create_task(self._watch())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                raise Unreachable(f"no frame within {self._idle:g} s", reason="stream_stalled")
            reader.result()
            raise Unreachable("the camera ended the stream", reason="stream_ended")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # An error of a task knows this frame: a frame that knows the task would be a cycle for the collector.
            del task, tasks, reader

    async def _read(self) -> None:
        if isinstance(self._source, PushedMjpeg):
            await self._source.push(self._deliver)
        else:
            async with aclosing(self._source.frames()) as frames:
                async for jpeg in frames:
                    self._deliver(jpeg)

    async def _watch(self) -> None:
        """Return when no frame has come for too long."""
        while (quiet := self._clock.monotonic() - self._heard_at) < self._idle:
            await self._clock.sleep(self._idle - quiet)

    def _deliver(self, jpeg: bytes) -> None:
        now = self._clock.monotonic()
        self._sequence += 1
        self._heard_at = now
        self._times.append(now)
        self._state = RelayState.STREAMING
        many = len(self._viewers) > _FEW
        self._last = frame = Frame(jpeg, at=now, taken_at=self._clock.now(), sequence=self._sequence, many=many)
        for viewer in tuple(self._viewers):
            self._offer(viewer, frame)

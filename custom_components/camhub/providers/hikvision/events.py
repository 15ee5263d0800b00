"""The alert stream as events: repeats each second become one event with a start and an end (protocols.md 1.6)."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import aiohttp

from ...kernel.body import read_chunk
from ...kernel.clock import Clock
from ...kernel.counters import Counters
from ...kernel.errors import Malformed, Unreachable
from ...kernel.model import CameraEvent, EventKind, EventPhase
from ...kernel.multipart import Part
from .alerts import Alert, read_part, split_part
from .client import IsapiClient
from .parse import Channel, Source
from .wire import WireReader

# Heartbeats come every 10 s at most; the vendor's guide calls this silence a broken connection.
SILENCE_S: Final = 30.0
# Some recorders send one at the beginning at most; as pyHik does.
LONGEST_SILENCE_S: Final = 300.0
# Many devices never say that motion is over.
QUIET_S: Final = 5.0
OLDEST: Final = timedelta(minutes=2)
# A device's clock that is further off is not only late in sending.
TRUSTED: Final = timedelta(seconds=30)
REMEMBERED: Final = 256
_HYBRID_OFFSET: Final = 32


@dataclass(slots=True)
class _Open:
    start: CameraEvent
    seen: float
    seen_at: datetime


class Tracker:
    """What is going on at each camera; one event per camera and kind at a time."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        """Start with nothing going on and trust in the device's clock."""
        self._clock = clock
        self._counters = counters
        self._open: dict[tuple[str, EventKind], _Open] = {}
        self._begun: dict[str, None] = {}
        self._skew = timedelta()

    def heartbeat(self, at: datetime | None) -> None:
        """Learn from a heartbeat how far the device's clock is off."""
        if at is not None:
            skew = self._clock.now() - at
            self._skew = skew if abs(skew) > TRUSTED else timedelta()

    def take(self, alert: Alert, camera: str, kind: EventKind) -> CameraEvent | None:
        """Return the event that an alert starts or ends, None for a repeat, a replay or the end of nothing."""
        now = self._clock.now()
        at = now if alert.at is None else min(alert.at + self._skew, now + TRUSTED)
        going = self._open.get((camera, kind))
        if not alert.active:
            return self._end(camera, kind, at) if going else None
        if going is not None:
            going.seen, going.seen_at = self._clock.monotonic(), max(going.seen_at, at)
            return None
        identifier = f"{camera}:{kind}:{(alert.at or now).isoformat()}"
        if now - at > OLDEST or identifier in self._begun:
            self._counters.count("events.replayed")
            return None
        return self._begin(alert, CameraEvent(id=identifier, camera=camera, kind=kind, at=at))

    def expire(self) -> list[CameraEvent]:
        """Return the ends of what has not been repeated for a while."""
        now = self._clock.monotonic()
        quiet = [key for key, going in self._open.items() if now - going.seen >= QUIET_S]
        return [self._end(*key, self._open[key].seen_at) for key in quiet]

    def end_all(self) -> list[CameraEvent]:
        """Return the ends of everything: the line is down, so nobody would tell."""
        return [self._end(*key, self._open[key].seen_at) for key in tuple(self._open)]

    def next_end(self) -> float | None:
        """Return in how many seconds something ends unless it is repeated, None if nothing is going on."""
        seen = min((going.seen for going in self._open.values()), default=None)
        return None if seen is None else max(0.0, seen + QUIET_S - self._clock.monotonic())

    def _begin(self, alert: Alert, event: CameraEvent) -> CameraEvent:
        told: dict[str, str] = {"event_type": alert.type}
        if alert.targets:
            told["target"] = ",".join(alert.targets)
        event = replace(event, phase=EventPhase.START, zones=alert.zones, metadata=told)
        self._open[event.camera, event.kind] = _Open(event, self._clock.monotonic(), event.at)
        self._begun[event.id] = None
        if len(self._begun) > REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return event

    def _end(self, camera: str, kind: EventKind, at: datetime) -> CameraEvent:
        start = self._open.pop((camera, kind)).start
        return replace(start, phase=EventPhase.END, at=max(at, start.at))


def locate(alert: Alert, channels: Sequence[Channel], slots: int) -> str | None:
    """Return the id of the camera that an alert is about, None if there is none; `slots` are analogue inputs.

    `dynChannelID` is an IP channel. `channelID` is a channel, or 32 more than an IP camera's place on a hybrid
    recorder; there the first IP camera follows the analogue inputs (peers.md H6).
    """
    inputs = {each.number: each.id for each in channels if each.source is Source.INPUT}
    proxies = {each.number: each.id for each in channels if each.source is Source.PROXY}
    if len(inputs) == 1 and not proxies:
        return next(iter(inputs.values()))
    number = alert.channel
    if alert.proxy in proxies:
        return proxies[alert.proxy]
    if number is None and alert.proxy is None:
        # An alarm input of IP channel 3 is 301.
        return proxies.get((alert.proxy_io_port or 0) // 100)
    if number in inputs:
        return inputs[number]
    if number in proxies:
        return proxies[number]
    return None if number is None else _of_hybrid(number - _HYBRID_OFFSET, inputs, proxies, slots)


def _of_hybrid(place: int, inputs: dict[int, str], proxies: dict[int, str], slots: int) -> str | None:
    if place < 1:
        return None
    if not inputs or min(proxies, default=0) <= max(inputs):
        return proxies.get(place)
    in_order = [proxies[number] for number in sorted(proxies)]
    return proxies.get(slots + place) or (in_order[place - 1] if place <= len(in_order) else None)


class Patience:
    """How long a line may be silent before it is broken: longer each time for a device whose heart does not beat."""

    def __init__(self) -> None:
        """Expect a beat every 10 s."""
        self.seconds = SILENCE_S
        self._beat_at: float | None = None
        self._regular = False

    def begin(self) -> None:
        """Listen to a new line."""
        self._beat_at, self._regular = None, False

    def beat(self, now: float) -> None:
        """Hear a heartbeat at a time of the clock that only goes forward."""
        if self._beat_at is not None and 0 < now - self._beat_at <= SILENCE_S / 2:
            self._regular, self.seconds = True, SILENCE_S
        self._beat_at = now

    def lose(self) -> Unreachable:
        """Return why a line that was silent for too long ends."""
        if not self._regular:
            self.seconds = min(2 * self.seconds, LONGEST_SILENCE_S)
        return Unreachable("the alert stream fell silent", reason="timeout")


async def listen(
    client: IsapiClient, clock: Clock, counters: Counters, wake: Callable[[], float | None], patience: Patience
) -> AsyncGenerator[Alert | None]:
    """Yield alerts as they come, and None each time that `wake` seconds have passed; raises HubError when it drops."""
    patience.begin()
    async with client.stream("Event/notification/alertStream") as response:
        reader = WireReader(response.headers.get("Content-Type", ""))
        heard, reading = clock.monotonic(), _read(response)
        try:
            while True:
                left = heard + patience.seconds - clock.monotonic()
                if left <= 0:
                    raise patience.lose()
                due = wake()
                if not await _done(reading, clock, left if due is None else min(left, due)):
                    yield None
                    continue
                chunk = _result(reading)
                heard = clock.monotonic()
                for part in reader.feed(chunk) if chunk else reader.close():
                    for alert in _alerts(part, counters):
                        if alert.heartbeat:
                            patience.beat(heard)
                        yield alert
                if not chunk:
                    raise Unreachable("the alert stream ended")
                reading = _read(response)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def _alerts(part: Part, counters: Counters) -> Iterator[Alert]:
    for each in split_part(part):
        try:
            alert = read_part(each)
        except Malformed:
            counters.count("events.malformed")
            continue
        if alert is not None:
            yield alert


def _read(response: aiohttp.ClientResponse) -> asyncio.Task[bytes]:
    return asyncio.create_task(read_chunk(response))


async def _done(reading: asyncio.Task[bytes], clock: Clock, seconds: float) -> bool:
    limit = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({reading, limit}, return_when=asyncio.FIRST_COMPLETED)
        return reading.done()
    finally:
        limit.cancel()
        await asyncio.gather(limit, return_exceptions=True)


def _result(reading: asyncio.Task[bytes]) -> bytes:
    try:
        return reading.result()
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(type(error).__name__) from error

"""What the cameras saw, polled: each stretch of a camera's history is an event for each kind that it has.

Who somebody is may be known some looks later, also when the stretch is over.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Unreachable
from ...kernel.model import CameraEvent, EventKind, EventPhase, JsonValue, Recognised
from .client import Client, Missing
from .parse import Point, State, Unit

# All times are the service's: a clock here that is wrong must not hide what the cameras saw.
# What began this long before the first look is news; later looks go back so far beyond the last one.
MARGIN: Final = timedelta(seconds=30)
# Nothing goes on for longer; what began within that before the first look and goes on is there.
LONGEST: Final = timedelta(minutes=10)
# A delivery and a press of the bell are of a moment, what moves has a sensor anyway.
LASTING: Final = frozenset({EventKind.PERSON, EventKind.FACE, EventKind.SOUND})
# What happened longer ago is no news, however long nobody could look.
OLDEST: Final = timedelta(days=1)
REMEMBERED: Final = 256
ZONES_S: Final = 3600.0


_KEPT: Final = "history"


type _Told = dict[EventKind, CameraEvent]

# Whose name a stretch may hold, if it is of more kinds than one.
_NAMED: Final = frozenset({EventKind.PERSON, EventKind.FACE})


@dataclass(slots=True)
class _Tale:
    """What goes on at one camera: what was told last, by stretch and kind, and the same of what is over.

    `looked_at` is when `looked` was, in seconds of a clock that nobody puts right. `again` are stretches to be told
    once more as what is there, to who did not hear of their beginning.
    """

    begun: datetime
    looked: datetime
    looked_at: float
    told: OrderedDict[str, _Told] = field(default_factory=OrderedDict)
    over: OrderedDict[str, _Told] = field(default_factory=OrderedDict)
    again: set[str] = field(default_factory=set)

    def since(self, at: float) -> datetime:
        """Return from when on the history is needed: what goes on must be in the answer to be told its end."""
        lost = timedelta(seconds=at - self.looked_at) - OLDEST
        going = [event.at for events in self.told.values() for event in events.values()]
        needed = min([self.looked - MARGIN, *(begun - timedelta(seconds=1) for begun in going)])
        return max(needed, self.looked + lost) if lost > timedelta(0) else needed


@dataclass(frozen=True, slots=True)
class _Look:
    """What one camera's history said and when it was asked, by both clocks; None where the camera was not found."""

    points: Sequence[Point] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    looked: tuple[datetime, float] | None = None


class Memory:
    """What was told, by camera; it outlives the one who tells, so that opening the account anew forgets nothing."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.tales: dict[str, _Tale] = {}

    @classmethod
    def of(cls, kept: MutableMapping[str, object]) -> Memory:
        """Return what is kept of an account, for somebody who has heard nothing of it yet."""
        memory = kept.get(_KEPT)
        if not isinstance(memory, cls):
            memory = kept[_KEPT] = cls()
        for tale in memory.tales.values():
            tale.again = {*tale.told}
        return memory


class History:
    """Reads the history of each camera that is on; what was told stays known from line to line."""

    def __init__(self, client: Client, units: Callable[[], Sequence[Unit]], memory: Memory) -> None:
        """Ask nothing yet; `units` are the cameras as they were listed last."""
        self._client = client
        self._clock: Clock = client.clock
        self._units = units
        self._tales = memory.tales
        self._zones: dict[str, tuple[float, Mapping[int, str]]] = {}

    def forget(self) -> None:
        """Begin anew: what was seen until the next look is not asked for."""
        self._tales.clear()

    async def fetch(self) -> list[CameraEvent]:
        """Return what is new at all cameras; raises AuthError, and Unreachable where no camera's history is read.

        Nothing counts as told before all have answered: what is raised or broken off is asked for again.
        """
        units = [each for each in self._units() if each.state in {State.ON, State.UNKNOWN}]
        outcomes = await asyncio.gather(*(self._read(each) for each in units))
        failures = [each for each in outcomes if isinstance(each, HubError)]
        for failure in failures:
            if isinstance(failure, AuthError):
                raise failure
        if failures and len(failures) == len(units):
            raise failures[0] if isinstance(failures[0], Unreachable) else Unreachable(reason=failures[0].reason)
        seen = [(unit, look) for unit, look in zip(units, outcomes, strict=True) if not isinstance(look, HubError)]
        return [*(event for unit, look in seen for event in self._news(unit, look)), *self._dark(units)]

    def _news(self, unit: Unit, look: _Look) -> Iterator[CameraEvent]:
        tale = self._tales[unit.id]
        if look.looked is not None:
            tale.looked, tale.looked_at = look.looked
            yield from _tell(unit, tale, look.points, look.names, tale.looked)
        else:
            # It may have a history all the same, once it is found.
            yield from _tell(unit, tale, (), {}, self._client.now())

    def _dark(self, lit: Sequence[Unit]) -> Iterator[CameraEvent]:
        """Yield the end of what went on at cameras that see nothing more."""
        for unit in self._units():
            if unit not in lit and (tale := self._tales.get(unit.id)) is not None:
                yield from _tell(unit, tale, (), {}, self._client.now())

    async def _read(self, unit: Unit) -> _Look | HubError:
        """Return what one camera's history says; an error is a result: the others are read all the same."""
        asked, now = self._clock.monotonic(), self._client.now()
        first = _Tale(begun=now - MARGIN, looked=now + MARGIN - LONGEST, looked_at=asked)
        tale = self._tales.setdefault(unit.id, first)
        try:
            found = await self._client.points(unit, tale.since(asked))
            names = await self._names(unit) if any(point.zones for point in found) else {}
        except Missing:
            return _Look()
        except HubError as error:
            return error
        # The answer may have told that one of the clocks was put right meanwhile.
        looked = self._client.now() - timedelta(seconds=self._clock.monotonic() - asked)
        return _Look(found, names, (looked, asked))

    async def _names(self, unit: Unit) -> Mapping[int, str]:
        known = self._zones.get(unit.id)
        now = self._clock.monotonic()
        if known is not None and now - known[0] < ZONES_S:
            return known[1]
        try:
            names = await self._client.zones(unit)
        except AuthError:
            raise
        except HubError:
            # Numbers do as well, until the names can be had.
            names = known[1] if known is not None else {}
        self._zones[unit.id] = (now, names)
        return names


def _tell(
    unit: Unit, tale: _Tale, points: Sequence[Point], names: Mapping[int, str], now: datetime
) -> Iterator[CameraEvent]:
    """Yield the starts and ends that points bring; what has left the history, or goes on for too long, has ended."""
    seen = {point.id: point for point in points if point.start >= tale.begun or _goes_on(point, now)}
    for point in seen.values():
        if (over := tale.over.get(point.id)) is not None:
            yield from _recognised(unit, point, over, names, now)
            continue
        if point.id in tale.again and point.end is None:
            yield from (replace(event, phase=EventPhase.PRESENT) for event in tale.told[point.id].values())
        phase = EventPhase.START if point.start >= tale.begun or point.id in tale.told else EventPhase.PRESENT
        yield from _begun(unit, point, tale.told.setdefault(point.id, {}), names, now, phase)
    tale.again.clear()
    for identifier in list(tale.told):
        told = tale.told[identifier]
        end = _end(seen.get(identifier), told, now)
        if end is None:
            continue
        for event in told.values():
            yield replace(event, phase=EventPhase.END, at=max(event.at, end))
        tale.over[identifier] = tale.told.pop(identifier)
        if len(tale.over) > REMEMBERED:
            tale.over.popitem(last=False)


def _goes_on(point: Point, now: datetime) -> bool:
    return point.end is None and now - point.start <= LONGEST


def _begun(
    unit: Unit, point: Point, told: _Told, names: Mapping[int, str], now: datetime, phase: EventPhase
) -> Iterator[CameraEvent]:
    """Yield what has come to a stretch that goes on, as news or as what was there before."""
    yield from _recognised(unit, point, told, names, now)
    for kind in point.kinds:
        offered = _offered(unit, kind)
        if offered not in told:
            told[offered] = _start(unit, point, offered, names)
            yield replace(told[offered], phase=phase)


def _recognised(
    unit: Unit, point: Point, told: _Told, names: Mapping[int, str], now: datetime
) -> Iterator[CameraEvent]:
    """Yield the change of what was told already where it is known by now who it is."""
    for kind, event in told.items():
        known = replace(_start(unit, point, kind, names), at=event.at)
        if known.metadata.get(Recognised.WHO) != event.metadata.get(Recognised.WHO):
            told[kind] = known
            yield replace(known, phase=EventPhase.UPDATE, at=now)


def _offered(unit: Unit, kind: EventKind) -> EventKind:
    return kind if kind in unit.kinds else EventKind.MOTION


def _end(point: Point | None, told: _Told, now: datetime) -> datetime | None:
    if point is None:
        return now
    begun = min(event.at for event in told.values())
    return now if point.end is None and now - begun > LONGEST else point.end


def _start(unit: Unit, point: Point, kind: EventKind, names: Mapping[int, str]) -> CameraEvent:
    types = {"types": ",".join(point.types)} if point.types else {}
    told: dict[str, JsonValue] = {"event_id": f"{unit.id}:{point.id}", **types}
    if point.who is not None and (kind in _NAMED or not _NAMED & {*point.kinds}):
        told[Recognised.WHO] = point.who
    return CameraEvent(
        id=f"{unit.id}:{point.id}:{kind}",
        camera=unit.id,
        kind=kind,
        at=point.start,
        phase=EventPhase.START,
        zones=tuple(names.get(zone, str(zone)) for zone in point.zones),
        metadata=told,
    )

"""Messages of a thread become one event of each kind: its beginning, what is learned later, its end (protocols.md 2.5).

They come twice, late, out of order, spread over several messages or several in one.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ...kernel.clock import Clock
from ...kernel.counters import Counters
from ...kernel.model import CameraEvent, Clip, EventKind, EventPhase
from .event_media import EventPictures, Wanted
from .messages import Message, ThreadState, Told
from .parse import Unit

# What happened longer ago is no news: messages that nobody took are kept for a week.
OLDEST: Final = timedelta(minutes=10)
SESSIONS: Final = 200


@dataclass(slots=True)
class _Session:
    """What was told of one session until now; `ended` is what no end is to be told of any more."""

    told: dict[EventKind, CameraEvent] = field(default_factory=dict)
    ended: set[EventKind] = field(default_factory=set)
    clip: Clip | None = None
    over: bool = False


class Tracker:
    """Turns messages into events and has their pictures fetched."""

    def __init__(self, pictures: EventPictures, clock: Clock, counters: Counters) -> None:
        """Begin with nothing told."""
        self._pictures = pictures
        self._clock = clock
        self._counters = counters
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()

    def take(self, message: Message, unit: Unit) -> list[CameraEvent]:
        """Return what is new."""
        if self._clock.now() - message.at > OLDEST:
            self._counters.count("events.too_old")
            return []
        found: list[CameraEvent] = []
        for name, address in message.clips.items():
            found += self._clip(message, unit, name, address)
        for kind, told in message.events.items():
            found += self._told(message, unit, kind, told)
        if message.state is ThreadState.ENDED:
            for name in {told.session for told in message.events.values()} | set(message.clips):
                found += self._end(message, self._session(unit, name))
        return found

    def _session(self, unit: Unit, name: str) -> _Session:
        key = (unit.id, name)
        session = self._sessions.setdefault(key, _Session())
        self._sessions.move_to_end(key)
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _told(self, message: Message, unit: Unit, kind: EventKind, told: Told) -> Iterator[CameraEvent]:
        session = self._session(unit, told.session)
        known = session.told.get(kind)
        event = CameraEvent(
            # Cameras that see the same may tell it in the same session.
            id=f"{unit.id}:{told.session}:{kind}",
            camera=unit.id,
            kind=kind,
            at=known.at if known else message.at,
            phase=EventPhase.UPDATE if known else _beginning(message.state, over=session.over),
            zones=told.zones or (known.zones if known else ()),
            clip=session.clip,
            metadata={"session": told.session},
        )
        session.told[kind] = event
        if event.phase is EventPhase.PULSE:
            session.ended.add(kind)
        if known is None:
            if told.event and unit.can("event_image"):
                self._pictures.want(Wanted(unit=unit, at=message.at, event=told.event))
            yield event
        elif (known.zones, known.clip) != (event.zones, event.clip):
            yield event

    def _clip(self, message: Message, unit: Unit, name: str, address: str) -> Iterator[CameraEvent]:
        session = self._session(unit, name)
        if session.clip is not None:
            return
        clip = session.clip = Clip(id=name, camera=unit.id, start=_start(session, message.at))
        self._pictures.want(Wanted(unit=unit, at=message.at, clip=clip, address=address))
        for kind, known in session.told.items():
            # What this message tells of itself comes with the clip anyway.
            if kind not in message.events:
                session.told[kind] = replace(known, phase=EventPhase.UPDATE, clip=clip)
                yield session.told[kind]

    def _end(self, message: Message, session: _Session) -> Iterator[CameraEvent]:
        session.over = True
        for kind, known in session.told.items():
            if kind not in session.ended:
                session.ended.add(kind)
                yield replace(known, phase=EventPhase.END, at=message.at)


def _beginning(state: ThreadState, *, over: bool) -> EventPhase:
    """Return how an event begins: one that has no end of its own, or has ended already, is a pulse."""
    return EventPhase.PULSE if over or state in {ThreadState.NONE, ThreadState.ENDED} else EventPhase.START


def _start(session: _Session, at: datetime) -> datetime:
    return min((event.at for event in session.told.values()), default=at)

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
# What goes on is told of again and again; the end of what nothing was heard of for so many seconds was lost.
LOST_S: Final = 300.0


@dataclass(slots=True)
class _Session:
    """What was told of one session until now; `ended` is what no end is to be told of any more."""

    told: dict[EventKind, CameraEvent] = field(default_factory=dict)
    ended: set[EventKind] = field(default_factory=set)
    clip: Clip | None = None
    over: bool = False
    thread: str = ""
    heard: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Return whether an end is still to be told."""
        return not self.told.keys() <= self.ended


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
        named = [
            self._named(message, unit, name)
            for name in {told.session for told in message.events.values()} | message.clips.keys()
        ]
        for name, address in message.clips.items():
            found += self._clip(message, unit, name, address)
        for kind, told in message.events.items():
            found += self._told(message, unit, kind, told)
        if message.state is ThreadState.ENDED:
            for session in named or self._of_thread(message, unit):
                found += self._end(session, message.at)
        return found

    def lost(self) -> list[CameraEvent]:
        """Return the ends of what has gone on for too long without a word."""
        now = self._clock.monotonic()
        lost = [each for each in self._sessions.values() if each.goes_on and now - each.heard >= LOST_S]
        return [event for session in lost for event in self._end(session, self._clock.now())]

    def next_lost(self) -> float | None:
        """Return in how many seconds something is lost unless it is heard of again, None if nothing goes on."""
        heard = min((each.heard for each in self._sessions.values() if each.goes_on), default=None)
        return None if heard is None else max(0.0, heard + LOST_S - self._clock.monotonic())

    def _named(self, message: Message, unit: Unit, name: str) -> _Session:
        session = self._session(unit, name)
        session.thread = message.thread or session.thread
        session.heard = self._clock.monotonic()
        return session

    def _of_thread(self, message: Message, unit: Unit) -> list[_Session]:
        """Return the sessions of a message that names none."""
        return [
            session
            for (camera, _), session in self._sessions.items()
            if message.thread and camera == unit.id and session.thread == message.thread
        ]

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

    def _end(self, session: _Session, at: datetime) -> Iterator[CameraEvent]:
        session.over = True
        for kind, known in session.told.items():
            if kind not in session.ended:
                session.ended.add(kind)
                yield replace(known, phase=EventPhase.END, at=at if at > known.at else self._clock.now())


def _beginning(state: ThreadState, *, over: bool) -> EventPhase:
    """Return how an event begins: one that has no end of its own, or has ended already, is a pulse."""
    return EventPhase.PULSE if over or state in {ThreadState.NONE, ThreadState.ENDED} else EventPhase.START


def _start(session: _Session, at: datetime) -> datetime:
    return min((event.at for event in session.told.values()), default=at)

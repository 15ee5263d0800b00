"""What goes on before the cameras: nothing is told twice and nothing is left out, whichever way it was heard."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final

from ...kernel.clock import Clock
from ...kernel.model import CameraEvent, Clip, EventKind, EventPhase, JsonValue
from .tracked_object import TrackedObject

REMEMBERED: Final = 2000
# A score gets a little better with every frame.
SCORE_STEP: Final = 0.05


class Heard(Enum):
    """How an event was heard of: live, in a later list, or in the first list, which is of the past."""

    LIVE = auto()
    LISTED = auto()
    BEFORE = auto()


class _Stage(Enum):
    QUIET = auto()
    TOLD = auto()
    RESTING = auto()
    OVER = auto()


@dataclass(slots=True)
class _Track:
    """An object: `rest` is what was told of its lying there, `rests` how often, `dial` the line of its last word."""

    seen: TrackedObject
    stage: _Stage = _Stage.QUIET
    turn: int = 0
    severity: str | None = None
    told: bool = False
    rest: CameraEvent | None = None
    rests: int = 0
    dial: int = 0

    @property
    def goes_on(self) -> bool:
        """Return whether an end is still to be told."""
        return self.rest is not None or self.stage in {_Stage.TOLD, _Stage.RESTING}


class Tracker:
    """Makes starts, changes and ends of what is heard.

    An object that comes to rest has ended, so that a parked car is no motion for days; when it moves again, that is
    another event: `<id>~1`, `<id>~2`. In between it is present, `<id>~rest1`, and so is what was there from the first.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with nothing seen."""
        self._clock = clock
        self._tracks: dict[str, _Track] = {}
        self._moving: dict[str, CameraEvent] = {}
        self._newest: datetime | None = None
        self._dial = 0

    @property
    def newest(self) -> datetime | None:
        """Return when the latest event began, by the server's clock."""
        return self._newest

    @property
    def going_on(self) -> Collection[str]:
        """Return the ids of what has not ended at the server, as far as known here."""
        return [key for key, track in self._tracks.items() if track.goes_on]

    def dialled(self) -> None:
        """Begin with another line: what was heard live before is no longer heard."""
        self._dial += 1

    def knows(self, identifier: str) -> bool:
        """Return whether an event was heard of."""
        return identifier in self._tracks

    def take(self, seen: TrackedObject, heard: Heard) -> list[CameraEvent]:
        """Return what is to be told of an event as it is now."""
        if seen.mistaken:
            return []
        self._newest = seen.start if self._newest is None else max(self._newest, seen.start)
        track = self._tracks.get(seen.id)
        unknown = track is None
        if track is None:
            self._forget()
            track = self._tracks[seen.id] = _Track(seen)
        if heard is Heard.LIVE:
            track.dial = self._dial
        before, track.seen = track.seen, _merged(track.seen, seen)
        # Whatever a review says is of all that is in it, so it stays.
        track.severity = track.severity or seen.severity
        match track.stage:
            case _Stage.TOLD:
                told = self._go_on(track)
            case _Stage.RESTING:
                told = self._stir(track)
            case _Stage.QUIET if heard is not Heard.BEFORE:
                told = self._appear(track, heard, unknown=unknown)
            case _:
                told = []
        return told or self._changed(track, before)

    def there(self, objects: Iterable[TrackedObject]) -> list[CameraEvent]:
        """Return what is to be told of objects that are before a camera now."""
        told: list[CameraEvent] = []
        for seen in objects:
            track = self._tracks.get(seen.id)
            if track is None:
                self._forget()
                track = self._tracks[seen.id] = _Track(seen)
            track.dial = self._dial
            track.seen = replace(track.seen, resting=seen.resting)
            match track.stage:
                case _Stage.QUIET if track.seen.end is None:
                    told += self._lie(track)
                case _Stage.TOLD:
                    told += self._go_on(track)
                case _Stage.RESTING:
                    told += self._stir(track)
                case _:
                    pass
        return told

    def rate(self, severities: Mapping[str, str]) -> list[CameraEvent]:
        """Take the severity that reviews give to events; return the changes of those that are going on."""
        told: list[CameraEvent] = []
        for identifier, severity in severities.items():
            track = self._tracks.get(identifier)
            if track is not None and track.severity != severity:
                track.severity = severity
                if track.goes_on:
                    told += self._updates(track)
        return told

    def name(self, identifier: str, *, sub_label: str | None, plate: str | None) -> list[CameraEvent]:
        """Take who or what was recognised; return the change, also of what has ended meanwhile."""
        track = self._tracks.get(identifier)
        if track is None:
            return []
        before = track.seen
        track.seen = replace(before, sub_label=sub_label or before.sub_label, plate=plate or before.plate)
        return self._changed(track, before)

    def lost(self, identifier: str) -> list[CameraEvent]:
        """Return the end of an event that the server has not written down, unless it was heard since the line stands.

        Where neither recordings nor snapshots are kept, nothing is written down; the line tells its end then.
        """
        track = self._tracks[identifier]
        if track.dial == self._dial:
            return []
        return self._end(track, self._clock.now())

    def motion(self, camera: str, *, on: bool) -> list[CameraEvent]:
        """Return the start or end of motion at a camera, nothing for a repeat."""
        now = self._clock.now()
        if not on:
            begun = self._moving.pop(camera, None)
            return [replace(begun, phase=EventPhase.END, at=now)] if begun else []
        if camera in self._moving:
            return []
        event = CameraEvent(
            id=f"{camera}:motion:{now.isoformat()}",
            camera=camera,
            kind=EventKind.MOTION,
            at=now,
            phase=EventPhase.START,
            metadata={"label": "motion"},
        )
        self._moving[camera] = event
        return [event]

    def still(self) -> list[CameraEvent]:
        """Return the end of all motion: the line is down, so nobody would tell."""
        return [event for camera in tuple(self._moving) for event in self.motion(camera, on=False)]

    def _appear(self, track: _Track, heard: Heard, *, unknown: bool) -> list[CameraEvent]:
        seen = track.seen
        if seen.end is not None:
            # What was there before and has gone was never told; what came and went meanwhile is.
            begun = self._start(track, seen.start) if unknown else []
            return [*begun, *self._end(track, seen.end)]
        if seen.resting:
            return self._lie(track)
        return [] if heard is Heard.LISTED and not unknown else self._start(track, seen.start)

    def _go_on(self, track: _Track) -> list[CameraEvent]:
        seen = track.seen
        if seen.end is not None:
            return self._end(track, seen.end)
        if not seen.resting:
            return []
        track.stage = _Stage.RESTING
        return [*self._lie(track), self._event(track, EventPhase.END, self._clock.now())]

    def _stir(self, track: _Track) -> list[CameraEvent]:
        if track.seen.end is not None:
            return self._end(track, track.seen.end)
        if track.seen.resting is not False:
            return []
        track.turn += 1
        return self._start(track, self._clock.now())

    def _lie(self, track: _Track) -> list[CameraEvent]:
        """Return that an object is there without moving, or was from the first, unless that was said."""
        if track.rest is not None:
            return []
        track.rests += 1
        track.rest = self._resting(track)
        return [track.rest]

    def _rise(self, track: _Track, at: datetime) -> list[CameraEvent]:
        """Return the end of its lying there."""
        rest, track.rest = track.rest, None
        return [replace(rest, phase=EventPhase.END, at=at)] if rest is not None else []

    def _changed(self, track: _Track, before: TrackedObject) -> list[CameraEvent]:
        """Return what is new of an object; of one that has ended only who it was."""
        if track.goes_on:
            return self._updates(track) if _shown(track.seen) != _shown(before) else []
        named = (track.seen.sub_label, track.seen.plate) != (before.sub_label, before.plate)
        return self._updates(track) if track.told and named else []

    def _updates(self, track: _Track) -> list[CameraEvent]:
        if track.rest is None:
            return [self._event(track, EventPhase.UPDATE, self._clock.now())]
        # Whatever else is learned of it, it ends as what it began as.
        track.rest = replace(self._resting(track), kind=track.rest.kind)
        return [replace(track.rest, phase=EventPhase.UPDATE)]

    def _resting(self, track: _Track) -> CameraEvent:
        event = self._event(track, EventPhase.PRESENT, self._clock.now())
        return replace(event, id=f"{track.seen.id}~rest{track.rests}")

    def _start(self, track: _Track, at: datetime) -> list[CameraEvent]:
        track.stage, track.told = _Stage.TOLD, True
        # In this order it is there all the time.
        return [self._event(track, EventPhase.START, at), *self._rise(track, self._clock.now())]

    def _end(self, track: _Track, at: datetime) -> list[CameraEvent]:
        """Return the end of all that was told of an object."""
        begun, track.stage = track.stage is _Stage.TOLD, _Stage.OVER
        ended = [self._event(track, EventPhase.END, at)] if begun else []
        return [*ended, *self._rise(track, at)]

    def _event(self, track: _Track, phase: EventPhase, at: datetime) -> CameraEvent:
        seen = track.seen
        told: dict[str, JsonValue] = {**seen.details, "event_id": seen.id}
        if track.severity:
            told["severity"] = track.severity
        return CameraEvent(
            id=f"{seen.id}~{track.turn}" if track.turn else seen.id,
            camera=seen.camera,
            kind=seen.kind,
            at=at,
            phase=phase,
            zones=seen.zones,
            score=seen.score,
            clip=clip_of(seen) if phase is EventPhase.END and seen.clip else None,
            metadata=told,
        )

    def _forget(self) -> None:
        """Forget the oldest of what is over, and of nothing else."""
        if len(self._tracks) >= REMEMBERED:
            done = (key for key, track in self._tracks.items() if not track.goes_on)
            if (oldest := next(done, None)) is not None:
                del self._tracks[oldest]


def clip_of(seen: TrackedObject) -> Clip:
    """Return the film of an event."""
    return Clip(
        id=f"event/{seen.id}",
        camera=seen.camera,
        start=seen.start,
        end=seen.end,
        kind=seen.kind,
        label=seen.label or None,
    )


def in_order(objects: Iterable[TrackedObject]) -> list[TrackedObject]:
    """Return them oldest first, each once."""
    return sorted({each.id: each for each in objects}.values(), key=lambda each: each.start)


def _merged(old: TrackedObject, new: TrackedObject) -> TrackedObject:
    """Return the newer of two views; lists do not tell everything that was heard live, and an end stays one."""
    return replace(
        new,
        end=new.end or old.end,
        zones=tuple(dict.fromkeys((*old.zones, *new.zones))),
        score=max((each for each in (old.score, new.score) if each is not None), default=None),
        sub_label=new.sub_label or old.sub_label,
        plate=new.plate or old.plate,
        resting=old.resting if new.resting is None else new.resting,
    )


def _shown(seen: TrackedObject) -> tuple[object, ...]:
    """Return what is worth telling again when it changes: a score only where it is better by a step."""
    return (seen.zones, seen.sub_label, seen.plate, None if seen.score is None else int(seen.score / SCORE_STEP))

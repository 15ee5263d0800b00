"""What goes on before the cameras: nothing is told twice and nothing is left out, whichever way it was heard."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final

from ...kernel.clock import Clock
from ...kernel.model import CameraEvent, Clip, EventKind, EventPhase, JsonValue
from .sight import Sight

REMEMBERED: Final = 2000


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
    sight: Sight
    stage: _Stage = _Stage.QUIET
    turn: int = 0
    severity: str | None = None


class Tracker:
    """Makes starts, changes and ends of what is heard.

    An object that comes to rest has ended, so that a parked car is no motion for days; when it moves again, that is
    another event: `<id>~1`, `<id>~2`.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with nothing seen."""
        self._clock = clock
        self._tracks: dict[str, _Track] = {}
        self._moving: dict[str, CameraEvent] = {}
        self._newest: datetime | None = None

    @property
    def newest(self) -> datetime | None:
        """Return when the latest event began, by the server's clock."""
        return self._newest

    @property
    def going_on(self) -> Collection[str]:
        """Return the ids of what has not ended at the server, as far as known here."""
        return [key for key, track in self._tracks.items() if track.stage in {_Stage.TOLD, _Stage.RESTING}]

    def knows(self, identifier: str) -> bool:
        """Return whether an event was heard of."""
        return identifier in self._tracks

    def take(self, sight: Sight, heard: Heard) -> list[CameraEvent]:
        """Return what is to be told of an event as it is now."""
        if sight.mistaken:
            return []
        self._newest = sight.start if self._newest is None else max(self._newest, sight.start)
        track = self._tracks.get(sight.id)
        unknown = track is None
        if track is None:
            self._forget()
            track = self._tracks[sight.id] = _Track(sight)
        before, track.sight = track.sight, _merged(track.sight, sight)
        match track.stage:
            case _Stage.TOLD:
                return self._go_on(track, before)
            case _Stage.RESTING:
                return self._stir(track)
            case _Stage.QUIET if heard is not Heard.BEFORE:
                return self._appear(track, heard, unknown=unknown)
            case _:
                return []

    def rate(self, severities: Mapping[str, str]) -> list[CameraEvent]:
        """Take the severity that reviews give to events; return the changes of those that are going on."""
        told: list[CameraEvent] = []
        for identifier, severity in severities.items():
            track = self._tracks.get(identifier)
            if track is not None and track.severity != severity:
                track.severity = severity
                told += self._changed(track)
        return told

    def name(self, identifier: str, *, sub_label: str | None, plate: str | None) -> list[CameraEvent]:
        """Take who or what was recognised; return the change if it is going on."""
        track = self._tracks.get(identifier)
        if track is None:
            return []
        before = track.sight
        track.sight = replace(before, sub_label=sub_label or before.sub_label, plate=plate or before.plate)
        return self._changed(track) if track.sight != before else []

    def lost(self, identifier: str) -> list[CameraEvent]:
        """Return the end of an event that the server no longer knows."""
        track = self._tracks[identifier]
        told = track.stage is _Stage.TOLD
        track.stage = _Stage.OVER
        return [self._event(track, EventPhase.END, self._clock.now())] if told else []

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
        sight = track.sight
        if sight.end is not None:
            track.stage = _Stage.OVER
            # What was there before and has gone was never told; what came and went meanwhile is.
            return [self._start(track, sight.start), *self._end(track, sight.end)] if unknown else []
        if sight.resting or (heard is Heard.LISTED and not unknown):
            return []
        track.stage = _Stage.TOLD
        return [self._start(track, sight.start)]

    def _go_on(self, track: _Track, before: Sight) -> list[CameraEvent]:
        sight = track.sight
        if sight.end is not None:
            track.stage = _Stage.OVER
            return self._end(track, sight.end)
        if sight.resting:
            track.stage = _Stage.RESTING
            return self._end(track, self._clock.now())
        return self._changed(track) if _shown(sight) != _shown(before) else []

    def _stir(self, track: _Track) -> list[CameraEvent]:
        if track.sight.end is not None:
            track.stage = _Stage.OVER
        elif track.sight.resting is False:
            track.stage = _Stage.TOLD
            track.turn += 1
            return [self._start(track, self._clock.now())]
        return []

    def _changed(self, track: _Track) -> list[CameraEvent]:
        if track.stage is not _Stage.TOLD:
            return []
        return [self._event(track, EventPhase.UPDATE, self._clock.now())]

    def _start(self, track: _Track, at: datetime) -> CameraEvent:
        return self._event(track, EventPhase.START, at)

    def _end(self, track: _Track, at: datetime) -> list[CameraEvent]:
        return [self._event(track, EventPhase.END, at)]

    def _event(self, track: _Track, phase: EventPhase, at: datetime) -> CameraEvent:
        sight = track.sight
        told: dict[str, JsonValue] = {**sight.details, "event_id": sight.id}
        if track.severity:
            told["severity"] = track.severity
        return CameraEvent(
            id=f"{sight.id}~{track.turn}" if track.turn else sight.id,
            camera=sight.camera,
            kind=sight.kind,
            at=at,
            phase=phase,
            zones=sight.zones,
            score=sight.score,
            clip=clip_of(sight) if phase is EventPhase.END and sight.clip else None,
            metadata=told,
        )

    def _forget(self) -> None:
        """Forget the oldest of what is over, and of nothing else."""
        if len(self._tracks) >= REMEMBERED:
            done = (key for key, track in self._tracks.items() if track.stage in {_Stage.OVER, _Stage.QUIET})
            if (oldest := next(done, None)) is not None:
                del self._tracks[oldest]


def clip_of(sight: Sight) -> Clip:
    """Return the film of an event."""
    return Clip(id=f"event/{sight.id}", camera=sight.camera, start=sight.start, end=sight.end, kind=sight.kind)


def in_order(sights: Iterable[Sight]) -> list[Sight]:
    """Return them oldest first, each once."""
    return sorted({each.id: each for each in sights}.values(), key=lambda each: each.start)


def _merged(old: Sight, new: Sight) -> Sight:
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


def _shown(sight: Sight) -> tuple[object, ...]:
    return (sight.zones, sight.sub_label, sight.plate)

"""Messages that are pushed, read without trust (protocols.md 2.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ...kernel.errors import Malformed
from ...kernel.model import EventKind
from ...kernel.reading import child, iso_time, texts
from .parse import CLIP, KINDS
from .reading import read, text


class ThreadState(StrEnum):
    """Where in its life a thread of messages is; older devices tell none."""

    NONE = ""
    STARTED = "STARTED"
    UPDATED = "UPDATED"
    ENDED = "ENDED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One thing that a device tells within a session; `event` is what its picture is asked for by."""

    session: str
    event: str
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a device tells, by kind; `clips` are the addresses of clips by session.

    A thread may end in a message that names no session at all. All messages of a thread may bear the time it began at.
    """

    device: str
    at: datetime
    thread: str = ""
    state: ThreadState = ThreadState.NONE
    events: Mapping[EventKind, Told] = field(default_factory=dict)
    clips: Mapping[str, str] = field(default_factory=dict, repr=False)


def message(data: bytes) -> Message | None:
    """Return what a device tells, None for a message of another kind; raises Malformed."""
    said = read(data)
    update = child(said, "resourceUpdate")
    if not update:
        return None
    device, at = text(update.get("name")), iso_time(said.get("timestamp"))
    if not device or at is None:
        raise Malformed("a message without device or time")
    events: dict[EventKind, Told] = {}
    clips: dict[str, str] = {}
    for name, value in child(update, "events").items():
        event = child(value)
        session = text(event.get("eventSessionId")) or text(said.get("eventThreadId")) or text(said.get("eventId"))
        if name == CLIP and (address := text(event.get("previewUrl"))):
            clips[session] = address
        elif (kind := KINDS.get(name)) is not None:
            # What lies in no zone is told of as in one without a name.
            zones = tuple(zone for each in texts(event.get("zones")) if (zone := each.strip()))
            events[kind] = Told(session=session, event=text(event.get("eventId")), zones=zones)
    state = text(said.get("eventThreadState"))
    return Message(
        device=device,
        at=at,
        thread=text(said.get("eventThreadId")),
        state=ThreadState(state) if state in set(ThreadState) else ThreadState.UPDATED,
        events=events,
        clips=clips,
    )

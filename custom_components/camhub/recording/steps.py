"""The steps of archiving one clip; each is stored before the next begins, and can be repeated."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ..kernel.clock import Clock
from ..kernel.errors import HubError, Malformed, Unreachable
from ..kernel.model import Clip
from ..kernel.policy import within
from ..kernel.provider import Clips
from .archives import Archive, Film, NameTaken, Stored
from .ffmpeg import FFMPEG
from .film import MP4, TYPES, Facts, check_length, convert, digest, probe
from .naming import another
from .queue import ClipQueue, Job, State, clip_fields
from .spool import CONVERTED, FETCHED, Spool

# A clip of an event begins so long before it at most, and is sought so long after it.
BEFORE: Final = timedelta(seconds=60)
AFTER: Final = timedelta(seconds=30)
# Seconds until a clip of which nobody says when it ends is taken to be whole.
SETTLED: Final = 45.0
# Seconds until an event of which no clip is promised is taken to have none.
PATIENCE: Final = 900.0
# Seconds that fetching a clip may take.
_LONGEST: Final = 1800.0
_NAMES: Final = 20


class NotYet(Unreachable):
    """The source has no whole clip so far; nothing is wrong."""


class NoClip(HubError):
    """There will be none."""


# Returns the clips of a source and a camera; raises Unreachable while there are none.
type Source = Callable[[str, str], Clips]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where films go: the archive, its key, how a film with a given ending is named, whether it is made playable."""

    archive: Archive
    key: str
    name: Callable[[Job, str], str]
    program: str = FFMPEG
    convert: bool = True


class Steps:
    """Takes a job from one state to the next; raises HubError where that has to wait."""

    def __init__(self, queue: ClipQueue, spool: Spool, source: Source, place: Place, clock: Clock) -> None:
        """Take the parts."""
        self._queue = queue
        self._spool = spool
        self._source = source
        self._place = place
        self._clock = clock

    async def take(self, job: Job, waited: float) -> Job | None:
        """Return the job in its next state, None where it is gone; `waited` is how long we know of it, in seconds."""
        match job.state:
            case State.WAITING:
                return await self._fetch(job, waited)
            case State.FETCHED:
                return await self._probe(job)
            case State.PROBED:
                return await self._store(job)
            case State.STORED:
                return await self._verify(job)
            case _:
                return await self._finish(job)

    async def _fetch(self, job: Job, waited: float) -> Job | None:
        clips = self._source(job.source, job.camera)
        clip = await _wanted(clips, job, waited)
        await self._spool.make_room()
        name = f"{job.id}{FETCHED}"
        size, sha256 = await within(self._clock, _LONGEST, self._spool.fill(name, clips.read(clip)))
        fetched = await self._queue.claim(
            job, state=State.FETCHED, local=name, size=size, sha256=sha256, attempts=0, reason=None, **clip_fields(clip)
        )
        if fetched is None:
            await self._spool.delete(name)
        return fetched

    async def _probe(self, job: Job) -> Job:
        if await self._is_gone(job):
            return await self._anew(job)
        local, size, sha256 = f"{job.local}", job.size, job.sha256
        try:
            facts = await asyncio.to_thread(probe, self._spool.path(local))
        except Malformed:
            # Perhaps it was not whole yet: it is fetched again.
            await self._anew(job)
            await self._spool.delete(local)
            raise
        if self._place.convert and not facts.plays:
            local, facts = await self._converted(job, facts)
            size, sha256 = await asyncio.to_thread(digest, self._spool.path(local))
        probed = await self._queue.change(
            job,
            state=State.PROBED,
            local=local,
            size=size,
            sha256=sha256,
            name=self._place.name(job, facts.ending),
            content_type=TYPES.get(facts.ending, MP4),
            attempts=0,
            reason=None,
        )
        if local != job.local:
            await self._spool.delete(job.local)
        return probed

    async def _converted(self, job: Job, facts: Facts) -> tuple[str, Facts]:
        name = f"{job.id}{CONVERTED}"
        source, target = self._spool.path(f"{job.local}"), self._spool.path(name)
        try:
            await convert(self._place.program, source, target, facts, self._clock)
            made = await asyncio.to_thread(probe, target)
            check_length(facts, made)
        except BaseException:
            # Whatever happened: no half a film stays.
            await self._spool.delete(name)
            raise
        return name, made

    async def _store(self, job: Job) -> Job:
        if await self._is_gone(job):
            return await self._anew(job)
        for _ in range(_NAMES):
            try:
                stored = await self._place.archive.put(self._film(job), f"{job.name}")
            except NameTaken:
                job = await self._queue.change(job, name=another(f"{job.name}"))
            else:
                return await self._queue.change(
                    job,
                    state=State.STORED,
                    archive=self._place.key,
                    reference=stored.reference,
                    digest=stored.digest,
                    attempts=0,
                    reason=None,
                )
        raise Unreachable("every name is taken", reason="archive_name_taken")

    async def _verify(self, job: Job) -> Job:
        if job.archive != self._place.key:
            # The user has chosen another archive meanwhile: it goes there.
            return await self._queue.change(job, state=State.PROBED)
        stored = Stored(reference=f"{job.reference}", digest=job.digest)
        try:
            await self._place.archive.verify(stored, self._film(job))
        except Malformed:
            with suppress(HubError):
                await self._place.archive.delete(stored.reference)
            await self._queue.change(job, state=State.PROBED)
            raise
        now = self._clock.now().timestamp()
        return await self._queue.change(job, state=State.VERIFIED, processed_at=now, attempts=0, reason=None)

    async def _finish(self, job: Job) -> Job:
        await self._spool.delete(job.local)
        return await self._queue.change(job, state=State.DONE, local=None)

    async def _is_gone(self, job: Job) -> bool:
        return await self._spool.size(job.local) != job.size

    async def _anew(self, job: Job) -> Job:
        """Fetch a clip again of which the file is gone."""
        return await self._queue.change(job, state=State.WAITING, local=None, size=None, sha256=None)

    def _film(self, job: Job) -> Film:
        facts = {"camera": job.camera, "kind": job.kind or "", "label": job.label or "", "event": job.event_id or ""}
        begun = datetime.fromtimestamp(job.clip_start or job.at, UTC).isoformat()
        return Film(
            path=self._spool.path(f"{job.local}"),
            size=job.size or 0,
            sha256=f"{job.sha256}",
            content_type=job.content_type,
            facts={"started-at": begun, **{key: value for key, value in facts.items() if value}},
        )


async def _wanted(clips: Clips, job: Job, waited: float) -> Clip:
    """Return the clip that a job is for, once it is whole; raises NotYet, NoClip, and what listing raises."""
    clip = job.clip
    if clip is not None and (clip.end is not None or waited >= SETTLED):
        return clip
    at = datetime.fromtimestamp(job.at, UTC)
    listed = await clips.between(at - BEFORE, at + AFTER)
    if clip is not None:
        if (same := next((each for each in listed if each.id == clip.id), None)) and same.end is not None:
            return same
        raise NotYet("it is still being made", reason="clip_not_ready")
    found = _nearest(listed, job, at)
    if found is None and waited >= PATIENCE:
        raise NoClip("no clip came")
    if found is None or (found.end is None and waited < PATIENCE):
        raise NotYet("no clip so far", reason="clip_not_ready")
    return found


def _nearest(listed: Sequence[Clip], job: Job, at: datetime) -> Clip | None:
    """Return the clip of an event: the one that bears its name, else the nearest of its kind; none of the unending."""
    of_events = [each for each in listed if each.kind is not None or each.label is not None]
    fits = [each for each in of_events if each.kind is None or job.kind in {None, each.kind.value}]
    named = [each for each in of_events if job.event_id and each.id.rpartition("/")[2] == job.event_id]
    return min(named or fits or of_events, key=lambda each: abs(each.start - at), default=None)

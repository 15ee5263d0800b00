"""The persistent queue of clips for the archive (SQLite): every step is on disk before the next begins.

Times are POSIX seconds. The due time matters only after a restart: while the process runs, waits are measured by the
monotonic clock.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
import json
import logging
from pathlib import Path
import sqlite3
from typing import Any, Final

from ..kernel.errors import Unreachable
from ..kernel.model import CameraEvent, Clip, EventKind

_LOGGER = logging.getLogger(__name__)

QUEUE_FILE: Final = "queue.sqlite"
DAMAGED: Final = ".damaged"
# Of the tables; those of before there was a number have 0. A higher number is of a newer CamHub.
FORMAT: Final = 1
# Finished jobs that are remembered, so that repeated events are recognised and clips found.
REMEMBERED: Final = 100_000


class State(StrEnum):
    """The last completed step of a job."""

    WAITING = "waiting"
    FETCHED = "fetched"
    PROBED = "probed"
    STORED = "stored"
    VERIFIED = "verified"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One clip and how far it has come.

    `key` names what is to be kept, once for all that tell of it; `source` who has the clip. `local` is the name of the
    file in the spool, `name` the one in the archive, `reference` what the archive calls it then. `attempts` counts
    failures in a row, `faults` answers that made no sense, `reason` is the slug of the last. A `dead` one waits for the
    user. `also` are the ids of further events with the same clip, each between line ends.
    """

    id: int = 0
    key: str
    source: str
    camera: str
    clip_id: str | None = None
    clip_start: float | None = None
    clip_end: float | None = None
    content_type: str = "video/mp4"
    event_id: str | None = None
    kind: str | None = None
    label: str | None = None
    at: float
    state: State = State.WAITING
    attempts: int = 0
    faults: int = 0
    due: float = 0.0
    dead: bool = False
    reason: str | None = None
    local: str | None = None
    size: int | None = None
    sha256: str | None = None
    name: str | None = None
    also: str = ""
    archive: str | None = None
    reference: str | None = None
    digest: str | None = None
    queued_at: float = 0.0
    processed_at: float | None = None

    @property
    def clip(self) -> Clip | None:
        """Return the clip at its source, None where none is known yet."""
        if self.clip_id is None or self.clip_start is None:
            return None
        return Clip(
            id=self.clip_id,
            camera=self.camera,
            start=_moment(self.clip_start),
            end=None if self.clip_end is None else _moment(self.clip_end),
            kind=EventKind(self.kind) if self.kind else None,
            label=self.label,
            content_type=self.content_type,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Why clips stay in a state, and since when the oldest of them is known, in POSIX seconds."""

    state: State
    reason: str
    since: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many wait, how many wait for the user, why, and the newest that is in the archive."""

    pending: int = 0
    dead: int = 0
    last: Job | None = None
    troubles: Sequence[Trouble] = ()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def clip_fields(clip: Clip) -> dict[str, Any]:
    """Return what a job keeps of a clip."""
    return {
        "clip_id": clip.id,
        "clip_start": clip.start.timestamp(),
        "clip_end": clip.end.timestamp() if clip.end else None,
        "content_type": clip.content_type,
        **({"label": clip.label} if clip.label else {}),
    }


def job_of(source: str, camera: str, clip: Clip | None, event: CameraEvent | None, now: datetime) -> Job | None:
    """Return the job that keeps a clip, or the clip of an event that may have none yet; None of neither."""
    if event is not None:
        clip = clip or event.clip
        # Several events may be of one thing, and have one clip.
        thing = str(event.metadata.get("event_id") or event.id)
        kind: EventKind | None = event.kind
        at = event.at
    elif clip is not None:
        thing, kind, at = clip.id, clip.kind, clip.start
    else:
        return None
    job = Job(
        key=json.dumps([source, camera, "event" if event else "clip", thing]),
        source=source,
        camera=camera,
        event_id=event.id if event else None,
        kind=kind.value if kind else None,
        at=at.timestamp(),
        queued_at=now.timestamp(),
        due=now.timestamp(),
    )
    return Job(**{**asdict(job), **clip_fields(clip)}) if clip else job


_COLUMNS: Final = tuple(Job.__dataclass_fields__)
_SELECT: Final = " ".join(("SELECT", ", ".join(_COLUMNS), "FROM jobs"))
_UPDATE: Final = "UPDATE jobs SET"
_INSERT: Final = " ".join(
    ("INSERT INTO jobs (", ", ".join(_COLUMNS[1:]), ") VALUES (", ", ".join("?" * (len(_COLUMNS) - 1)), ")")
)
_TYPES: Final = {"id": "INTEGER PRIMARY KEY", "key": "TEXT NOT NULL UNIQUE"}
_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS jobs ({", ".join(f"{column} {_TYPES.get(column, '')}".strip() for column in _COLUMNS)});
CREATE INDEX IF NOT EXISTS unfinished ON jobs (state) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS archived ON jobs (processed_at) WHERE state = 'done';
CREATE INDEX IF NOT EXISTS of_event ON jobs (camera, event_id);
CREATE UNIQUE INDEX IF NOT EXISTS once ON jobs (source, camera, clip_id) WHERE state <> 'waiting';
PRAGMA user_version = {FORMAT};
"""


def _job(row: Sequence[Any]) -> Job:
    fields = dict(zip(_COLUMNS, row, strict=True))
    return Job(**{**fields, "state": State(fields["state"]), "dead": bool(fields["dead"])})


class ClipQueue:
    """The jobs of one account; every method may raise Unreachable, and nothing has changed then.

    `not_stored` is of the disk, `stored_newer` of a file that a newer CamHub has written.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self._folder = folder
        self._turn = asyncio.Lock()
        self._connection: sqlite3.Connection | None = None

    async def add(self, job: Job) -> Job | None:
        """Keep a new job and return it, None where there is one of its key already.

        That one learns of the clip while it waits for it.
        """
        return await self._do(lambda db: _add(db, job))

    async def change(self, job: Job, **changes: Any) -> Job:
        """Keep what is known of a job now and return it."""
        changed = Job(**{**asdict(job), **changes})
        fields = {column: getattr(changed, column) for column in changes}
        await self._do(lambda db: _update(db, job.id, fields))
        return changed

    async def claim(self, job: Job, **changes: Any) -> Job | None:
        """Change a job that leaves WAITING; None, and it is gone, where another one has the same clip already.

        That one learns of the event.
        """
        try:
            return await self.change(job, **changes)
        except sqlite3.IntegrityError:
            clip_id = changes.get("clip_id", job.clip_id)
            await self._do(lambda db: _merge(db, job, clip_id))
            return None

    async def forget(self, job: Job) -> None:
        """Delete a job."""
        await self._do(lambda db: _run(db, "DELETE FROM jobs WHERE id = ?", [job.id]))

    async def get(self, number: int) -> Job | None:
        """Return a job, None where it is gone."""
        found = await self._select("WHERE id = ?", [number])
        return found[0] if found else None

    async def unfinished(self) -> Sequence[Job]:
        """Return all that are neither done nor dead, oldest first."""
        return await self._select("WHERE state <> 'done' AND NOT dead ORDER BY id")

    async def dead(self) -> Sequence[Job]:
        """Return those that wait for the user, oldest first."""
        return await self._select("WHERE dead ORDER BY id")

    async def listed(self, limit: int) -> Sequence[Job]:
        """Return the oldest of those that are not done."""
        return await self._select("WHERE state <> 'done' ORDER BY dead DESC, id LIMIT ?", [limit])

    async def archived(self, camera: str, event_id: str | None) -> Job | None:
        """Return the clip of an event, the newest of a camera for None; None where there is none in the archive."""
        found = await self._select(
            "WHERE state = 'done' AND camera = ?1 AND (?2 IS NULL OR event_id = ?2 OR clip_id = ?2"
            " OR instr(also, char(10) || ?2 || char(10))) ORDER BY processed_at DESC, id DESC LIMIT 1",
            [camera, event_id],
        )
        return found[0] if found else None

    async def older(self, archive: str, before: float, limit: int = 100) -> Sequence[Job]:
        """Return what is in an archive since before a time, oldest first."""
        return await self._select(
            "WHERE state = 'done' AND archive = ? AND processed_at < ? ORDER BY processed_at LIMIT ?",
            [archive, before, limit],
        )

    async def revive(self, ids: Iterable[int] | None, due: float) -> Sequence[Job]:
        """Have those that wait for the user tried again, all for None; return them."""
        wanted = None if ids is None else set(ids)
        jobs = [job for job in await self.dead() if wanted is None or job.id in wanted]
        return [await self.change(job, dead=False, attempts=0, faults=0, due=due, reason=None) for job in jobs]

    async def tally(self) -> Tally:
        """Count."""
        return await self._do(_tally)

    async def trim(self, keep: int = REMEMBERED) -> None:
        """Forget the oldest of those that are done."""
        await self._do(
            lambda db: _run(
                db,
                "DELETE FROM jobs WHERE state = 'done' AND id <="
                " (SELECT id FROM jobs WHERE state = 'done' ORDER BY id DESC LIMIT 1 OFFSET ?)",
                [keep],
            )
        )

    async def close(self) -> None:
        """Close the file; the next call opens it again."""
        async with self._turn:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                await asyncio.to_thread(connection.close)

    async def _select(self, where: str, values: Sequence[Any] = ()) -> Sequence[Job]:
        query = f"{_SELECT} {where}"

        def select(db: sqlite3.Connection) -> Sequence[Job]:
            with closing(db.execute(query, values)) as cursor:
                return [_job(row) for row in cursor]

        return await self._do(select)

    async def _do[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in a thread, in turn, whole or not at all; to its end even if whoever asked goes away."""

        async def in_turn() -> T:
            async with self._turn:
                return await asyncio.to_thread(self._transact, work)

        return await asyncio.shield(asyncio.create_task(in_turn()))

    def _transact[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = _open(self._folder)
            with self._connection:
                return work(self._connection)
        except sqlite3.IntegrityError:
            raise
        except (OSError, sqlite3.Error) as error:
            raise Unreachable(f"the clip queue: {error}", reason="not_stored") from error


def _open(folder: Path) -> sqlite3.Connection:
    """Open the file, or a new one where it is no database any more."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / QUEUE_FILE
    try:
        return _connect(file)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        _LOGGER.warning("The queue of clips is damaged; it is set aside as %s%s", file, DAMAGED)
        file.replace(file.with_name(file.name + DAMAGED))
        return _connect(file)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level="IMMEDIATE")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        _refuse_newer(connection)
        connection.executescript(_SCHEMA)
    except sqlite3.Error, Unreachable:
        connection.close()
        raise
    return connection


def _refuse_newer(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] > FORMAT:
        raise Unreachable("the clip queue was written by a newer CamHub", reason="stored_newer")


def _run(db: sqlite3.Connection, statement: str, values: Sequence[Any]) -> None:
    db.execute(statement, values)


def _update(db: sqlite3.Connection, number: int, fields: dict[str, Any]) -> None:
    names = ", ".join(f"{column} = ?" for column in fields)
    _run(db, f"{_UPDATE} {names} WHERE id = ?", [*fields.values(), number])


def _merge(db: sqlite3.Connection, job: Job, clip_id: str | None) -> None:
    """Leave a job to the one that has its clip."""
    _run(
        db,
        "UPDATE jobs SET also = also || char(10) || ? || char(10)"
        " WHERE source = ? AND camera = ? AND clip_id = ? AND state <> 'waiting'",
        [job.event_id or job.clip_id, job.source, job.camera, clip_id],
    )
    _run(db, "DELETE FROM jobs WHERE id = ?", [job.id])


def _add(db: sqlite3.Connection, job: Job) -> Job | None:
    known = db.execute("SELECT id, state, clip_end IS NOT NULL FROM jobs WHERE key = ?", [job.key]).fetchone()
    if known is None:
        cursor = db.execute(_INSERT, [getattr(job, column) for column in _COLUMNS[1:]])
        return Job(**{**asdict(job), "id": cursor.lastrowid})
    number, state, complete = known
    if state == State.WAITING and not complete and job.clip is not None:
        _update(db, number, {**clip_fields(job.clip), "due": job.due})
    return None


def _tally(db: sqlite3.Connection) -> Tally:
    pending, dead = db.execute("SELECT count(*), total(dead) FROM jobs WHERE state <> 'done'").fetchone()
    row = db.execute(f"{_SELECT} WHERE state = 'done' ORDER BY processed_at DESC, id DESC LIMIT 1").fetchone()
    stuck = db.execute(
        "SELECT state, reason, min(queued_at) FROM jobs WHERE state <> 'done' AND reason IS NOT NULL"
        " GROUP BY state, reason"
    ).fetchall()
    troubles = [Trouble(state=State(state), reason=reason, since=since) for state, reason, since in stuck]
    return Tally(pending=pending - int(dead), dead=int(dead), last=_job(row) if row else None, troubles=troubles)

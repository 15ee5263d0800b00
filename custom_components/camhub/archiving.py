"""Ties the clip pipeline of one account to Home Assistant: what is queued, what is reported, what can be asked."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
import shutil
from typing import Any, Final
from urllib.parse import quote

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from .archive_choice import ArchiveKind, key_of, kind_of, listed, namer, number
from .archive_problems import ArchiveProblems, by_archive
from .const import DOMAIN, LOGGER, PREVIEWS, VENDOR
from .ffmpeg_setting import ffmpeg_program
from .kernel.clock import Clock
from .kernel.counters import Counters
from .kernel.errors import AuthError, HubError, Unsupported
from .kernel.model import CameraEvent, Clip, EventPhase
from .kernel.observers import Observers
from .kernel.provider import Camera, Clips
from .kernel.secret import Credentials
from .recording.archives import Archive
from .recording.expiry import Expiry
from .recording.pipeline import Pipeline
from .recording.queue import ClipQueue, Job, State, Tally, job_of
from .recording.spool import Spool
from .recording.steps import Place, Steps
from .stream_paths import sign

EVENT_ARCHIVED: Final = f"{DOMAIN}_clip_archived"
# Lifetime of the link on the sensor in seconds; it is renewed at half of it.
LINK_LIFE: Final = 3600
_RENEWS: Final = timedelta(seconds=LINK_LIFE / 2)
_ROWS: Final = 100
_EXPIRES: Final = timedelta(hours=1)

type Find = Callable[[str, str], Clips]


class Archiving:
    """The archive of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        choice: Credentials,
        archive: Archive,
        find: Find,
        cameras: dict[str, str],
        problems: ArchiveProblems,
        *,
        clock: Clock,
        counters: Counters,
    ) -> None:
        """Take the parts; `find` returns the clips of a source and a camera, `cameras` are names by id."""
        self._hass = hass
        self._entry = entry
        self._choice = choice
        self._cameras = cameras
        self._clock = clock
        self._problems = problems
        self.archive = archive
        queue = self._queue = ClipQueue(queue_folder(hass, entry.entry_id))
        spool = Spool(spool_folder(hass, entry.entry_id))
        place = Place(
            archive=archive,
            key=key_of(choice),
            name=namer(choice, entry.title, cameras, dt_util.get_default_time_zone()),
            convert=choice.flag("convert", default=True),
            program=ffmpeg_program(hass),
        )
        steps = Steps(queue, spool, find, place, clock)
        self._pipeline = Pipeline(queue, spool, steps, clock=clock, counters=counters)
        self._expiry: Expiry | None = None
        if days := number(choice, "keep_days"):
            self._expiry = Expiry(queue, archive, place.key, days, clock)
        self._changed: Observers[()] = Observers("the clips of an account")
        self.tally = Tally()
        self.link: str | None = None
        self._counting = False

    @property
    def reason(self) -> str | None:
        """Return why the last clip had to wait, None while all is well."""
        return self._pipeline.reason

    @property
    def failure(self) -> str | None:
        """Return why the archive has failed for long, None if it works."""
        return self._problems.reason(self.tally)

    def problems(self) -> Iterable[str]:
        """Return what the user has to fix (`issues.<slug>`)."""
        return self._problems.found(self.tally)

    @property
    def last_at(self) -> datetime | None:
        """Return when the newest clip was archived (aware)."""
        last = self.tally.last
        return datetime.fromtimestamp(last.processed_at, UTC) if last and last.processed_at else None

    @property
    def last_told(self) -> Mapping[str, str | None]:
        """Return the public facts of the newest clip; its link only if the user has enabled that."""
        if (last := self.tally.last) is None:
            return {}
        told = {
            "camera": self._cameras.get(last.camera, last.camera),
            "event_id": last.event_id,
            "archive": kind_of(self._choice).value,
            "clip": last.reference,
            "at": _iso(last.at),
        }
        return {**told, "clip_url": self.link} if self.link else told

    @callback
    def async_start(self, on_refused: Callable[[AuthError], None]) -> None:
        """Start working; `on_refused` is called when the cameras' account refuses the login."""

        def failed(job: Job, error: HubError) -> None:
            if job.state is State.WAITING and isinstance(error, AuthError):
                on_refused(error)
            self._problems.failed(job, error)

        self._pipeline.on_archived(self._archived)
        self._pipeline.on_change(self._count)
        self._pipeline.on_failed(failed)
        self._pipeline.start()
        for work, interval in ((self._expire, _EXPIRES), (self._renew, _RENEWS)):
            self._entry.async_on_unload(async_track_time_interval(self._hass, work, interval))

    async def async_close(self) -> None:
        """Stop; the queue continues at the next start."""
        await self._pipeline.close()
        await self.archive.close()

    @callback
    def async_on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the counts have changed; returns the undo."""
        return self._changed.add(listener)

    @callback
    def async_heard(self, event: CameraEvent, camera: Camera | None) -> None:
        """Queue the clip of an event, if it has one or its camera records."""
        if camera is not None and camera.previews is not None:
            # The vendor keeps it for moments only; `async_preview` queues it once it is stored here.
            return
        keeps = camera is not None and camera.clips is not None and event.phase is not EventPhase.PRESENT
        if (event.clip is not None or keeps) and self._wants(event):
            self.async_enqueue(event.camera, event.clip, event)

    @callback
    def async_preview(self, camera_id: str, clip: Clip, event: CameraEvent) -> None:
        """Queue the preview of an event, which is stored here."""
        if self._wants(event):
            self.async_enqueue(camera_id, clip, event, source=PREVIEWS)

    def _wants(self, event: CameraEvent) -> bool:
        wanted = listed(self._choice, "kinds")
        return not wanted or event.kind in wanted

    @callback
    def async_enqueue(self, camera_id: str, clip: Clip | None, event: CameraEvent | None, source: str = VENDOR) -> None:
        """Queue a clip, or the one that an event will have."""
        cameras = listed(self._choice, "cameras")
        job = job_of(source, camera_id, clip, event, self._clock.now())
        if job is not None and (not cameras or camera_id in cameras):
            self._entry.async_create_background_task(self._hass, self._pipeline.add(job), f"{DOMAIN} keep a clip")

    async def async_retry(self) -> int:
        """Retry the clips that were given up; return how many. Raises Unreachable."""
        return await self._pipeline.retry()

    async def async_find(self, camera_id: str, event_id: str | None) -> Job:
        """Return the clip of an event, the newest for None; raises Unsupported where there is none, Unreachable."""
        job = await self._queue.archived(camera_id, event_id)
        if job is None:
            raise Unsupported("no such clip", reason="archive_no_clip")
        if job.archive != key_of(self._choice):
            raise Unsupported("in another archive", reason="archive_another")
        return job

    async def async_link(self, job: Job, seconds: int) -> str:
        """Return an address that opens a clip for so long; raises Unsupported where there is none, Unreachable."""
        link = await self.archive.link(f"{job.reference}", seconds)
        if link is None and kind_of(self._choice) is ArchiveKind.FOLDER:
            link = self._media_path(f"{job.reference}", seconds)
        if link is None:
            raise Unsupported("it gives no links", reason="archive_no_link")
        return link

    async def async_rows(self) -> list[JsonValueType]:
        """Return the queued clips, those given up first; raises Unreachable."""
        return [self._row(job) for job in await self._queue.listed(_ROWS)]

    def _media_path(self, reference: str, seconds: int) -> str | None:
        file = Path(self._choice.text("folder")) / reference
        for name, folder in self._hass.config.media_dirs.items():
            if file.is_relative_to(folder):
                path = quote(f"/media/{name}/{file.relative_to(folder)}")
                return sign(self._hass, path, timedelta(seconds=seconds))
        return None

    def _row(self, job: Job) -> JsonObjectType:
        return {
            "account": self._entry.title,
            "camera": self._cameras.get(job.camera, job.camera),
            "event_id": job.event_id,
            "kind": job.kind,
            "at": _iso(job.at),
            "state": "dead" if job.dead else str(job.state),
            "stopped_at": str(job.state) if job.dead else None,
            "attempts": job.attempts + job.faults,
            "reason": job.reason,
        }

    @callback
    def _archived(self, job: Job) -> None:
        """Fire an event that says where a clip was stored and when."""
        self._problems.worked()
        if any(by_archive(trouble) for trouble in self.tally.troubles):
            self._entry.async_create_background_task(self._hass, self._try_left(), f"{DOMAIN} clips left behind")
        self._hass.bus.async_fire(
            EVENT_ARCHIVED,
            {
                "account": self._entry.title,
                "camera": self._cameras.get(job.camera, job.camera),
                "camera_id": job.camera,
                "event_id": job.event_id,
                "event_ids": [each for each in (job.event_id, *job.also.split()) if each],
                "kind": job.kind,
                "at": _iso(job.at),
                "archive": kind_of(self._choice).value,
                "clip": job.reference,
                "clip_url": self.archive.address(f"{job.reference}"),
                "size": job.size,
                "sha256": job.sha256,
                "queued_at": _iso(job.queued_at),
                "processed_at": _iso(job.processed_at),
            },
        )

    @callback
    def _count(self) -> None:
        if not self._counting:
            self._counting = True
            self._entry.async_create_background_task(self._hass, self._recount(), f"{DOMAIN} count clips")

    async def _recount(self) -> None:
        self._counting = False
        try:
            self.tally = await self._queue.tally()
            last, self.link = self.tally.last, None
            if last is not None and self._choice.flag("link_sensor"):
                self.link = await self.async_link(last, LINK_LIFE)
        except HubError as error:
            LOGGER.debug("The clips of %s cannot be counted: %s", self._entry.title, error.reason)
        self._changed.tell()

    async def _try_left(self) -> None:
        """Retry clips that were given up while the archive failed, now that it works again."""
        try:
            await self._pipeline.retry([job.id for job in await self._queue.dead() if by_archive(job)])
        except HubError as error:
            LOGGER.debug("Clips of %s that were given up still wait: %s", self._entry.title, error.reason)

    @callback
    def _renew(self, _now: datetime) -> None:
        """Renew the link on the sensor before it expires."""
        if self._choice.flag("link_sensor"):
            self._count()

    async def _expire(self, _now: datetime) -> None:
        try:
            if self._expiry is not None:
                await self._expiry.run()
        except HubError as error:
            LOGGER.warning("Old clips of %s stay in the archive: %s", self._entry.title, error.reason)


def queue_folder(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder of an account's queue, which has to persist."""
    return Path(hass.config.path(".storage", DOMAIN, "clips", entry_id))


def spool_folder(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder in which clips wait, outside the backups."""
    return Path(hass.config.cache_path(DOMAIN, "clips", entry_id))


def forget_clips(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the queue of a removed account and what waits in it; the archive keeps what it has. Blocking."""
    for folder in (queue_folder(hass, entry_id), spool_folder(hass, entry_id)):
        shutil.rmtree(folder, ignore_errors=True)


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()

"""The recordings of one account: on motion, manual, and their events and issues."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType

from .access import camera_entity_id
from .clip_sources import recording_id
from .const import DOMAIN, LOCAL, LOGGER, OPTION_KEPT, OPTION_RECORDING
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .exposure import OPEN, Exposure
from .ffmpeg_setting import ffmpeg_program
from .kernel.errors import HubError, Unsupported
from .kernel.model import CameraEvent, Clip, EventKind
from .kernel.observers import Observers
from .kernel.provider import Camera, Clips, Switch
from .kernel.samples import Sample, Source
from .recording.library import Library
from .recording.recorder import Recorder
from .recording.session import Tools
from .recording_options import default_folder, recording_limits, recording_settings
from .recording_source import camera_samples, can_be_recorded
from .runtime import close_at_stop

EVENT_FINISHED: Final = f"{DOMAIN}_recording_finished"
# Values of the action.
START: Final = "start"
STOP: Final = "stop"
# The switch that pauses automatic recording; its state survives a restart.
SWITCH: Final = "automatic_recording"
PAUSED: Final = "paused"
# Failures with a repair issue: nothing is recorded until they are fixed.
REPAIRED: Final = frozenset({"disk_full", "ffmpeg_missing"})
# Events without motion, which are not recorded.
UNMOVED: Final = frozenset(
    {EventKind.SOUND, EventKind.SCENE_CHANGE, EventKind.TAMPER, EventKind.VIDEO_LOSS, EventKind.ALARM_INPUT}
)

type FinishedListener = Callable[[str, Clip, CameraEvent | None], None]


class Recordings:
    """Recorders of the cameras of one account, and their library."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator) -> None:
        """Record nothing yet."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        kept: Mapping[str, Any] = entry.options.get(OPTION_KEPT, {})
        usual = default_folder(hass)
        self.library = Library(Path(kept.get("folder") or usual), entry.entry_id)
        self._exposure = Exposure(hass, entry, self.library.root, usual)
        self._tools = Tools(
            library=self.library,
            limits=recording_limits(kept),
            clock=coordinator.clock,
            counters=coordinator.counters,
            on_change=self._changed,
            on_finished=self._finished,
            on_problem=self._problem,
            program=ffmpeg_program(hass),
        )
        self._recorders: dict[str, Recorder] = {}
        self._undo: dict[str, Callable[[], None]] = {}
        self._problems: set[str] = set()
        self._ready = asyncio.Event()
        # Folder names of the cameras that have recordings.
        self._shelves: set[str] = set()
        self._closed = False
        self._finished_listeners: Observers[str, Clip, CameraEvent | None] = Observers("a finished recording")
        self._change_listeners: defaultdict[str, Observers[()]] = defaultdict(lambda: Observers("a recording"))

    @property
    def _stored(self) -> Mapping[str, Mapping[str, Any]]:
        stored: Mapping[str, Mapping[str, Any]] = self._entry.options.get(OPTION_RECORDING, {})
        return stored

    def decorate(self, camera: Camera) -> Camera:
        """Return a camera with a switch that pauses its recordings, if it is recorded on motion."""
        stored = self._stored.get(camera.id, {})
        if not stored.get("automatic") or not can_be_recorded(camera):
            return camera
        switch = Switch(key=SWITCH, is_on=not stored.get(PAUSED, False), turn=lambda on: self._turn(camera.id, on=on))
        return replace(camera, controls=(*camera.controls, switch))

    def problems(self) -> set[str]:
        """Return the problems of the recordings (`issues.<slug>`), and check in the background whether they persist."""
        if (self._problems or self._exposure.possible) and self._ready.is_set() and not self._closed:
            self._entry.async_create_background_task(self._hass, self._look_again(), f"{DOMAIN} recording problems")
        return self._problems | ({OPEN} if self._exposure.found else set())

    @callback
    def clips_of(self, camera_id: str) -> Clips | None:
        """Return the recordings of a camera, None if there has never been one."""
        shelf = self.library.of(camera_id)
        return shelf if shelf.folder.name in self._shelves else None

    @callback
    def async_on_finished(self, listener: FinishedListener) -> Callable[[], None]:
        """Call `listener(camera_id, clip, event)` with each finished recording; returns the unsubscribe function."""
        return self._finished_listeners.add(listener)

    @callback
    def async_on_change(self, camera_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when a recording of a camera begins or ends; returns the undo."""
        return self._change_listeners[camera_id].add(listener)

    @callback
    def is_recording(self, camera_id: str) -> bool:
        """Return whether a camera is being recorded."""
        recorder = self._recorders.get(camera_id)
        return recorder is not None and recorder.recording

    @callback
    def async_begin(self) -> None:
        """Start once the cameras are known, without waiting for the disk."""
        self._entry.async_on_unload(close_at_stop(self._hass, self.async_close))
        self._entry.async_on_unload(self._coordinator.async_add_listener(self.async_follow))
        self._entry.async_create_background_task(self._hass, self.async_start(), f"{DOMAIN} recordings begin")

    async def async_start(self) -> None:
        """Finish the files that an earlier run left, then record as configured."""
        try:
            for file in await self._hass.async_add_executor_job(self.library.mend):
                LOGGER.info("A recording that was cut short can be played: %s", file.name)
            self._shelves |= await self._hass.async_add_executor_job(self.library.shelves)
            if any(stored.get("automatic") for stored in self._stored.values()):
                await self._tools.ffmpeg()
        except HubError as error:
            self._problem(error.reason)
        finally:
            self._ready.set()
        self.async_follow()
        if self._exposure.possible:
            await self._look_again()

    @callback
    def async_follow(self) -> None:
        """Arm the recorders of the configured cameras; close those of cameras that are gone."""
        if not self._ready.is_set() or self._closed:
            return
        cameras = self._coordinator.data
        for camera_id in self._recorders.keys() - cameras.keys():
            self._undo.pop(camera_id, lambda: None)()
            closing = self._recorders.pop(camera_id).close()
            self._entry.async_create_background_task(self._hass, closing, f"recordings of {camera_id} end")
        for camera in cameras.values():
            wanted = any(isinstance(each, Switch) and each.key == SWITCH and each.is_on for each in camera.controls)
            if wanted or camera.id in self._undo:
                self._arm(camera, on=wanted)

    def _arm(self, camera: Camera, *, on: bool) -> None:
        # A camera to be disarmed may have lost its stream, so that no recorder could be created for it.
        recorder = self._recorder(camera) if on else self._recorders[camera.id]
        if on and camera.id not in self._undo:
            hear = partial(self._hear, recorder)
            self._undo[camera.id] = self._coordinator.events.async_subscribe(camera.id, hear)
        elif not on:
            self._undo.pop(camera.id)()
        recorder.arm(on=on)

    def _hear(self, recorder: Recorder, event: CameraEvent) -> None:
        if event.kind not in UNMOVED:
            recorder.hear(event)

    def _recorder(self, camera: Camera) -> Recorder:
        """Return the recorder of a camera; raises Unsupported."""
        if not can_be_recorded(camera):
            raise Unsupported("nothing to record", reason="recording_unsupported")
        if camera.id not in self._recorders:
            settings = recording_settings(self._stored.get(camera.id, {}))
            # An address that costs a call to the vendor is not held open between recordings.
            known = camera.rtsp is None or camera.rtsp.peek() is not None
            source: Source = partial(self._samples, camera.id)
            self._recorders[camera.id] = Recorder(camera.id, source, settings, self._tools, pre_roll=known)
        return self._recorders[camera.id]

    async def async_recorder(self, camera_id: str) -> Recorder:
        """Return the recorder of a camera once it may be used; raises Unsupported."""
        await self._ready.wait()
        camera = self._coordinator.data.get(camera_id)
        if camera is None or self._closed:
            raise Unsupported("no such camera", reason="recording_unsupported")
        return self._recorder(camera)

    async def async_by_hand(self, camera_id: str, action: str, seconds: float | None) -> JsonObjectType:
        """Start or stop a manual recording and return its facts; raises HubError."""
        recorder = await self.async_recorder(camera_id)
        file = await (recorder.start(seconds) if action == START else recorder.stop())
        if file is None:
            raise Unsupported("nothing to stop", reason="not_recording")
        clip = await self._hass.async_add_executor_job(self.library.of(camera_id).named, file)
        return {
            "file": clip.id,
            "start": clip.start.isoformat(),
            "end": clip.end.isoformat() if clip.end else None,
            "media_content_id": self.media_id(camera_id, clip),
        }

    async def async_close(self) -> None:
        """Finish all recordings; may be called twice."""
        self._closed = True
        while self._undo:
            self._undo.popitem()[1]()
        await asyncio.gather(*(recorder.close() for recorder in self._recorders.values()))

    def media_id(self, camera_id: str, clip: Clip) -> str:
        """Return the media content id of a recording."""
        day = dt_util.as_local(clip.start).date().isoformat()
        parts = (self._entry.entry_id, camera_id, day, recording_id(clip, LOCAL))
        return f"media-source://{DOMAIN}/" + "/".join(quote(part, safe="") for part in parts)

    def _samples(self, camera_id: str) -> AsyncGenerator[Sample]:
        coordinator = self._coordinator
        return camera_samples(coordinator.data.get(camera_id), coordinator.relays, coordinator.clock)

    @callback
    def _changed(self, camera_id: str) -> None:
        self._change_listeners[camera_id].tell()

    @callback
    def _finished(self, clip: Clip, event: CameraEvent | None) -> None:
        """Fire an event and notify listeners of a finished recording."""
        self._shelves.add(self.library.of(clip.camera).folder.name)
        facts = {
            "entity_id": camera_entity_id(self._hass, self._entry, clip.camera),
            "trigger": "manual" if event is None else "motion",
            "kind": event.kind.value if event else None,
            "start": clip.start.isoformat(),
            "end": clip.end.isoformat() if clip.end else None,
            "size": clip.size,
            "file": clip.id,
            "media_content_id": self.media_id(clip.camera, clip),
        }
        self._hass.bus.async_fire(EVENT_FINISHED, facts)
        self._finished_listeners.tell(clip.camera, clip, event)

    @callback
    def _problem(self, reason: str | None) -> None:
        """Note a problem that needs a repair issue; None clears them all."""
        before = set(self._problems)
        if reason is None:
            self._problems.clear()
        elif reason in REPAIRED:
            self._problems.add(reason)
        else:
            LOGGER.warning("A recording of %s failed: %s", self._entry.title, reason)
        if self._problems != before and not self._closed:
            self._coordinator.async_check()

    async def _look_again(self) -> None:
        """Check whether the problems persist."""
        if await self._exposure.async_look():
            self._coordinator.async_check()
        if not self._problems:
            return
        try:
            await self._tools.ffmpeg()
            await self._tools.make_room()
        except HubError as error:
            self._problems.intersection_update({error.reason})
        else:
            self._problem(None)

    async def _turn(self, camera_id: str, *, on: bool) -> None:
        """Pause or go on, also after a restart."""
        stored = {**self._stored.get(camera_id, {}), PAUSED: not on}
        options = {**self._entry.options, OPTION_RECORDING: {**self._stored, camera_id: stored}}
        self._hass.config_entries.async_update_entry(self._entry, options=options)


@callback
def async_record(
    hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator, decorate: Callable[[Camera], Camera]
) -> Recordings:
    """Create the recordings of an account and register them; `decorate` is a further change to its cameras."""
    recordings = Recordings(hass, entry, coordinator)
    hass.data.setdefault(RECORDINGS, {})[entry.entry_id] = recordings
    coordinator.decorate = lambda camera: recordings.decorate(decorate(camera))
    coordinator.issues.sources.append(recordings.problems)
    coordinator.clip_places[LOCAL] = recordings.clips_of
    return recordings


RECORDINGS: Final[HassKey[dict[str, Recordings]]] = HassKey(f"{DOMAIN}_recordings")


def entry_recordings(hass: HomeAssistant, coordinator: CamHubCoordinator) -> Recordings:
    """Return the recordings of an account that is loaded."""
    return hass.data[RECORDINGS][coordinator.config_entry.entry_id]

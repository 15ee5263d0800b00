"""Motion detection for cameras that report none: their pictures are analysed here."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant, callback

from .capture.key_frames import key_frames
from .const import LOGGER, MOTION_COOL_DOWN, MOTION_MINIMUM, MOTION_SENSITIVITY, MOTION_ZONES, OPTION_MOTION
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.errors import Unsupported
from .kernel.model import EventKind
from .kernel.provider import Camera, Rtsp, Switch
from .kernel.relay import Relay
from .recording.grey import decode
from .recording.motion import DEFAULT_SENSITIVITY, MotionSettings
from .recording.watch import MotionWatch, Sight, Sights, of_frames
from .recording.zones import read_zones

# The switch that pauses it; its state survives a restart.
SWITCH = "motion_watch"
PAUSED = "paused"


def can_be_watched(camera: Camera) -> bool:
    """Return whether a camera has a stream to watch and reports no motion itself.

    Streams whose address costs a call to the vendor are left out; such cameras report motion themselves.
    """
    has_pictures = camera.mjpeg is not None or (camera.rtsp is not None and camera.rtsp.peek() is not None)
    return has_pictures and EventKind.MOTION not in camera.event_kinds


def motion_settings(stored: Mapping[str, Any]) -> MotionSettings:
    """Return the motion settings of one camera; raises Unsupported for an invalid zone."""
    usual = MotionSettings()
    return MotionSettings(
        sensitivity=stored.get(MOTION_SENSITIVITY, DEFAULT_SENSITIVITY),
        minimum=stored.get(MOTION_MINIMUM, usual.minimum),
        cool_down=stored.get(MOTION_COOL_DOWN, usual.cool_down),
        zones=read_zones(stored.get(MOTION_ZONES, {})),
    )


class Watching:
    """The motion watches of one account, as configured in the options."""

    def __init__(self, hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator) -> None:
        """Watch nothing yet."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._watches: dict[str, MotionWatch] = {}

    @property
    def _wanted(self) -> Mapping[str, Mapping[str, Any]]:
        wanted: Mapping[str, Mapping[str, Any]] = self._entry.options.get(OPTION_MOTION, {})
        return wanted

    def decorate(self, camera: Camera) -> Camera:
        """Return a camera with motion events and a pause switch, if it is watched."""
        stored = self._wanted.get(camera.id)
        if stored is None or not can_be_watched(camera):
            return camera
        switch = Switch(key=SWITCH, is_on=not stored.get(PAUSED, False), turn=lambda on: self._turn(camera.id, on=on))
        return replace(camera, event_kinds=camera.event_kinds | {EventKind.MOTION}, controls=(*camera.controls, switch))

    def hears(self, camera_id: str) -> bool:
        """Return whether motion at a camera would be detected now."""
        watch = self._watches.get(camera_id)
        return watch is not None and watch.running and watch.error is None

    @callback
    def async_follow(self) -> None:
        """Start watching configured cameras, and stop watching those that are gone."""
        cameras = {camera.id: camera for camera in self._coordinator.data.values() if self._is_on(camera)}
        for camera_id in self._watches.keys() - cameras.keys():
            self._entry.async_create_background_task(
                self._hass, self._watches.pop(camera_id).close(), f"motion of {camera_id} ends"
            )
        for camera_id, camera in cameras.items():
            if camera_id not in self._watches and (watch := self._watch(camera)):
                self._watches[camera_id] = watch
                watch.start()

    async def async_close(self) -> None:
        """Stop watching."""
        watches, self._watches = self._watches, {}
        await asyncio.gather(*(watch.close() for watch in watches.values()))

    def _is_on(self, camera: Camera) -> bool:
        return any(
            isinstance(control, Switch) and control.key == SWITCH and control.is_on for control in camera.controls
        )

    def _watch(self, camera: Camera) -> MotionWatch | None:
        try:
            settings = motion_settings(self._wanted[camera.id])
        except Unsupported as error:
            LOGGER.warning("Motion of %s is not watched: %s %s", camera.identity.name, error.reason, error.placeholders)
            return None
        return MotionWatch(
            camera.id,
            self._sights(camera),
            settings,
            self._coordinator.events.deliver,
            clock=self._coordinator.clock,
            counters=self._coordinator.counters,
        )

    def _sights(self, camera: Camera) -> Sights:
        if (relay := self._coordinator.relays.of(camera)) is not None:
            return of_frames(partial(_frames, relay), decode)
        if camera.rtsp is None:
            raise Unsupported("no pictures to watch")
        return partial(self._key_frames, camera.rtsp)

    async def _key_frames(self, rtsp: Rtsp) -> AsyncGenerator[Sight]:
        lease = await rtsp.open()
        try:
            async with aclosing(key_frames(lease.value, self._coordinator.clock)) as frames:
                async for frame in frames:
                    yield Sight(taken_at=frame.taken_at, grey=frame.grey, jpeg=frame.jpeg)
        finally:
            await lease.release()

    async def _turn(self, camera_id: str, *, on: bool) -> None:
        """Pause or resume; the state survives a restart."""
        stored = {**self._wanted.get(camera_id, {}), PAUSED: not on}
        options = {**self._entry.options, OPTION_MOTION: {**self._wanted, camera_id: stored}}
        self._hass.config_entries.async_update_entry(self._entry, options=options)
        watch = self._watches.pop(camera_id, None)
        if watch is not None:
            await watch.close()


async def _frames(relay: Relay) -> AsyncGenerator[tuple[bytes, datetime]]:
    async with aclosing(relay.frames()) as frames:
        async for frame in frames:
            yield frame.jpeg, frame.taken_at

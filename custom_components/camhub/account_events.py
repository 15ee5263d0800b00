"""The events of one account: each is delivered once, and its picture is kept."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN, EVENT_FLOOR
from .kernel.counters import Counters
from .kernel.errors import HubError
from .kernel.events import Dedup
from .kernel.model import CameraEvent, EventPhase
from .kernel.observers import Observers
from .kernel.provider import Camera
from .kernel.stills import Album
from .picture_keys import event_picture_key, picture_key


class AccountEvents:
    """Delivers each event to the listeners of its camera and to those of all cameras.

    `cameras` returns the current cameras by id.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        *,
        album: Album,
        counters: Counters,
        cameras: Callable[[], Mapping[str, Camera]],
    ) -> None:
        """Start with no event seen."""
        self._hass = hass
        self._entry = entry
        self._album = album
        self._counters = counters
        self._cameras = cameras
        self._dedup = Dedup()
        self._listeners: Observers[CameraEvent] = Observers("an event")
        self._listeners_by_camera: defaultdict[str, Observers[CameraEvent]] = defaultdict(lambda: Observers("an event"))

    @callback
    def async_subscribe(self, camera_id: str, listener: Callable[[CameraEvent], None]) -> Callable[[], None]:
        """Call `listener` with each event of a camera; returns the undo."""
        return self._listeners_by_camera[camera_id].add(listener)

    @callback
    def async_subscribe_all(self, listener: Callable[[CameraEvent], None]) -> Callable[[], None]:
        """Call `listener` with each event of every camera, before the camera's own listeners; returns the undo."""
        return self._listeners.add(listener)

    def deliver(self, event: CameraEvent) -> None:
        """Notify the listeners, once however often the event arrives."""
        if not self._dedup.is_new(event):
            self._counters.count("events.repeated")
            return
        self._counters.count(f"events.{event.kind}")
        self._listeners.tell(event)
        self._listeners_by_camera[event.camera].tell(event)
        # A picture of the event may come after the event itself.
        if event.phase in {EventPhase.START, EventPhase.PULSE} or event.image is not None:
            self._entry.async_create_background_task(self._hass, self._keep_picture(event), f"{DOMAIN} event picture")

    async def _keep_picture(self, event: CameraEvent) -> None:
        """Keep a picture of the event: its own, else one taken now."""
        key = event_picture_key(self._entry.entry_id, event.camera)
        camera = self._cameras().get(event.camera)
        try:
            if event.image is not None:
                self._album.put(key, event.image)
            elif camera is not None and camera.stills is not None:
                floor = min(camera.still_floor, EVENT_FLOOR)
                taken = await self._album.refresh(
                    picture_key(self._entry.entry_id, event.camera), camera.stills, floor=floor
                )
                self._album.put(key, taken)
        except HubError as error:
            self._counters.count(f"event_picture.{type(error).__name__}")

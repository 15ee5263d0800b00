"""What the stream routes hold open for one account."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .alert_pictures import AlertPictures
from .const import DOMAIN
from .coordinator import CamHubCoordinator
from .hls_paths import HlsPaths
from .hls_start import HlsStart
from .kernel.clock import Clock
from .kernel.model import Clip
from .kernel.provider import Mjpeg
from .kernel.relay import Relay
from .limits import METER
from .stream_talk import Talk

# A picture may take a minute (kernel/stills.py): a stream of pictures has stalled only after that.
IDLE: Final = 70.0
CLIPS_KEPT: Final = 5000


@dataclass(slots=True, eq=False)
class LiveSession:
    """A live view requested over HTTP; `candidates` are those of the camera not fetched yet."""

    user_id: str
    camera_id: str
    talk: Talk
    candidates: list[str]
    ended: Callable[[], None]
    cancel_end: Callable[[], None] = lambda: None

    def take(self) -> list[str]:
        """Return the candidates not fetched yet."""
        taken = self.candidates.copy()
        self.candidates.clear()
        return taken


class EntryStreams:
    """MJPEG streams made of stills, live views and other stream state of one account."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing open."""
        self._clock = clock
        self._relays: dict[str, Relay] = {}
        self.sessions: dict[str, LiveSession] = {}
        self.hls = HlsPaths(clock)
        self.hls_start = HlsStart()
        self.pictures = AlertPictures(clock)
        self._clips: dict[tuple[str, str], Clip] = {}
        self.closed = False

    def remember(self, clips: Mapping[str, Clip], camera_id: str) -> None:
        """Remember finished recordings by name: their thumbnails are requested one by one as soon as they are shown."""
        if len(self._clips) + len(clips) > CLIPS_KEPT:
            self._clips.clear()
        self._clips |= {(camera_id, name): clip for name, clip in clips.items() if clip.end is not None}

    def remembered(self, camera_id: str, name: str) -> Clip | None:
        """Return a remembered recording."""
        return self._clips.get((camera_id, name))

    def made(self, camera_id: str) -> Relay | None:
        """Return the stream made of a camera's stills, None if there is none yet."""
        return self._relays.get(camera_id)

    def relay(self, camera_id: str, source: Callable[[], Mjpeg]) -> Relay:
        """Return the stream made of a camera's stills, shared by all viewers."""
        if camera_id not in self._relays:
            self._relays[camera_id] = Relay(source(), clock=self._clock, idle=IDLE)
        return self._relays[camera_id]

    async def end(self, session_id: str) -> None:
        """End a live view."""
        if (session := self.sessions.pop(session_id, None)) is not None:
            session.cancel_end()
            session.ended()
            await session.talk.close()

    async def async_close(self) -> None:
        """End everything; may be called twice."""
        self.closed = True
        await asyncio.gather(*(self.end(session_id) for session_id in tuple(self.sessions)))
        await asyncio.gather(*(relay.close() for relay in self._relays.values()))
        self._relays.clear()


STREAMS: Final[HassKey[dict[str, EntryStreams]]] = HassKey(f"{DOMAIN}_streams")


def entry_streams(hass: HomeAssistant, coordinator: CamHubCoordinator) -> EntryStreams:
    """Return the stream state of a loaded account."""
    return hass.data[STREAMS][coordinator.config_entry.entry_id]


def hls_stream(camera_id: str) -> tuple[str, str]:
    """Return the key of a camera's HLS among a user's streams."""
    return ("hls", camera_id)


def watched_relay(hass: HomeAssistant, coordinator: CamHubCoordinator, camera_id: str) -> Relay | None:
    """Return the MJPEG relay of a camera, its own or one made of stills, None if there is none yet."""
    return coordinator.relays.get(camera_id) or entry_streams(hass, coordinator).made(camera_id)


def count_viewers(hass: HomeAssistant, coordinator: CamHubCoordinator, camera_id: str) -> int:
    """Return the number of viewers of a camera: all of MJPEG, and those of HLS and WebRTC over our own routes."""
    streams, relay = entry_streams(hass, coordinator), watched_relay(hass, coordinator, camera_id)
    players = hass.data[METER].holders(coordinator.config_entry.entry_id, hls_stream(camera_id))
    live = sum(session.camera_id == camera_id for session in streams.sessions.values())
    return (relay.viewers if relay else 0) + players + live

"""Cameras: one class per kind of live view; RTSP is preferred, then WebRTC, MJPEG and stills."""

from collections.abc import Iterable, Mapping
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .camera_mjpeg import MjpegCamera
from .camera_rtsp import RtspCamera
from .camera_still import StillCamera
from .camera_webrtc import WebRtcCamera
from .coordinator import CamHubConfigEntry, CamHubCoordinator, stream_kind
from .entity import async_add_for_cameras
from .kernel.provider import Camera

# Concurrent requests for a camera's still share one fetch; Home Assistant need not queue them.
PARALLEL_UPDATES = 0

CLASSES: Final[Mapping[str, type[StillCamera]]] = {
    "rtsp": RtspCamera,
    "webrtc": WebRtcCamera,
    "mjpeg": MjpegCamera,
    "stills": StillCamera,
}


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a camera entity for each camera."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[StillCamera]:
    """Yield the entity of the class that suits the camera."""
    yield CLASSES[stream_kind(camera)](coordinator, camera)

"""A camera with an RTSP address, which Home Assistant and its players open themselves."""

from collections.abc import Callable, Coroutine
import math
from typing import Final, override

from homeassistant.components.camera import Camera as CameraEntity, CameraEntityFeature
from homeassistant.components.stream import Stream
from homeassistant.core import HomeAssistant, callback

from .access import async_require_view
from .camera_still import StillCamera
from .const import LOGGER, PLAYER_LIFE
from .coordinator import CamHubCoordinator
from .kernel.errors import HubError, Unsupported
from .kernel.lease import Lease
from .kernel.provider import Camera
from .kernel.shared_lease import SharedLease

# For callers that only look at the scheme, if a real address would cost a call.
_ANY_ADDRESS: Final = "rtsp://"


class RtspCamera(StillCamera):
    """A camera whose RTSP stream others open: Home Assistant for HLS and recording, go2rtc for WebRTC.

    An address that expires is shared by all viewers, renewed while anybody watches and released afterwards.
    """

    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start without asking for an address."""
        super().__init__(coordinator, camera)
        self._added = False
        self._address = SharedLease(self._open_address, self._is_watched, clock=coordinator.clock)
        self._address.on_change(self._address_changed)
        self._making_stream = False
        self._choosing_provider = False
        self._others = 0
        self._others_until = -math.inf

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._added = True

    @override
    async def async_will_remove_from_hass(self) -> None:
        await super().async_will_remove_from_hass()
        await self._address.close()

    @override
    async def stream_source(self) -> str | None:
        """Raise only to refuse a user.

        Home Assistant also calls this while the entity is added; that must not cost a call to the vendor.
        """
        rtsp = self.camera.rtsp if self.camera else None
        if rtsp is None:
            return None
        if self._choosing_provider:
            return rtsp.peek() or _ANY_ADDRESS
        if not self._added:
            return rtsp.peek()
        await async_require_view(self, "stream")
        if not self._making_stream:
            self._another_opened()
        return await self._current_address()

    @override
    async def _async_get_supported_webrtc_provider[T](
        self, fn: Callable[[HomeAssistant, CameraEntity], Coroutine[None, None, T | None]]
    ) -> T | None:
        """Let WebRTC providers judge by the scheme; they request the real address when somebody watches."""
        self._choosing_provider = True
        try:
            return await super()._async_get_supported_webrtc_provider(fn)
        finally:
            self._choosing_provider = False

    @override
    async def async_create_stream(self) -> Stream | None:
        """Check permissions here as well: a running stream is returned without another call of `stream_source`."""
        await async_require_view(self, "hls")
        if self.stream is not None and self._address.over:
            if (address := await self._current_address()) is None:
                return None
            self.stream.update_source(address)
        self._making_stream = True
        try:
            return await super().async_create_stream()
        finally:
            self._making_stream = False

    @callback
    @override
    def close_webrtc_session(self, session_id: str) -> None:
        super().close_webrtc_session(session_id)
        self._others = max(0, self._others - 1)

    async def _current_address(self) -> str | None:
        try:
            return await self._address.get()
        except HubError as error:
            LOGGER.debug("No stream of %s: %s", self.entity_id, error.reason)
            return None

    async def _open_address(self) -> Lease[str]:
        if self.camera is None or self.camera.rtsp is None:
            raise Unsupported("the camera no longer has an address")
        return await self.camera.rtsp.open()

    @callback
    def _another_opened(self) -> None:
        """Count a player other than Home Assistant's stream; only WebRTC sessions report their end."""
        if self._webrtc_provider is not None:
            self._others += 1
        else:
            self._others_until = self.coordinator.clock.monotonic() + PLAYER_LIFE

    @callback
    def _is_watched(self) -> bool:
        playing = self.stream is not None and bool(self.stream.outputs())
        return playing or self._others > 0 or self.coordinator.clock.monotonic() < self._others_until

    @callback
    def _address_changed(self, address: str) -> None:
        """Switch Home Assistant's stream to the renewed address without interrupting it."""
        if self.stream is not None:
            self.stream.update_source(address)

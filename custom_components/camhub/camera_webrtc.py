"""A camera whose provider answers WebRTC offers itself."""

from typing import override

from homeassistant.components.camera import (
    CameraEntityFeature,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCClientConfiguration,
    WebRTCError,
    WebRTCSendMessage,
)
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.core import callback

from .access import async_require_view
from .camera_still import StillCamera
from .const import DOMAIN
from .coordinator import CamHubCoordinator
from .failures import action_errors, sentence
from .kernel.errors import HubError, Unsupported
from .kernel.live import LiveView
from .kernel.provider import Camera


class WebRtcCamera(StillCamera):
    """A camera whose provider answers WebRTC offers itself."""

    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start with nobody watching."""
        super().__init__(coordinator, camera)
        self._live: dict[str, LiveView] = {}

    @override
    async def async_will_remove_from_hass(self) -> None:
        await super().async_will_remove_from_hass()
        while self._live:
            await self._live.popitem()[1].close()

    @callback
    @override
    def _async_get_webrtc_client_configuration(self) -> WebRTCClientConfiguration:
        """Tell the viewer which data channel to offer; Home Assistant adds its own ICE servers."""
        webrtc = self.camera.webrtc if self.camera else None
        return WebRTCClientConfiguration(data_channel=webrtc.data_channel if webrtc else None)

    @override
    async def async_handle_async_webrtc_offer(
        self, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        await async_require_view(self, "webrtc")
        webrtc = self.camera.webrtc if self.camera else None

        def tell(candidate: str) -> None:
            send_message(WebRTCCandidate(RTCIceCandidateInit(candidate)))

        def over(error: HubError) -> None:
            # The viewer's player shows why, and hangs up.
            send_message(WebRTCError(f"{DOMAIN}_live_view_over", sentence(error)))
            self.close_webrtc_session(session_id)

        with action_errors():
            if webrtc is None:
                raise Unsupported("the camera no longer answers offers")
            live = self._live[session_id] = LiveView(webrtc, offer_sdp, tell, clock=self.coordinator.clock, ended=over)
            try:
                answer = await live.start()
            except BaseException:  # whatever ended it, nobody will close it later
                self._live.pop(session_id, None)
                await live.close()
                raise
        if session_id in self._live:
            send_message(WebRTCAnswer(answer))
        else:
            await live.close()

    @override
    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        if (live := self._live.get(session_id)) is not None:
            with action_errors():
                await live.add_candidate(candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index)

    @callback
    @override
    def close_webrtc_session(self, session_id: str) -> None:
        if (live := self._live.pop(session_id, None)) is not None:
            self.hass.async_create_task(live.close(), f"{DOMAIN} close live view")

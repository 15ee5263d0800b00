"""Cameras: one class per way of watching, RTSP first, then WebRTC, then MJPEG, then stills."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
import math
from typing import Any, Final, override

from aiohttp import web
from homeassistant.components.camera import (
    Camera as CameraEntity,
    CameraEntityFeature,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCClientConfiguration,
    WebRTCError,
    WebRTCSendMessage,
)
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.components.stream import Stream
from homeassistant.core import HomeAssistant, ServiceResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .access import async_require_view
from .const import DOMAIN, LOGGER, LONGEST_EXPORT, PLAYER_LIFE, STILL_PATIENCE
from .coordinator import CamHubConfigEntry, CamHubCoordinator, way_of
from .entity import CamHubEntity, async_add_for_cameras
from .failures import action_errors, sentence
from .filming import Film
from .kernel.errors import HubError, Unsupported
from .kernel.lease import Lease
from .kernel.live import LiveView
from .kernel.model import Image
from .kernel.provider import Camera, ExportedClips
from .kernel.shared_lease import SharedLease
from .recordings import Recordings, entry_recordings
from .scaling import ScaledPictures
from .viewers import serve_mjpeg

# Stills of one camera are fetched once however many ask; Home Assistant need not queue them.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: CamHubConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a camera entity for each camera."""
    async_add_for_cameras(entry, async_add_entities, _entities)


def _entities(coordinator: CamHubCoordinator, camera: Camera) -> Iterable[StillCamera]:
    """Choose the class by what the camera can."""
    yield CLASSES[way_of(camera)](coordinator, camera)


class StillCamera(CamHubEntity, CameraEntity):
    """A camera that gives pictures: the last good one at once, a newer one behind."""

    _attr_name = None
    _attr_translation_key = "camera"
    _unrecorded_attributes = frozenset({"taken_at"})

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start with whatever picture the album has kept."""
        super().__init__(coordinator, camera, "camera")
        CameraEntity.__init__(self)
        self._attr_brand = camera.identity.manufacturer
        self._attr_model = camera.identity.model
        self._scaled = ScaledPictures()

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_picture(self.picture_key, self.async_write_ha_state))
        self.async_on_remove(self._recordings.async_on_change(self.camera_id, self._recording_changed))
        self._attr_is_recording = self._recordings.is_recording(self.camera_id)

    @property
    def _recordings(self) -> Recordings:
        return entry_recordings(self.hass, self.coordinator)

    @callback
    def _recording_changed(self) -> None:
        self._attr_is_recording = self._recordings.is_recording(self.camera_id)
        self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        """A camera with a picture stays: the picture says how old it is, `online` whether the camera is there."""
        return self.camera is not None and (
            self.coordinator.last_update_success or self.coordinator.album.last(self.picture_key) is not None
        )

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        image = self.coordinator.album.last(self.picture_key)
        if image is None:
            return {"taken_at": None, "stale": True, "source": None}
        age = (self.coordinator.clock.now() - image.taken_at).total_seconds()
        limit = 2 * (self.coordinator.update_interval.total_seconds() if self.coordinator.update_interval else 0)
        return {"taken_at": image.taken_at, "stale": age > limit, "source": image.source}

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        await async_require_view(self, "still")
        image = await self._async_picture()
        if image is None or width is None or height is None:
            return image.content if image else None
        return await self._scaled.async_get(self.hass, image, width, height)

    async def _async_picture(self) -> Image | None:
        """Return the picture to show now, None if there has never been one."""
        camera, album = self.camera, self.coordinator.album
        if camera is None or camera.stills is None:
            return await album.read(self.picture_key)
        try:
            return await album.get(
                self.picture_key,
                camera.stills,
                max_age=self.coordinator.picture_age,
                floor=camera.still_floor,
                patience=STILL_PATIENCE,
            )
        except HubError as error:
            LOGGER.debug("No picture of %s: %s", self.entity_id, error.reason)
        return None

    @override
    async def handle_async_still_stream(self, request: web.Request, interval: float) -> web.StreamResponse:
        await async_require_view(self, "mjpeg")
        return await super().handle_async_still_stream(request, interval)

    async def async_refresh_snapshot(self) -> None:
        """Take a picture now; raises HomeAssistantError in the user's words."""
        await async_require_view(self, "refresh_snapshot")
        with action_errors():
            await self.coordinator.async_take(self.camera_id)

    async def async_export_clip(self, start: datetime, end: datetime, name: str | None = None) -> ServiceResponse:
        """Have a time put aside where the camera's recordings are; raises HomeAssistantError in the user's words."""
        await async_require_view(self, "export_clip")
        begin, until = dt_util.as_utc(start), dt_util.as_utc(end)
        if not timedelta() < until - begin <= LONGEST_EXPORT:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="bad_export_time")
        clips = self.camera.clips if self.camera else None
        if not isinstance(clips, ExportedClips):
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="export_unsupported")
        with action_errors():
            return {"export_id": await clips.export(begin, until, name)}

    async def async_record_clip(self, action: str, duration: float | None = None) -> ServiceResponse:
        """Begin or end a recording by hand; raises HomeAssistantError in the user's words."""
        await async_require_view(self, "record")
        with action_errors():
            return await self._recordings.async_by_hand(self.camera_id, action, duration)

    async def async_clip_link(self, event_id: str | None = None, seconds: int = 300) -> ServiceResponse:
        """Return where an archived clip of this camera can be opened for a while; raises HomeAssistantError."""
        await async_require_view(self, "clip_link")
        archiving = self.coordinator.archiving
        with action_errors():
            if archiving is None:
                raise Unsupported("no archive", reason="archive_none")
            job = await archiving.async_find(self.camera_id, event_id)
            link = await archiving.async_link(job, seconds)
        ends = self.coordinator.clock.now() + timedelta(seconds=seconds)
        return {"clip": job.reference, "event_id": job.event_id, "url": link, "expires": ends.isoformat()}


class MjpegCamera(StillCamera):
    """A camera whose frames all viewers share."""

    @override
    async def async_create_stream(self) -> Stream | None:
        """Return what `camera.record` wants; nothing else can be done with it."""
        await async_require_view(self, "record")
        return Film(self.hass, self._recordings, self.camera_id) if self.camera else None

    @override
    async def handle_async_mjpeg_stream(self, request: web.Request) -> web.StreamResponse | None:
        await async_require_view(self, "mjpeg")
        relay = self.coordinator.relays.of(self.camera) if self.camera else None
        return await serve_mjpeg(request, relay) if relay else None


class RtspCamera(StillCamera):
    """A camera that players open themselves: HLS and recording by Home Assistant, WebRTC by its go2rtc.

    An address that ends is one for all viewers, renewed while anybody watches and given back afterwards.
    """

    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: CamHubCoordinator, camera: Camera) -> None:
        """Start without asking for an address."""
        super().__init__(coordinator, camera)
        self._added = False
        self._address = SharedLease(self._open_address, self._is_watched, clock=coordinator.clock)
        self._address.on_change(self._address_changed)
        self._making_stream = False
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
        """Raise only to refuse a user: Home Assistant also asks while the entity is added, when no call is spent."""
        rtsp = self.camera.rtsp if self.camera else None
        if rtsp is None:
            return None
        if not self._added:
            return rtsp.peek()
        await async_require_view(self, "stream")
        if not self._making_stream:
            self._another_opened()
        return await self._current_address()

    @override
    async def async_create_stream(self) -> Stream | None:
        """Ask here too: a stream that runs already is handed out without asking for its source again."""
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
        """Take note of a player that is not Home Assistant's stream; only a session of its WebRTC tells its end."""
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
        """Go on with the renewed address in place; what plays through others is theirs."""
        if self.stream is not None:
            self.stream.update_source(address)


class WebRtcCamera(StillCamera):
    """A camera whose provider answers offers itself."""

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
        """Tell the viewer which data channel its offer has to hold; Home Assistant adds its own ICE servers."""
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


CLASSES: Final[Mapping[str, type[StillCamera]]] = {
    "rtsp": RtspCamera,
    "webrtc": WebRtcCamera,
    "mjpeg": MjpegCamera,
    "stills": StillCamera,
}

"""Addresses that end: one for all viewers, renewed in place, given back when nobody watches."""

from datetime import timedelta
from typing import override

from homeassistant.components.camera import (
    Camera as CameraEntity,
    CameraWebRTCProvider,
    StreamType,
    WebRTCSendMessage,
    async_get_stream_source,
    async_register_webrtc_provider,
)
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.components.stream import Stream
from homeassistant.core import HomeAssistant, callback
from homeassistant.setup import async_setup_component
import pytest

from custom_components.camhub.kernel.errors import AuthError, Unreachable
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.provider import WebRtc
from custom_components.camhub.runtime import SHARED
from tests.fake_clock import FakeClock

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec


class AnyRtsp(CameraWebRTCProvider):
    """Stands where go2rtc does."""

    @property
    @override
    def domain(self) -> str:
        return "go2rtc"

    @callback
    @override
    def async_is_supported(self, stream_source: str) -> bool:
        return stream_source.partition(":")[0] == "rtsp"

    @override
    async def async_handle_async_webrtc_offer(
        self, camera: CameraEntity, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        raise NotImplementedError

    @override
    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        raise NotImplementedError

    @callback
    @override
    def async_close_session(self, session_id: str) -> None:
        """Know nothing of it."""


class EndingRtsp:
    """Gives addresses for five minutes."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened = 0
        self.renewed = 0
        self.released: list[str] = []
        self.error: Unreachable | AuthError | None = None

    def peek(self) -> str | None:
        return None

    async def open(self) -> Lease[str]:
        self.opened += 1
        return self._lease(f"rtsp://192.0.2.9/{self.opened}?auth=0")

    def _lease(self, address: str) -> Lease[str]:
        if self.error is not None:
            raise self.error

        async def renew() -> Lease[str]:
            self.renewed += 1
            return self._lease(f"{address.partition('=')[0]}={self.renewed}")

        async def release() -> None:
            self.released.append(address)

        ends = self.clock.now() + timedelta(seconds=300)
        return Lease(value=address, expires_at=ends, renew=renew, release=release)


@pytest.fixture
def clock(hub: HomeAssistant) -> FakeClock:
    clock = FakeClock()
    hub.data[SHARED].clock = clock
    return clock


@pytest.fixture
def rtsp(clock: FakeClock) -> EndingRtsp:
    return EndingRtsp(clock)


@pytest.fixture
async def entity(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, rtsp: EndingRtsp) -> CameraEntity:
    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", rtsp=rtsp)]

    fake.prepare = prepare
    assert await async_setup_component(hub, "stream", {})
    await add_account()
    return get_camera_from_entity_id(hub, "camera.yard")


async def started(entity: CameraEntity) -> Stream:
    """Return Home Assistant's stream with a viewer."""
    stream = await entity.async_create_stream()
    assert stream is not None
    stream.add_provider("hls")
    return stream


async def test_all_viewers_share_an_address(hub: HomeAssistant, entity: CameraEntity, rtsp: EndingRtsp) -> None:
    assert rtsp.opened == 0, "nothing is asked while the entity is added"
    stream = await started(entity)
    assert await entity.async_create_stream() is stream
    assert await async_get_stream_source(hub, "camera.yard") == stream.source == "rtsp://192.0.2.9/1?auth=0"
    assert rtsp.opened == 1


async def test_it_is_renewed_in_place_while_somebody_watches(
    entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock
) -> None:
    stream = await started(entity)
    await clock.advance(3 * 3600)
    assert rtsp.opened == 1
    assert rtsp.released == []
    assert stream.source == f"rtsp://192.0.2.9/1?auth={3 * 3600 // 225}"
    assert entity.stream is stream


async def test_it_is_given_back_when_nobody_watches_and_another_opened_later(
    entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock
) -> None:
    stream = await started(entity)
    await stream.remove_provider(stream.outputs()["hls"])
    await clock.advance(80)
    assert rtsp.released == ["rtsp://192.0.2.9/1?auth=0"]
    rtsp.error = Unreachable()
    assert await entity.async_create_stream() is None
    rtsp.error = None
    assert await started(entity) is stream
    assert stream.source == "rtsp://192.0.2.9/3?auth=0"


async def test_a_player_that_tells_no_end_is_kept_for_a_while(
    hub: HomeAssistant, entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock
) -> None:
    await async_get_stream_source(hub, "camera.yard")
    await clock.advance(600)
    assert rtsp.released == []
    await clock.advance(80)
    assert len(rtsp.released) == 1
    assert entity.stream is None


async def test_a_live_view_of_home_assistants_own_is_kept_until_it_is_closed(
    hub: HomeAssistant, entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Provider:
        """Stands where go2rtc does."""

        def async_close_session(self, session_id: str) -> None:
            """Know nothing of it."""

    monkeypatch.setattr(entity, "_webrtc_provider", Provider())
    await async_get_stream_source(hub, "camera.yard")
    await clock.advance(3 * 3600)
    assert rtsp.released == []
    entity.close_webrtc_session("a")
    entity.close_webrtc_session("b")
    await clock.advance(80)
    assert len(rtsp.released) == 1


async def test_a_provider_of_live_views_that_comes_later_costs_no_address(
    hub: HomeAssistant, entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock
) -> None:
    forget = async_register_webrtc_provider(hub, AnyRtsp())
    await hub.async_block_till_done()
    assert StreamType.WEB_RTC in entity.camera_capabilities.frontend_stream_types
    assert rtsp.opened == 0
    assert await async_get_stream_source(hub, "camera.yard") == "rtsp://192.0.2.9/1?auth=0"
    entity.close_webrtc_session("a")
    await clock.advance(80)
    assert len(rtsp.released) == 1, "only who watched was counted"
    forget()
    await hub.async_block_till_done()
    assert StreamType.WEB_RTC not in entity.camera_capabilities.frontend_stream_types
    assert rtsp.opened == 1


async def test_it_is_given_back_with_the_entity(
    hub: HomeAssistant, entity: CameraEntity, rtsp: EndingRtsp, add_account: AddAccount
) -> None:
    await started(entity)
    (entry,) = hub.config_entries.async_entries("camhub")
    await hub.config_entries.async_unload(entry.entry_id)
    assert len(rtsp.released) == 1


async def test_a_camera_that_lost_its_address_meanwhile(
    hub: HomeAssistant, fake: FakeSpec, entity: CameraEntity, rtsp: EndingRtsp, clock: FakeClock
) -> None:
    await started(entity)
    provider = fake.provider
    live: WebRtc = provider.webrtc
    provider.listed = [provider.camera("yard", webrtc=live)]
    await hub.config_entries.async_entries("camhub")[0].runtime_data.async_refresh()
    await hub.async_block_till_done()
    assert len(fake.opened) == 2, "the account was set up anew: the entity is of another kind now"
    assert len(rtsp.released) == 1

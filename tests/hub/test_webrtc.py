from typing import Any

from homeassistant.components.camera import (
    Camera as CameraEntity,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCError,
    WebRTCMessage,
)
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.camhub.kernel.errors import Unreachable

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec


def live(provider: FakeProvider) -> None:
    provider.listed = [provider.camera("door", webrtc=provider.webrtc, mjpeg=provider.mjpeg)]


@pytest.fixture
async def door(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> CameraEntity:
    fake.prepare = live
    await add_account()
    return get_camera_from_entity_id(hub, "camera.door")


def candidate(text: str) -> RTCIceCandidateInit:
    return RTCIceCandidateInit(text, sdp_mid="0", sdp_m_line_index=0)


async def test_an_offer_is_answered_and_candidates_go_both_ways(
    hub: HomeAssistant, fake: FakeSpec, door: CameraEntity
) -> None:
    said: list[WebRTCMessage] = []
    webrtc = fake.provider.webrtc
    webrtc.gate.clear()
    offered = hub.async_create_task(door.async_handle_async_webrtc_offer("offer", "one", said.append))
    await door.async_on_webrtc_candidate("one", candidate("early"))
    webrtc.gate.set()
    await offered
    await door.async_on_webrtc_candidate("one", candidate("late"))
    await door.async_on_webrtc_candidate("two", candidate("nobody's"))
    webrtc.tell("theirs")
    assert webrtc.sessions[0].candidates == [("early", "0", 0), ("late", "0", 0)]
    assert said == [WebRTCAnswer("answer to offer"), WebRTCCandidate(RTCIceCandidateInit("theirs"))]
    door.close_webrtc_session("one")
    door.close_webrtc_session("one")
    await hub.async_block_till_done()
    assert webrtc.released == 1


async def test_a_viewer_who_leaves_before_the_answer_leaves_nothing_behind(
    hub: HomeAssistant, fake: FakeSpec, door: CameraEntity
) -> None:
    said: list[Any] = []
    webrtc = fake.provider.webrtc
    webrtc.gate.clear()
    offered = hub.async_create_task(door.async_handle_async_webrtc_offer("offer", "one", said.append))
    door.close_webrtc_session("one")
    webrtc.gate.set()
    await offered
    await hub.async_block_till_done()
    assert said == []
    assert webrtc.released == 1


async def test_what_goes_wrong_is_said_in_words(hub: HomeAssistant, fake: FakeSpec, door: CameraEntity) -> None:
    fake.provider.webrtc.error = Unreachable()
    with pytest.raises(HomeAssistantError) as caught:
        await door.async_handle_async_webrtc_offer("offer", "one", lambda _: None)
    assert caught.value.translation_key == "cannot_connect"
    await door.async_on_webrtc_candidate("one", candidate("late"))
    assert fake.provider.webrtc.sessions[0].candidates == []


async def test_a_camera_that_answers_no_more(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    fake.prepare = live
    entry = await add_account()
    door = get_camera_from_entity_id(hub, "camera.door")
    coordinator = entry.runtime_data
    coordinator.data = {"door": fake.provider.camera("door")}
    with pytest.raises(ServiceValidationError):
        await door.async_handle_async_webrtc_offer("offer", "one", lambda _: None)


async def test_removal_ends_live_views(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    fake.prepare = live
    entry = await add_account()
    door = get_camera_from_entity_id(hub, "camera.door")
    for name in ("one", "two"):
        await door.async_handle_async_webrtc_offer("offer", name, lambda _: None)
    assert await hub.config_entries.async_unload(entry.entry_id)
    assert fake.provider.webrtc.released == 2


async def test_the_viewer_is_told_which_data_channel_is_wanted(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def channel(provider: FakeProvider) -> None:
        live(provider)
        provider.webrtc.data_channel = "wanted"

    fake.prepare = channel
    entry = await add_account()
    door = get_camera_from_entity_id(hub, "camera.door")
    told = door.async_get_webrtc_client_configuration()
    assert told.data_channel == "wanted"
    assert told.configuration.ice_servers
    entry.runtime_data.data = {}
    assert door.async_get_webrtc_client_configuration().data_channel is None


async def test_the_viewer_is_told_that_the_vendor_ended_the_view(
    hub: HomeAssistant, fake: FakeSpec, door: CameraEntity
) -> None:
    said: list[WebRTCMessage] = []
    await door.async_handle_async_webrtc_offer("offer", "one", said.append)
    fake.provider.webrtc.sessions[0].over.set_result(Unreachable(reason="session_over"))
    await hub.async_block_till_done()
    assert said == [
        WebRTCAnswer("answer to offer"),
        WebRTCError("camhub_live_view_over", "The live view has ended at the service"),
    ]
    assert fake.provider.webrtc.released == 1

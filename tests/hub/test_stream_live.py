import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, override

from aiohttp.test_utils import TestClient
from homeassistant.components.camera import (
    Camera as CameraEntity,
    CameraWebRTCProvider,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCError,
    WebRTCSendMessage,
    async_register_webrtc_provider,
)
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.stream_entry import entry_streams
from custom_components.camhub.stream_paths import camera_key, stream_path
from tests.fake_clock import until

from .conftest import AddAccount
from .fake_provider import FakeSpec
from .people import person, token_of
from .stream_world import every_kind

OFFER = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\n"


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = every_kind
    return await add_account()


@pytest.fixture
async def client(hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> TestClient[Any, Any]:
    return await hass_client()


@pytest.fixture
def door(entry: MockConfigEntry) -> str:
    return stream_path(camera_key(entry.entry_id, "door"), "webrtc")


async def test_a_browser_offers_talks_and_hangs_up(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, door: str
) -> None:
    invitation = await (await client.get(door)).json()
    assert invitation["offer"] == door
    answer = await client.post(door, json={"sdp": OFFER})
    body = await answer.json()
    assert answer.status == HTTPStatus.OK
    assert body["sessionDescription"] == {"type": "answer", "sdp": f"answer to {OFFER}"}
    assert body["candidates"] == []
    session = body["session"]
    fake.provider.webrtc.tell("theirs")
    talk = {"candidate": "mine", "sdpMid": "0", "sdpMLineIndex": 0}
    assert await (await client.post(session, json=talk)).json() == {"candidates": ["theirs"]}
    assert await (await client.post(session)).json() == {"candidates": []}
    assert fake.provider.webrtc.sessions[0].candidates == [("mine", "0", 0)]
    for wrong in ({"candidate": 1}, {"candidate": "mine", "sdpMLineIndex": False}, {"sdpMid": 0}):
        assert (await client.post(session, json=wrong)).status == HTTPStatus.BAD_REQUEST
    assert (await client.post(session, data=b"[]")).status == HTTPStatus.BAD_REQUEST
    assert (await client.delete(session)).status == HTTPStatus.NO_CONTENT
    await hub.async_block_till_done()
    assert fake.provider.webrtc.released == 1
    assert (await client.delete(session)).status == HTTPStatus.NOT_FOUND


async def test_plain_sdp_is_answered_in_kind_and_ends_by_itself(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, door: str
) -> None:
    answer = await client.post(door, data=OFFER, headers={"Content-Type": "application/sdp"})
    assert (answer.status, answer.content_type) == (HTTPStatus.CREATED, "application/sdp")
    assert await answer.text() == f"answer to {OFFER}"
    assert answer.headers["Location"].startswith(f"{door}/")
    async_fire_time_changed(hub, dt_util.utcnow() + timedelta(minutes=6))
    await hub.async_block_till_done()
    assert fake.provider.webrtc.released == 1


async def test_a_session_that_the_vendor_ended_is_over(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, door: str
) -> None:
    session = (await (await client.post(door, json={"sdp": OFFER})).json())["session"]
    fake.provider.webrtc.sessions[0].over.set_result(Unreachable(reason="session_over"))
    await hub.async_block_till_done()
    assert fake.provider.webrtc.released == 1
    assert (await client.post(session)).status == HTTPStatus.NOT_FOUND


async def test_an_account_that_is_closed_while_the_camera_answers_keeps_no_session(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, entry: MockConfigEntry, door: str
) -> None:
    webrtc = fake.provider.webrtc
    webrtc.gate.clear()
    offering = asyncio.ensure_future(client.post(door, json={"sdp": OFFER}))
    await until(lambda: bool(webrtc.sessions))
    streams = entry_streams(hub, entry.runtime_data)
    await hub.config_entries.async_unload(entry.entry_id)
    webrtc.gate.set()
    assert (await offering).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert (streams.sessions, webrtc.released) == ({}, 1)


async def test_a_session_is_its_owners_and_ends_with_the_account(
    hub: HomeAssistant,
    client: TestClient[Any, Any],
    fake: FakeSpec,
    door: str,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    session = (await (await client.post(door, json={"sdp": OFFER})).json())["session"]
    other = await hass_client(await token_of(hub, await person(hub, "allowed")))
    assert (await other.delete(session)).status == HTTPStatus.NOT_FOUND
    assert await hub.config_entries.async_unload(entry.entry_id)
    await hub.async_block_till_done()
    assert fake.provider.webrtc.released == 1


@pytest.mark.parametrize("body", [{"json": {"sdp": "hello"}}, {"json": {}}, {"data": b"{"}, {"data": b"\xff\xfe"}])
async def test_what_is_no_offer(client: TestClient[Any, Any], door: str, body: Any) -> None:
    assert (await client.post(door, **body)).status == HTTPStatus.BAD_REQUEST


async def test_who_answers_no_offers(
    hub: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry, fake: FakeSpec, door: str
) -> None:
    yard = stream_path(camera_key(entry.entry_id, "yard"), "webrtc")
    assert (await client.post(yard, json={"sdp": OFFER})).status == HTTPStatus.NOT_FOUND
    fake.provider.webrtc.error = Unreachable()
    answer = await client.post(door, json={"sdp": OFFER})
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    entry.runtime_data.data = {"door": fake.provider.camera("door")}
    assert (await client.post(door, json={"sdp": OFFER})).status == HTTPStatus.NOT_FOUND


class FakeGo2rtc(CameraWebRTCProvider):
    """Answers offers for every camera with a stream, or fails as it was told."""

    def __init__(self) -> None:
        self.fails: str | None = None
        self.candidates: list[str] = []
        self.closed: list[str] = []

    @property
    @override
    def domain(self) -> str:
        return "example"

    @override
    def async_is_supported(self, stream_source: str) -> bool:
        return True

    @override
    async def async_handle_async_webrtc_offer(
        self, camera: CameraEntity, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        if self.fails == "raise":
            raise HomeAssistantError("dial 192.0.2.9")
        if self.fails == "cannot":
            raise ServiceValidationError("dial 192.0.2.9")
        if self.fails in {"error", "twice"}:
            send_message(WebRTCError("failed", "dial 192.0.2.9"))
        if self.fails in {None, "twice"}:
            send_message(WebRTCCandidate(RTCIceCandidateInit("theirs")))
            send_message(WebRTCAnswer(f"answer to {offer_sdp}"))
            send_message(WebRTCError("failed", "dial 192.0.2.9"))

    @override
    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        if self.fails == "late":
            raise HomeAssistantError("dial 192.0.2.9")
        self.candidates.append(candidate.candidate)

    @callback
    @override
    def async_close_session(self, session_id: str) -> None:
        self.closed.append(session_id)


@pytest.fixture
async def go2rtc(hub: HomeAssistant, entry: MockConfigEntry) -> AsyncIterator[FakeGo2rtc]:
    provider = FakeGo2rtc()
    remove = async_register_webrtc_provider(hub, provider)
    await hub.async_block_till_done()
    yield provider
    remove()
    await hub.async_block_till_done()


@pytest.fixture
def gate(entry: MockConfigEntry) -> str:
    return stream_path(camera_key(entry.entry_id, "gate"), "webrtc")


async def test_go2rtc_answers_for_a_camera_with_a_stream(
    client: TestClient[Any, Any], go2rtc: FakeGo2rtc, gate: str
) -> None:
    body = await (await client.post(gate, json={"sdp": OFFER})).json()
    assert body["sessionDescription"]["sdp"] == f"answer to {OFFER}"
    assert body["candidates"] == ["theirs"]
    assert (await client.post(body["session"], json={"candidate": "mine"})).status == HTTPStatus.OK
    assert go2rtc.candidates == ["mine"]
    go2rtc.fails = "late"
    late = await client.post(body["session"], json={"candidate": "mine"})
    assert late.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert (await client.delete(body["session"])).status == HTTPStatus.NO_CONTENT
    assert len(go2rtc.closed) == 1


@pytest.mark.parametrize(
    ("fails", "status"), [("error", 503), ("twice", 503), ("raise", 503), ("cannot", 404), ("silent", 504)]
)
async def test_an_entity_that_fails_tells_no_address(
    hub: HomeAssistant,
    client: TestClient[Any, Any],
    go2rtc: FakeGo2rtc,
    gate: str,
    entry: MockConfigEntry,
    fails: str,
    status: int,
) -> None:
    go2rtc.fails = fails
    hub.config_entries.async_update_entry(entry, options={"first_byte": 0.05 if fails == "silent" else 60})
    answer = await client.post(gate, json={"sdp": OFFER})
    assert answer.status == status
    assert "192.0.2.9" not in await answer.text()
    assert len(go2rtc.closed) == 1


async def test_a_camera_that_answers_itself_does_so_beside_its_stream(
    client: TestClient[Any, Any], entry: MockConfigEntry, fake: FakeSpec, gate: str
) -> None:
    assert (await client.get(gate)).status == HTTPStatus.NOT_FOUND
    entry.runtime_data.data["gate"] = replace(entry.runtime_data.data["gate"], webrtc=fake.provider.webrtc)
    assert (await client.get(gate)).status == HTTPStatus.OK
    answer = await client.post(gate, json={"sdp": OFFER})
    assert (await answer.json())["sessionDescription"]["sdp"] == f"answer to {OFFER}"


async def test_a_disabled_entity_answers_no_offers(
    hub: HomeAssistant, client: TestClient[Any, Any], door: str, entry: MockConfigEntry
) -> None:
    er.async_get(hub).async_update_entity("camera.door", disabled_by=er.RegistryEntryDisabler.USER)
    await hub.async_block_till_done()
    assert (await client.get(door)).status == HTTPStatus.NOT_FOUND
    stats = stream_path(camera_key(entry.entry_id, "door"), "stats")
    assert (await (await client.get(stats)).json())["upstream"] == "idle"

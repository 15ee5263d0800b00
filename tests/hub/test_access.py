from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from homeassistant.components import webhook
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.camhub.access import EVENT_REFUSED, may_view

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import PEOPLE, person, token_of

OFFER = "v=0\r\n"


@pytest.fixture
def refusals(hass: HomeAssistant) -> list[Mapping[str, Any]]:
    seen: list[Mapping[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        seen.append(event.data)

    hass.bus.async_listen(EVENT_REFUSED, note)
    return seen


def three(provider: FakeProvider) -> None:
    """List a camera for each class that has a door of its own."""
    provider.listed = [
        provider.camera("yard"),
        provider.camera("street", mjpeg=provider.mjpeg),
        provider.camera("gate", rtsp=provider.rtsp),
        provider.camera("door", webrtc=provider.webrtc),
    ]


type Connect = Callable[[MockUser], Awaitable[MockHAClientWebSocket]]


@pytest.fixture
async def connect(hub: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Connect:
    assert await async_setup_component(hub, "websocket_api", {})

    async def open_line(user: MockUser) -> MockHAClientWebSocket:
        return await hass_ws_client(hub, await token_of(hub, user))

    return open_line


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize(
    ("path", "status", "route"),
    [
        ("/api/camera_proxy/camera.yard", HTTPStatus.OK, "still"),
        ("/api/camera_proxy/camera.gate", HTTPStatus.OK, "still"),
        ("/api/camera_proxy_stream/camera.yard?interval=1", HTTPStatus.OK, "mjpeg"),
        ("/api/camera_proxy_stream/camera.street", HTTPStatus.OK, "mjpeg"),
        ("/api/image_proxy/image.yard_last_event", HTTPStatus.OK, "event_picture"),
    ],
)
async def test_pictures_on_the_routes_of_home_assistant(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client: ClientSessionGenerator,
    refusals: list[Mapping[str, Any]],
    kind: str,
    path: str,
    status: HTTPStatus,
    route: str,
) -> None:
    fake.prepare = three
    entry = await add_account()
    coordinator = entry.runtime_data
    await coordinator.async_take("yard")
    image = await coordinator.album.read(coordinator.picture_key("yard"))
    coordinator.album.put(coordinator.event_picture_key("yard"), image)
    user = await person(hub, kind)
    client = await hass_client(await token_of(hub, user))
    async with client.get(path) as answer:
        if kind in {"admin", "allowed"}:
            assert answer.status == status
            assert refusals == []
        else:
            assert answer.status == HTTPStatus.FORBIDDEN
            entity_id = path.rpartition("/")[2].partition("?")[0]
            assert refusals == [{"entity_id": entity_id, "user_id": user.id, "route": route}]


@pytest.mark.parametrize("kind", PEOPLE)
async def test_webrtc_offers_and_hls_by_websocket(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    connect: Connect,
    refusals: list[Mapping[str, Any]],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def begun(_stream: object) -> None:
        """Leave the stream's worker at rest: whether it may begin is asked here."""

    monkeypatch.setattr("homeassistant.components.stream.Stream.start", begun)
    fake.prepare = three
    await add_account()
    line = await connect(await person(hub, "admin"))
    await line.send_json_auto_id({"type": "camera/stream", "entity_id": "camera.gate"})
    assert (await line.receive_json())["success"]
    line = await connect(await person(hub, kind))
    await line.send_json_auto_id({"type": "camera/stream", "entity_id": "camera.gate"})
    hls = await line.receive_json()
    await line.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": OFFER})
    assert (await line.receive_json())["success"]
    assert (await line.receive_json())["event"]["type"] == "session"
    live = (await line.receive_json())["event"]
    if kind in {"admin", "allowed"}:
        assert hls["result"]["url"].startswith("/api/hls/")
        assert live == {"type": "answer", "answer": f"answer to {OFFER}"}
        assert refusals == []
    else:
        assert hls["success"] is False
        assert "may not see" in hls["error"]["message"]
        assert live["type"] == "error"
        assert "may not see" in live["message"]
        assert fake.provider.webrtc.sessions == []
        assert [refusal["route"] for refusal in refusals] == ["hls", "webrtc"]


async def test_the_stream_source_is_refused_to_whoever_may_not_see(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, connect: Connect, refusals: list[Mapping[str, Any]]
) -> None:
    fake.prepare = three
    await add_account()
    assert await async_get_stream_source(hub, "camera.gate") == "rtsp://user:word@192.0.2.9/opened"
    line = await connect(await person(hub, "nothing"))

    async def source(_call: object) -> None:
        await async_get_stream_source(hub, "camera.gate")

    hub.services.async_register("test", "source", source)
    await line.send_json_auto_id({"type": "call_service", "domain": "test", "service": "source"})
    assert (await line.receive_json())["success"] is False
    assert refusals[0]["route"] == "stream"


def viewers(entry: MockConfigEntry, hass: HomeAssistant, **named: list[str]) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"viewers": {"yard": {"users": named.get("users", []), "groups": named.get("groups", [])}}}
    )


async def test_a_list_of_viewers_names_users_and_groups(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    fake.prepare = three
    entry = await add_account()
    admin, anna, ben = [await person(hub, kind) for kind in ("admin", "allowed", "reader")]
    house = await hub.auth.async_create_system_user("House")

    def who() -> list[bool]:
        return [may_view(hub, user, entry, "yard") for user in (admin, anna, ben)]

    assert who() == [True, True, True]
    viewers(entry, hub, users=[anna.id])
    assert who() == [True, True, False]
    viewers(entry, hub, groups=["system-read-only"])
    assert who() == [True, False, True]
    viewers(entry, hub)
    assert who() == [True, False, False]
    assert may_view(hub, anna, entry, "gate")
    assert not may_view(hub, house, entry, "yard")
    house.groups = ben.groups
    house.invalidate_cache()
    assert may_view(hub, house, entry, "yard")


async def test_signed_paths_work_for_whom_they_were_made(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await add_account()
    client = await hass_client_no_auth()
    path = "/api/camera_proxy/camera.yard"
    for kind, status in (("allowed", HTTPStatus.OK), ("nothing", HTTPStatus.FORBIDDEN)):
        token = await hub.auth.async_create_refresh_token(await person(hub, kind), "https://client.example")
        signed = async_sign_path(hub, path, timedelta(minutes=1), refresh_token_id=token.id)
        assert (await client.get(signed)).status == status


async def test_the_token_of_the_state_is_left_to_home_assistant(
    hub: HomeAssistant, add_account: AddAccount, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await add_account()
    client = await hass_client_no_auth()
    state = hub.states.get("camera.yard")
    assert state is not None
    assert (await client.get(state.attributes["entity_picture"])).status == HTTPStatus.OK


async def test_automations_work_whoever_set_them_off(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, connect: Connect, refusals: list[Mapping[str, Any]]
) -> None:
    await add_account()
    taken: list[bytes] = []

    async def look(_call: object) -> None:
        taken.append((await async_get_image(hub, "camera.yard")).content)

    hub.services.async_register("test", "look", look)
    automation = {"trigger": {"platform": "event", "event_type": "rung"}, "action": {"service": "test.look"}}
    assert await async_setup_component(hub, "automation", {"automation": {"alias": "Look", **automation}})

    @callback
    def ring(_call: object) -> None:
        hub.bus.async_fire("rung")

    hub.services.async_register("test", "ring", ring)
    line = await connect(await person(hub, "nothing"))
    await line.send_json_auto_id({"type": "call_service", "domain": "test", "service": "ring"})
    assert (await line.receive_json())["success"]
    await hub.async_block_till_done()
    assert taken == [fake.provider.stills.content]
    await line.send_json_auto_id({"type": "call_service", "domain": "test", "service": "look"})
    assert (await line.receive_json())["success"] is False
    assert refusals[0]["route"] == "still"


@pytest.mark.parametrize("kind", ["allowed", "nothing", "stranger"])
async def test_the_companion_app_asks_for_its_user(
    hub: HomeAssistant,
    fake: FakeSpec,
    add_account: AddAccount,
    hass_client_no_auth: ClientSessionGenerator,
    kind: str,
    refusals: list[Mapping[str, Any]],
) -> None:
    await add_account()
    assert await async_setup_component(hub, "webhook", {})
    user = await person(hub, "nothing" if kind == "stranger" else kind)
    phones = ["other", "phone"] if kind != "stranger" else ["other"]
    for phone in phones:
        MockConfigEntry(domain="mobile_app", data={"webhook_id": phone, "user_id": user.id}).add_to_hass(hub)

    async def answer(*_: object) -> None:
        await async_get_image(hub, "camera.yard")

    webhook.async_register(hub, "test", "Phone", "phone", answer)
    client = await hass_client_no_auth()
    await client.post("/api/webhook/phone")
    assert len(refusals) == (1 if kind == "nothing" else 0)

"""Pages of another origin, which Home Assistant's own `cors_allowed_origins` lets in."""

from http import HTTPStatus
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.stream_paths import camera_key, stream_path

from .conftest import AddAccount
from .fake_provider import FakeSpec
from .stream_world import every_kind

ORIGIN = "https://wall.example.com"


@pytest.fixture
async def hub(hass: HomeAssistant, fake: FakeSpec) -> HomeAssistant:
    assert await async_setup_component(hass, "http", {"http": {"cors_allowed_origins": [ORIGIN]}})
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    fake.prepare = every_kind
    return hass


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, ORIGIN), ("https://other.example.com", None)])
async def test_a_page_elsewhere_reads_and_offers(
    hub: HomeAssistant, add_account: AddAccount, hass_client: ClientSessionGenerator, origin: str, allowed: str | None
) -> None:
    entry = await add_account()
    client = await hass_client()
    told: dict[tuple[str, str], Any] = {}
    for camera, kind in (("yard", "snapshot"), ("door", "webrtc")):
        path = stream_path(camera_key(entry.entry_id, camera), kind)
        answer = await client.get(path, headers={"Origin": origin})
        assert answer.status == HTTPStatus.OK
        told["GET", kind] = answer.headers.get("Access-Control-Allow-Origin")
    for method, parts in (("GET", ("webrtc",)), ("POST", ("webrtc",)), ("DELETE", ("webrtc", "one"))):
        answer = await client.options(
            stream_path(camera_key(entry.entry_id, "door"), *parts),
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization, content-type",
            },
        )
        told[method, f"before {parts}"] = answer.headers.get("Access-Control-Allow-Origin")
    assert told == dict.fromkeys(told, allowed)

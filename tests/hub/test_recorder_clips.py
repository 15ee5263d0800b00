"""A recorder's clip from the media browser to a player: provider, simulator, and what is made of the film."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from http import HTTPStatus
import io

import av
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.runtime import SHARED
from simulators.hikvision import HikvisionSimulator
from tests.sentinel import MARK

from .test_media_source import ROOT, Browser

PASSWORD = f"the right {MARK}"


@pytest.fixture
async def recorder(socket_enabled: None) -> AsyncIterator[HikvisionSimulator]:
    async with HikvisionSimulator(user="camhub", password=PASSWORD) as device:
        device.alerts.wire.heartbeat_s = 0
        seen = dt_util.utcnow() - timedelta(minutes=10)
        device.recordings.add(device.personality.channels[0].id, seen, seen + timedelta(seconds=20), "motion")
        yield device


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: HikvisionSimulator) -> MockConfigEntry:
    assert await async_setup_component(hass, DOMAIN, {})
    login: Mapping[str, JsonValue] = {
        "address": recorder.url,
        "username": "camhub",
        "password": PASSWORD,
        "verify_tls": True,
        "stream": "main",
    }
    account = Account(title="Recorder", unique_id="R1", match=recorder.url, credentials=login)
    data = await hass.data[SHARED].store.async_entry_data("hikvision", account)
    entry = MockConfigEntry(domain=DOMAIN, title="Recorder", data=data, unique_id="hikvision_R1")
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def test_a_recorders_clip_plays_in_parts(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await async_setup_component(hass, "media_source", {})
    browser = Browser(await hass_ws_client(hass))
    camera = (await browser.open(ROOT))[0]["media_content_id"]
    days = [each for each in await browser.open(camera) if each["title"][:1].isdigit()]
    # Ten minutes ago may have been yesterday.
    (item,) = [each for day in days for each in await browser.open(day["media_content_id"])]
    assert item["media_content_type"] == "video/mp4"
    url = (await browser.ask("resolve", item["media_content_id"]))["result"]["url"]
    client = await hass_client_no_auth()
    first = await client.get(url, headers={"Range": "bytes=0-99"})
    assert (first.status, first.content_type) == (HTTPStatus.PARTIAL_CONTENT, "video/mp4")
    begin = await first.read()
    size = int(first.headers["Content-Range"].rpartition("/")[2])
    rest = await client.get(url, headers={"Range": f"bytes=100-{size - 1}", "If-Range": first.headers["ETag"]})
    assert (rest.status, rest.content_length) == (HTTPStatus.PARTIAL_CONTENT, size - 100)
    with av.open(io.BytesIO(begin + await rest.read()), "r") as film:
        assert "mp4" in film.format.name
        assert len(list(film.decode(video=0))) > 0

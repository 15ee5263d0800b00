from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
import re
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.stream.core import Part, Segment
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.stream_paths import camera_key, stream_path

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .people import person, token_of
from .stream_world import FakeHls, FilmRtsp, every_kind, film

KEY = "gate"
PLAYLIST = "application/vnd.apple.mpegurl"


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount, tmp_path: Path) -> MockConfigEntry:
    film(tmp_path / "film.mp4")

    def with_film(provider: FakeProvider) -> None:
        every_kind(provider)
        provider.listed[2] = provider.camera(KEY, rtsp=FilmRtsp(tmp_path / "film.mp4"))

    fake.prepare = with_film
    return await add_account(options={"first_byte": 100})


type Of = Callable[..., str]


@pytest.fixture
def path(entry: MockConfigEntry) -> Of:
    return lambda camera, *parts: stream_path(camera_key(entry.entry_id, camera), *parts)


@pytest.fixture
async def playing(hub: HomeAssistant, entry: MockConfigEntry) -> AsyncIterator[None]:
    """Stop the worker that a test has begun."""
    yield
    stream = get_camera_from_entity_id(hub, f"camera.{KEY}").stream
    if stream is not None:
        for output in stream.outputs().values():
            await stream.remove_provider(output)


def named(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if not line.startswith("#")]


@pytest.mark.usefixtures("playing")
async def test_hls_is_made_of_rtsp_and_played_by_signed_paths(
    hub: HomeAssistant,
    path: Of,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    user = await person(hub, "allowed")
    client = await hass_client(await token_of(hub, user))
    answer = await client.get(path(KEY))
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, PLAYLIST)
    (playlist,) = named(await answer.text())
    assert playlist.startswith(path(KEY, "hls", "playlist.m3u8") + "?authSig=")
    player = await hass_client_no_auth()
    answer = await player.get(playlist)
    text = await answer.text()
    assert answer.status == HTTPStatus.OK
    assert "/api/hls/" not in text
    assert "EXT-X-PART" not in text
    first = re.findall(r'URI="([^"]*)"', text)
    segments = named(text)
    assert segments
    for asked, kind in ((first[0], "video/mp4"), (segments[0], "video/iso.segment")):
        answer = await player.get(asked)
        assert (answer.status, answer.content_type) == (HTTPStatus.OK, kind)
        assert len(await answer.read()) > 100
    stats = await (await client.get(path(KEY, "stats"))).json()
    assert (stats["codec"], stats["resolution"]) == ("h264", "64x48")
    assert stats["bitrate"] > 0
    assert stats["fps"] > 0
    assert stats["upstream"] in {"streaming", "waiting"}
    assert stats["viewers"] == 1
    told: Any = await hub.services.async_call("camhub", "status", {}, blocking=True, return_response=True)
    assert {row["entity_id"]: row["viewers"] for row in told["cameras"]}[f"camera.{KEY}"] == 1
    for file in ("segment/999999.m4s", "segment/1.0.m4s", "other.txt"):
        answer = await client.get(path(KEY, "hls", *file.split("/")))
        assert answer.status == HTTPStatus.NOT_FOUND
    # The rights are asked again for each file.
    user.groups = []
    user.invalidate_cache()
    user.mock_policy({})
    assert (await player.get(segments[0])).status == HTTPStatus.FORBIDDEN


async def test_a_stream_that_does_not_come(
    hub: HomeAssistant, path: Of, hass_client: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begun(_stream: object) -> None:
        """Never begin."""

    monkeypatch.setattr("homeassistant.components.stream.Stream.start", begun)
    entry = hub.config_entries.async_entries("camhub")[0]
    hub.config_entries.async_update_entry(entry, options={"first_byte": 0.05})
    client = await hass_client()
    assert (await client.get(path(KEY))).status == HTTPStatus.GATEWAY_TIMEOUT
    stream = get_camera_from_entity_id(hub, f"camera.{KEY}").stream
    assert stream is not None
    hls = stream.add_provider("hls")
    stats = await (await client.get(path(KEY, "stats"))).json()
    assert (stats["bitrate"], stats["resolution"], stats["upstream"]) == (None, None, "streaming")
    parts = [Part(duration=2.0, has_keyframe=True, data=b"no film")]
    hls.put(Segment(0, b"no beginning", 0, dt_util.utcnow(), [], duration=2.0, parts=parts))
    stats = await (await client.get(path(KEY, "stats"))).json()
    assert (stats["bitrate"], stats["resolution"]) == (28, None)
    await stream.remove_provider(hls)
    stream._available = False
    assert (await client.get(path(KEY))).status == HTTPStatus.SERVICE_UNAVAILABLE
    stream._available = True
    # Home Assistant gives up waiting when the worker ends without a picture.
    hub.config_entries.async_update_entry(entry, options={"first_byte": 100})
    hub.loop.call_later(0.05, stream.add_provider("hls").cleanup)
    assert (await client.get(path(KEY))).status == HTTPStatus.SERVICE_UNAVAILABLE
    await stream.stop()


async def test_a_camera_that_gives_no_address(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    fake.prepare = every_kind
    entry = await add_account()
    fake.provider.rtsp.error = Unreachable()
    client = await hass_client()
    gate = stream_path(camera_key(entry.entry_id, KEY))
    assert (await client.get(gate)).status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_the_cameras_own_hls_is_passed_on(path: Of, hass_client: ClientSessionGenerator, fake: FakeSpec) -> None:
    client = await hass_client()
    (live,) = named(await (await client.get(path("barn", "hls"))).text())
    assert live.startswith(path("barn", "hls", "~"))
    assert "/video/live.m3u8?authSig=" in live
    assert "s3cret" not in live
    assert (await client.get(path("barn", "hls", "~none", "video", "live.m3u8"))).status == HTTPStatus.NOT_FOUND
    text = await (await client.get(live)).text()
    (segment,) = named(text)
    assert path("barn", "hls", "init.mp4") in text
    answer = await client.get(segment)
    assert (answer.content_type, await answer.read()) == ("video/mp2t", b"seg" * 1000)
    answer = await client.get(path("barn", "hls", "empty.bin"))
    assert (answer.content_type, await answer.read()) == ("application/octet-stream", b"")
    for file in ("elsewhere.m3u8", "endless.m3u8"):
        answer = await client.get(path("barn", "hls", file))
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "192.0.2.9" not in await answer.text()
    hls = next(camera.hls for camera in fake.provider.listed if camera.id == "barn")
    assert isinstance(hls, FakeHls)
    assert hls.reading == 0, "also of what was not read to its end"
    answer = await client.get(path("barn", "hls") + "/%2Fetc")
    assert answer.status == HTTPStatus.NOT_FOUND


async def test_a_stream_that_is_gone_is_unreachable(
    hub: HomeAssistant, path: Of, client_of: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_stream(*_: object) -> str:
        return ""

    monkeypatch.setattr("custom_components.camhub.hls.async_request_stream", no_stream)
    assert (await client_of.get(path(KEY))).status == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.fixture
async def client_of(hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> TestClient[Any, Any]:
    return await hass_client()

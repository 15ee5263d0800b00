import asyncio
from datetime import timedelta
from io import BytesIO

from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.errors import AuthError, Unreachable

from .conftest import AddAccount, state_of
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg


async def test_the_sweep_after_setup_takes_a_picture(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await entry.runtime_data.sweep
    state = hub.states.get("camera.yard")
    assert state is not None
    assert state.attributes["source"] == "live"
    assert state.attributes["stale"] is False
    assert fake.provider.stills.taken == 1


async def test_fifty_who_ask_at_once_are_one_request(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    provider = fake.provider
    pictures = await asyncio.gather(*(async_get_image(hub, "camera.yard") for _ in range(50)))
    assert {picture.content for picture in pictures} == {provider.stills.content}
    assert provider.stills.taken == 1
    assert entry.runtime_data.album.last(f"{entry.entry_id}/yard") is not None


async def test_a_dead_camera_shows_its_last_picture(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    entry = await add_account()
    await entry.runtime_data.async_take("yard")
    fake.provider.stills.error = Unreachable()
    fake.provider.cameras_error = Unreachable()
    async_fire_time_changed(hub, dt_util.utcnow() + timedelta(minutes=6))
    await hub.async_block_till_done()
    assert (await async_get_image(hub, "camera.yard")).content == fake.provider.stills.content
    assert state_of(hub, "camera.yard").state == "idle"
    assert state_of(hub, "binary_sensor.yard_online").state == "off"


async def test_a_camera_that_never_gave_a_picture_says_so(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def fail(provider: FakeProvider) -> None:
        provider.stills.error = Unreachable()

    fake.prepare = fail
    await add_account()
    with pytest.raises(HomeAssistantError, match="Unable to get image"):
        await async_get_image(hub, "camera.yard")
    attributes = state_of(hub, "camera.yard").attributes
    assert (attributes["taken_at"], attributes["stale"], attributes["source"]) == (None, True, None)


async def test_a_refused_picture_asks_for_a_new_login_once(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def refuse(provider: FakeProvider) -> None:
        provider.stills.error = AuthError()

    fake.prepare = refuse
    entry = await add_account()
    await entry.runtime_data.sweep
    for _ in range(3):
        with pytest.raises(HomeAssistantError):
            await async_get_image(hub, "camera.yard")
    await hub.async_block_till_done()
    assert len(hub.config_entries.flow.async_progress()) == 1
    assert fake.provider.stills.taken == 1


async def test_a_smaller_picture_is_made_once(hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount) -> None:
    def large(provider: FakeProvider) -> None:
        provider.stills.content = jpeg(3, 640, 480)

    fake.prepare = large
    await add_account()
    pictures = await asyncio.gather(*(async_get_image(hub, "camera.yard", width=320, height=240) for _ in range(5)))
    assert all(picture.content is pictures[0].content for picture in pictures)
    assert Image.open(BytesIO(pictures[0].content)).size == (320, 240)
    for size in range(100, 160, 10):
        await async_get_image(hub, "camera.yard", width=size, height=size)
    assert (await async_get_image(hub, "camera.yard", width=320, height=240)).content == pictures[0].content


async def test_the_stream_address_costs_nothing_while_the_camera_is_added(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def with_stream(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", rtsp=provider.rtsp)]

    assert await async_setup_component(hub, "stream", {})
    fake.prepare = with_stream
    entry = await add_account()
    assert fake.provider.rtsp.opened == 0
    assert await async_get_stream_source(hub, "camera.yard") == "rtsp://user:word@192.0.2.9/opened"
    fake.provider.rtsp.error = Unreachable()
    assert await async_get_stream_source(hub, "camera.yard") is None
    fake.provider.listed = []
    await entry.runtime_data.async_refresh()


async def test_before_it_is_added_only_the_known_address_is_given(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    from custom_components.camhub.camera_rtsp import RtspCamera

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", rtsp=provider.rtsp)]

    fake.prepare = prepare
    entry = await add_account()
    (camera,) = fake.provider.listed
    entity = RtspCamera(entry.runtime_data, camera)
    assert await entity.stream_source() == "rtsp://user:word@192.0.2.9/known"
    # Its first picture is kept by now.
    await entry.runtime_data.sweep
    fake.provider.listed = []
    await entry.runtime_data.async_refresh()
    assert await entity.stream_source() is None
    assert await entity.async_camera_image() == fake.provider.stills.content


async def test_mjpeg_viewers_share_one_upstream(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    def with_mjpeg(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", mjpeg=provider.mjpeg)]

    fake.prepare = with_mjpeg
    entry = await add_account()
    client = await hass_client()
    first = await client.get("/api/camera_proxy_stream/camera.yard")
    fake.provider.mjpeg.queue.put_nowait(jpeg(5))
    assert first.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    second = await client.get("/api/camera_proxy_stream/camera.yard")
    for response in (first, second):
        received = b""
        while jpeg(5) not in received:
            received += await response.content.readany()
    assert fake.provider.mjpeg.opened == 1
    assert entry.runtime_data.relays["yard"].viewers == 2
    # The camera goes while it is watched.
    fake.provider.listed = []
    await entry.runtime_data.async_refresh()
    await hub.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.relays == {}
    first.close()
    second.close()


async def test_a_camera_without_stills_and_stream_has_nothing_to_show(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount
) -> None:
    def bare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", stills=None)]

    fake.prepare = bare
    entry = await add_account()
    assert hub.states.get("button.yard_refresh_snapshot") is None
    assert hub.states.get("sensor.yard_last_snapshot") is None
    with pytest.raises(HomeAssistantError):
        await async_get_image(hub, "camera.yard")
    assert entry.runtime_data.relays.of(fake.provider.listed[0]) is None

from collections.abc import Sequence
from contextlib import aclosing
import json

import pytest

from custom_components.camhub.kernel.jpeg import is_whole_jpeg
from custom_components.camhub.kernel.provider import Camera, Context, Provider
from custom_components.camhub.kernel.spec import ProviderSpec
from tests.fake_clock import settle

from .conftest import Open, shows_no
from .worlds import World, nothing_left, tasks

CAPABILITIES = ("stills", "rtsp", "webrtc", "mjpeg", "hls", "clips", "previews")


def offered(camera: Camera) -> dict[str, object]:
    """Return the capabilities of a camera by name."""
    return {name: value for name in CAPABILITIES if (value := getattr(camera, name)) is not None}


@pytest.fixture
async def cameras(provider: Provider) -> Sequence[Camera]:
    """Return the cameras of the second listing: the first may leave open what takes time to find out."""
    await provider.connect()
    await provider.cameras()
    return await provider.cameras()


async def test_opening_asks_nothing(spec: ProviderSpec, world: World, context: Context) -> None:
    calls, before = world.calls, tasks()
    provider = spec.open(context)
    await settle(50)
    await nothing_left(before)
    provider.diagnostics()
    provider.token_status()
    endpoints = provider.endpoints()
    assert endpoints
    assert all(endpoint.host and endpoint.port for endpoint in endpoints)
    assert all(endpoint.host not in repr(endpoint) for endpoint in endpoints)
    assert {endpoint.cloud for endpoint in endpoints} == {spec.cloud is not None}
    assert provider.device() is None
    await provider.close()
    await provider.close()
    assert world.calls == calls


async def test_closing_leaves_nothing_and_may_be_done_twice(open_provider: Open, world: World) -> None:
    before = tasks()
    provider = open_provider()
    await provider.connect()
    for camera in await provider.cameras():
        if camera.stills is not None and camera.online is not False:
            await camera.stills.take()
    await provider.close()
    await provider.close()
    await settle()
    await nothing_left(before)
    await world.left_alone()


async def test_ids_are_unique_and_stable(provider: Provider, open_provider: Open, cameras: Sequence[Camera]) -> None:
    ids = [each.id for each in cameras]
    assert all(ids)
    assert len(set(ids)) == len(ids) > 0
    assert [each.id for each in await provider.cameras()] == ids
    other = open_provider()
    await other.connect()
    assert [each.id for each in await other.cameras()] == ids


async def test_nothing_changed_is_nothing_different(provider: Provider, cameras: Sequence[Camera]) -> None:
    again = await provider.cameras()
    assert list(again) == list(cameras)
    for old, new in zip(cameras, again, strict=True):
        assert offered(new).keys() == offered(old).keys()
        for name, value in offered(old).items():
            assert offered(new)[name] is value, f"{name} of {old.id} is another object"


async def test_objects_live_from_the_first_listing(provider: Provider, world: World) -> None:
    await provider.connect()
    first = await provider.cameras()
    second = await provider.cameras()
    assert [list(map(id, offered(each).values())) for each in first] == [
        list(map(id, offered(each).values())) for each in second
    ]
    assert frozenset().union(*(offered(each) for each in first)) == world.capabilities


async def test_what_a_camera_says_of_itself(cameras: Sequence[Camera]) -> None:
    for camera in cameras:
        assert camera.identity.name.strip() == camera.identity.name != ""
        assert camera.identity.manufacturer
        assert camera.still_floor >= 0
        assert (camera.offline_reason is None) or camera.online is False, "a reason belongs to what is off"
        if camera.health is not None and camera.health.last_motion is not None:
            assert camera.health.last_motion.utcoffset() is not None
        assert len({each.key for each in camera.controls}) == len(camera.controls)
    assert any(each.online for each in cameras)


async def test_pictures_are_whole(world: World, cameras: Sequence[Camera]) -> None:
    taken = 0
    for camera in cameras:
        if camera.stills is None or camera.online is not True:
            continue
        for width in (None, 320):
            image = await camera.stills.take(width)
            taken += 1
            assert is_whole_jpeg(image.content)
            assert image.content_type == "image/jpeg"
            assert image.taken_at.utcoffset() is not None
            assert not image.stale
            shows_no(repr(image), world.secrets | world.addresses)
    assert (taken > 0) == ("stills" in world.capabilities)


async def test_peeking_asks_nothing(world: World, cameras: Sequence[Camera]) -> None:
    calls, before = world.calls, tasks()
    peeked = [camera.rtsp.peek() for camera in cameras if camera.rtsp is not None]
    await settle(50)
    assert (world.calls, tasks()) == (calls, before)
    assert all(address is None or address.startswith(("rtsp://", "rtsps://")) for address in peeked)
    assert (len(peeked) > 0) == ("rtsp" in world.capabilities)


async def test_addresses_are_leased_and_not_shown(world: World, cameras: Sequence[Camera]) -> None:
    for camera in cameras:
        if camera.rtsp is None or camera.online is False:
            continue
        lease = await camera.rtsp.open()
        assert lease.value.startswith(("rtsp://", "rtsps://"))
        assert lease.expires_at is None or lease.expires_at.utcoffset() is not None
        shows_no(f"{lease!r} {camera.rtsp!r}", world.secrets | world.addresses)
        assert camera.rtsp.peek() in {None, lease.value}
        await lease.release()


async def test_a_stream_gives_pictures_and_hangs_up(world: World, cameras: Sequence[Camera]) -> None:
    watched = 0
    for camera in cameras:
        if camera.mjpeg is None:
            continue
        # A second viewer must find the same as the first.
        for _ in range(2):
            calls, before = world.calls, tasks()
            frames = camera.mjpeg.frames()
            await settle()
            assert world.calls == calls, "it is opened when the first picture is wanted"
            async with aclosing(frames):
                for _ in range(3):
                    assert is_whole_jpeg(await anext(frames))
                    watched += 1
            await world.left_alone()
            await nothing_left(before)
            with pytest.raises(StopAsyncIteration):
                await anext(frames)
    assert (watched > 0) == ("mjpeg" in world.capabilities)


async def test_nothing_that_is_printed_holds_a_secret_or_an_address(
    provider: Provider, world: World, context: Context, cameras: Sequence[Camera]
) -> None:
    device = provider.device()
    printed = f"{cameras} {device} {context} {provider} {provider!r} {[offered(each) for each in cameras]}"
    shows_no(printed, world.secrets | world.addresses)


async def test_diagnostics_are_facts_without_secrets_or_addresses(
    provider: Provider, world: World, cameras: Sequence[Camera]
) -> None:
    told = provider.diagnostics()
    assert told
    written = json.dumps(told)
    assert json.loads(written) == told
    shows_no(f"{written} {told!r}", world.secrets | world.addresses)


async def test_counters_are_facts_without_secrets(
    spec: ProviderSpec, world: World, context: Context, cameras: Sequence[Camera]
) -> None:
    provider = spec.open(context)
    await provider.connect()
    await provider.cameras()
    await provider.close()
    shows_no(json.dumps(context.counters.as_dict()), world.secrets | world.addresses)


async def test_a_token_that_ends_says_when(provider: Provider, cameras: Sequence[Camera]) -> None:
    status = provider.token_status()
    assert status is None or status.expires_at is None or status.expires_at.utcoffset() is not None

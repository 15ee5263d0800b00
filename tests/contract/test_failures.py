import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.provider import Camera, Provider
from tests.fake_clock import settle

from .conftest import failure
from .worlds import World, nothing_left, tasks

MOST_REFUSED = 2


async def first(frames: AsyncGenerator[bytes]) -> bytes:
    async with aclosing(frames):
        return await anext(frames)


def ways_of(cameras: Sequence[Camera]) -> list[Callable[[], Awaitable[object]]]:
    """Return the calls that fetch pictures, one after the other."""
    takes: list[Callable[[], Awaitable[object]]] = [each.stills.take for each in cameras if each.stills is not None]
    return [*takes, *(lambda mjpeg=each.mjpeg: first(mjpeg.frames()) for each in cameras if each.mjpeg is not None)]


async def test_a_device_that_is_away_from_the_start(provider: Provider, world: World) -> None:
    await world.unplug()
    errors = [await failure(provider.connect(), world)]
    errors.append(await failure(provider.cameras(), world))
    # Where the first listing said nothing of the device, the second does.
    listed: list[Camera] = []
    errors.append(await failure(listing(provider, listed), world))
    assert any(errors) or [each.online for each in listed] == [False] * len(listed) != []
    assert not any(isinstance(each, AuthError) for each in errors), "a device that is away has refused nobody"


async def listing(provider: Provider, into: list[Camera]) -> None:
    into += await provider.cameras()


@pytest.fixture
async def cameras(provider: Provider) -> Sequence[Camera]:
    await provider.connect()
    await provider.cameras()
    return await provider.cameras()


async def test_a_device_that_goes_away(provider: Provider, cameras: Sequence[Camera], world: World) -> None:
    before = tasks()
    await world.unplug()
    for call in ways_of(cameras):
        error = await failure(call(), world)
        assert isinstance(error, Unreachable)
        assert error.reason
    listed: list[Camera] = []
    error = await failure(listing(provider, listed), world)
    if error is None:
        assert [(each.id, each.online) for each in listed] == [(each.id, False) for each in cameras]
        assert all(each.offline_reason for each in listed), "why it is dark is said"
    for camera in cameras:
        if camera.rtsp is not None:
            camera.rtsp.peek()
    assert provider.diagnostics() is not None
    await settle()
    await nothing_left(before)


async def test_a_login_refused_from_the_start(provider: Provider, world: World) -> None:
    """All that a hub may do before it has seen a refusal: a vendor may lock the account for everybody."""
    world.change_password()
    listed: list[Camera] = []
    calls: list[Callable[[], Awaitable[object]]] = [
        provider.connect,
        provider.cameras,
        partial(listing, provider, listed),
    ]
    errors: list[HubError | None] = []
    for call in calls:
        errors.append(await failure(call(), world))
        if isinstance(errors[-1], AuthError):
            break
    else:
        errors += await asyncio.gather(*(failure(call(), world) for call in ways_of(listed)))
    assert any(isinstance(each, AuthError) for each in errors)
    assert {type(each) for each in errors} <= {AuthError, type(None)}
    assert 1 <= world.refused <= MOST_REFUSED


async def test_a_login_refused_from_now_on(provider: Provider, cameras: Sequence[Camera], world: World) -> None:
    before = tasks()
    world.change_password()
    listed = await failure(provider.cameras(), world)
    # A listing may do without the login; a picture of each camera, which somebody may want just then, does not.
    taken = [await failure(each.stills.take(), world) for each in cameras if each.stills is not None]
    assert {type(each) for each in taken} == {AuthError}
    assert listed is None or isinstance(listed, AuthError)
    assert 1 <= world.refused <= MOST_REFUSED
    await settle()
    await nothing_left(before)


async def test_a_call_that_is_given_up_leaves_nothing(
    provider: Provider, cameras: Sequence[Camera], world: World
) -> None:
    before = tasks()
    for call in (*ways_of(cameras), provider.cameras):
        world.fall_silent()
        waiting = asyncio.ensure_future(call())
        await world.asked()
        await settle(50)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await settle()
        await nothing_left(before)

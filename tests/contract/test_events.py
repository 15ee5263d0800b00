import asyncio
from contextlib import aclosing
import json

import pytest

from custom_components.camhub.kernel.provider import Provider
from tests.fake_clock import settle

from .conftest import Open, failure, shows_no
from .worlds import World, nothing_left, tasks


async def test_events_may_be_closed_before_they_begin(provider: Provider, world: World) -> None:
    calls, before = world.calls, tasks()
    await provider.events().aclose()
    await settle()
    assert world.calls == calls
    assert tasks() <= before


async def test_events_may_be_closed_while_nothing_happens(provider: Provider, world: World) -> None:
    await provider.connect()
    await provider.cameras()
    before = tasks()
    events = provider.events()
    waiting = asyncio.ensure_future(anext(events, None))
    if world.tells:
        await world.listened_to()
        await settle()
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        assert await waiting is None, "none are told, and that is said at once"
    await events.aclose()
    await nothing_left(before)
    await world.left_alone()


async def test_what_moves_is_told_of_a_camera_that_is_listed(open_provider: Open, world: World) -> None:
    """Also when nobody has listed the cameras: events are followed beside the listing."""
    if not world.tells:
        # What is said of such a provider is said above.
        assert [event async for event in open_provider().events()] == []
        return
    provider = open_provider()
    before = tasks()
    async with aclosing(provider.events()) as events:
        waiting = asyncio.ensure_future(anext(events))
        await world.listened_to()
        world.move()
        event = await waiting
    await nothing_left(before)
    cameras = {each.id: each for each in await provider.cameras()}
    assert event.kind in cameras[event.camera].event_kinds
    assert event.id
    assert event.at.utcoffset() is not None
    assert json.loads(json.dumps(dict(event.metadata))) == dict(event.metadata)
    shows_no(repr(event), world.secrets | world.addresses)


async def test_events_end_in_words_when_the_line_drops(provider: Provider, world: World) -> None:
    await provider.connect()
    await provider.cameras()
    before = tasks()
    if world.tells:
        async with aclosing(provider.events()) as events:
            waiting = asyncio.ensure_future(anext(events))
            await world.listened_to()
            await world.unplug()
            assert await failure(waiting, world) is not None
    else:
        await world.unplug()
        assert [event async for event in provider.events()] == []
    await nothing_left(before)

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.camhub.kernel.errors import Unsupported
from custom_components.camhub.kernel.relay import Frame
from custom_components.camhub.limits import Limits, Usage
from custom_components.camhub.stream_entry import STREAMS, LiveSession
from custom_components.camhub.stream_formats import Metered, StillFrames

from ..fake_clock import FakeClock
from .conftest import AddAccount
from .fake_provider import FakeSpec
from .pictures import jpeg


@pytest.fixture
async def entry(add_account: AddAccount, clock: FakeClock) -> MockConfigEntry:
    entry = await add_account()
    await entry.runtime_data.sweep
    entry.runtime_data.clock = clock
    return entry


async def test_pictures_become_frames_and_a_still_one_is_repeated(
    hub: HomeAssistant, fake: FakeSpec, entry: MockConfigEntry, clock: FakeClock
) -> None:
    async with aclosing(StillFrames(entry.runtime_data, "yard").frames()) as frames:
        first = await anext(frames)
        assert first == fake.provider.stills.content
        waiting = hub.async_create_task(anext(frames))
        await clock.advance(4)
        assert not waiting.done()
        await clock.advance(1)
        assert await waiting == first
        fake.provider.stills.content = jpeg(7)
        waiting = hub.async_create_task(anext(frames))
        await clock.advance(1)
        assert await waiting == jpeg(7)
        entry.runtime_data.data = {}
        waiting = hub.async_create_task(anext(frames))
        await clock.advance(1)
        with pytest.raises(Unsupported):
            await waiting


class Busy:
    """A viewer that takes a frame only when told."""

    skipped = 0
    takes = False
    ended = 0

    def offer(self, frame: Frame) -> None:
        self.skipped += not self.takes

    def end(self, error: object) -> None:
        self.ended += 1


class OneRelay:
    """Hands a viewer over to the test."""

    def __init__(self) -> None:
        self.viewer: Any = None

    def join(self, viewer: Any) -> Callable[[], None]:
        self.viewer = viewer
        return lambda: None


def test_only_what_was_sent_counts(hass: HomeAssistant, clock: FakeClock) -> None:
    usage, busy, relay = Usage(clock), Busy(), OneRelay()
    metered: Any = Metered
    metered(relay, usage, Limits()).join(busy)
    frame = Frame(b"1234", at=0, taken_at=clock.now(), sequence=1)
    relay.viewer.offer(frame)
    assert usage.bytes_today == 0
    busy.takes = True
    relay.viewer.offer(frame)
    assert usage.bytes_today == 4
    relay.viewer.end(None)
    assert busy.ended == 1


class FakeTalk:
    """Counts how often it was ended."""

    def __init__(self) -> None:
        self.closed = 0

    async def start(self) -> str:
        return "answer"

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed += 1


async def test_a_live_view_ends_once(hub: HomeAssistant, entry: MockConfigEntry) -> None:
    ended: list[int] = []
    talk = FakeTalk()
    streams = hub.data[STREAMS][entry.entry_id]
    streams.sessions["one"] = LiveSession("anna", "yard", talk, [], lambda: ended.append(1))
    await streams.end("one")
    await streams.end("one")
    assert (ended, talk.closed) == ([1], 1)

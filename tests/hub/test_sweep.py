"""Pictures within what a service allows."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.camhub.kernel.errors import Throttled, Unreachable
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase, Image
from custom_components.camhub.runtime import SHARED
from tests.fake_clock import FakeClock, settle

from .conftest import AddAccount
from .fake_provider import FakeProvider, FakeSpec
from .pictures import jpeg


class Rationed:
    """Takes two pictures a minute, whoever's."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.times: list[float] = []

    async def take(self, width: int | None = None) -> Image:
        now = self.clock.monotonic()
        recent = [at for at in self.times if now - at < 60]
        if len(recent) >= 2:
            raise Throttled(retry_after=recent[-2] + 60 - now)
        self.times.append(now)
        return Image(content=jpeg(len(self.times)), taken_at=self.clock.now())


@pytest.fixture
def clock(hub: HomeAssistant) -> FakeClock:
    clock = FakeClock()
    hub.data[SHARED].clock = hub.data[SHARED].album._clock = clock
    return clock


async def test_every_camera_gets_its_picture_within_the_ration(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock
) -> None:
    ration = Rationed(clock)

    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera(f"cam{number}", stills=ration) for number in range(7)]

    fake.prepare = prepare
    entry = await add_account()
    coordinator = entry.runtime_data
    await settle(50)
    assert len(ration.times) == 2
    album = hub.data[SHARED].album
    for minutes in range(1, 4):
        await clock.advance(61)
        assert len(ration.times) == 2 + 2 * minutes - (minutes == 3)
    assert all(album.last(coordinator.picture_key(f"cam{number}")) for number in range(7))
    assert coordinator.sweep is not None
    assert coordinator.sweep.done()


async def test_a_camera_that_fails_is_not_asked_again_in_the_same_sweep(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock
) -> None:
    def prepare(provider: FakeProvider) -> None:
        provider.stills.error = Unreachable()

    fake.prepare = prepare
    entry = await add_account()
    assert entry.runtime_data.sweep is not None
    await entry.runtime_data.sweep
    assert fake.provider.stills.taken == 1


async def test_a_camera_that_wants_hours_of_peace_does_not_keep_the_others_waiting(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock
) -> None:
    def prepare(provider: FakeProvider) -> None:
        provider.stills.error = Throttled(retry_after=4 * 3600)
        provider.listed = [
            provider.camera("tired"),
            provider.camera("yard", stills=Rationed(clock)),
        ]

    fake.prepare = prepare
    entry = await add_account()
    sweep = entry.runtime_data.sweep
    assert sweep is not None
    await settle(50)
    assert sweep.done(), "the next look takes pictures again"


async def test_what_is_seen_is_photographed_though_the_camera_rests(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock
) -> None:
    def prepare(provider: FakeProvider) -> None:
        provider.listed = [provider.camera("yard", still_floor=600.0)]

    fake.prepare = prepare
    entry = await add_account()
    await entry.runtime_data.sweep
    provider = fake.provider
    taken = []
    for number, pause in enumerate((31, 10, 31)):
        await clock.advance(pause)
        provider.line.put_nowait(
            CameraEvent(id=str(number), camera="yard", kind=EventKind.MOTION, at=clock.now(), phase=EventPhase.PULSE)
        )
        await settle(50)
        await asyncio.sleep(0)
        await hub.async_block_till_done(wait_background_tasks=False)
        taken.append(provider.stills.taken)
    assert taken == [2, 2, 3]


async def test_the_status_tells_when_the_service_may_be_asked_again(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, clock: FakeClock
) -> None:
    async def told() -> Any:
        answer: Any = await hub.services.async_call("camhub", "status", {}, blocking=True, return_response=True)
        return answer["cameras"][0]["next_call_at"]

    await add_account()
    assert await told() is None
    fake.provider.busy_until = clock.now()
    assert await told() == "2026-01-02T03:04:05+00:00"

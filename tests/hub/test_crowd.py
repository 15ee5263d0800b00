"""Many come and go; nothing of them stays."""

import asyncio
from http import HTTPStatus

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.kernel.relay import OPENING
from custom_components.camhub.limits import METER
from custom_components.camhub.stream_paths import camera_key, stream_path

from ..fake_clock import FakeClock, until
from .conftest import AddAccount
from .fake_provider import FakeSpec
from .pictures import jpeg
from .stream_world import every_kind


async def test_a_hundred_clients_come_and_go(
    hub: HomeAssistant, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator, clock: FakeClock
) -> None:
    fake.prepare = every_kind
    entry = await add_account()
    coordinator = entry.runtime_data
    coordinator.clock = clock
    street = stream_path(camera_key(entry.entry_id, "street"), "mjpeg")
    client = await hass_client()
    await hub.async_block_till_done()
    before = len(asyncio.all_tasks())

    async def come_and_go() -> None:
        answer = await client.get(street)
        assert answer.status == HTTPStatus.OK
        await answer.content.readuntil(OPENING)
        await answer.content.readuntil(OPENING)
        answer.close()

    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    await asyncio.gather(*(come_and_go() for _ in range(100)))
    relay = coordinator.relays["street"]
    # Who waits for a first frame is a reader until it has one.
    await until(lambda: not relay.viewers and not relay.describe()["readers"])
    assert fake.provider.mjpeg.opened == 1
    await clock.advance(11)
    await until(lambda: relay.state == "idle")
    ((_, usage),) = hub.data[METER].all().items()
    assert usage.streams == 0
    await until(lambda: len(asyncio.all_tasks()) <= before)

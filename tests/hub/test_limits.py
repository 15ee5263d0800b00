import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.camhub.const import DOMAIN
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.relay import OPENING
from custom_components.camhub.limits import METER, Limit, LimitReached, Limits, Meter, Usage
from custom_components.camhub.runtime import SHARED
from custom_components.camhub.stream_paths import camera_key, stream_path

from ..fake_clock import FakeClock
from .conftest import AddAccount
from .fake_provider import FakeSpec
from .pictures import jpeg
from .stream_world import FILM, every_kind
from .test_streams import first_recording

NONE = Limits()


@pytest.fixture
def usage(hass: HomeAssistant, clock: FakeClock) -> Usage:
    return Usage(clock)


def test_limits_are_read_from_options() -> None:
    assert Limits.of({}) == NONE
    options = {"max_streams": 2, "max_rate": 3, "max_day": 4}
    assert Limits.of(options) == Limits(streams=2, rate=3000, day=4_000_000)


async def test_without_limits_all_is_admitted(usage: Usage) -> None:
    usage.count(10**12, NONE)
    for stream in range(100):
        usage.admit(NONE, stream)
        usage.hold(stream)
    assert usage.streams == 100
    assert not usage.spent(NONE)


async def test_streams_at_once(usage: Usage, clock: FakeClock) -> None:
    limits = Limits(streams=2)
    usage.hold("one")
    usage.hold("two", 30)
    usage.admit(limits, "two")
    usage.admit(limits)
    with pytest.raises(LimitReached) as caught:
        usage.admit(limits, "three")
    assert caught.value.limit is Limit.STREAMS
    await clock.advance(30)
    usage.admit(limits, "three")
    usage.hold("three")
    usage.release("one")
    usage.release("one")
    assert usage.streams == 1


async def test_streams_that_are_being_opened_count(usage: Usage) -> None:
    limits = Limits(streams=1)
    with usage.opening(limits, "one"), pytest.raises(LimitReached), usage.opening(limits, "two"):
        pytest.fail("two are too many")
    assert usage.holds("one")
    with pytest.raises(Unreachable), usage.opening(limits, "one"):
        raise Unreachable
    assert usage.holds("one"), "it goes on"
    usage.release("one")
    with pytest.raises(Unreachable), usage.opening(limits, "two"):
        raise Unreachable
    assert not usage.holds("two")


async def test_bytes_a_second(usage: Usage, clock: FakeClock) -> None:
    limits = Limits(rate=1000)
    usage.count(900, limits)
    usage.admit(limits)
    usage.count(2600, limits)
    with pytest.raises(LimitReached) as caught:
        usage.admit(limits)
    assert (caught.value.limit, caught.value.retry_after) == (Limit.RATE, 3)
    assert caught.value.until == clock.now() + timedelta(seconds=3)
    await clock.advance(3)
    usage.admit(limits)
    assert usage.wait(limits) == 0


async def test_bytes_a_day(hass: HomeAssistant, usage: Usage, clock: FakeClock) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    limits = Limits(day=1000)
    usage.count(999, limits)
    usage.admit(limits)
    usage.count(1, limits)
    assert usage.spent(limits)
    with pytest.raises(LimitReached) as caught:
        usage.admit(limits)
    # The clock shows 04:04:05 in Berlin.
    assert caught.value.retry_after == 19 * 3600 + 55 * 60 + 55
    assert caught.value.until.isoformat() == "2026-01-02T23:00:00+00:00"
    await clock.advance(caught.value.retry_after)
    usage.admit(limits)
    assert usage.bytes_today == 0


async def test_what_was_taken_today_outlasts_a_restart(
    hass: HomeAssistant, clock: FakeClock, hass_storage: dict[str, Any]
) -> None:
    meter = Meter(hass, clock)
    await meter.async_load()
    limits = Limits(day=1000)
    for size in (300, 400):
        meter.usage("home", "anna").count(size, limits)
    meter.usage("home", "ben").count(0, limits)
    meter.usage("shed", "anna").count(9, Limits())
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    assert hass_storage["camhub.usage"]["data"]["bytes"] == {"home": {"anna": 700}, "shed": {"anna": 9}}
    again = Meter(hass, clock)
    await again.async_load()
    assert again.usage("home", "anna").bytes_today == 700
    again.usage("home", "anna").count(300, limits)
    with pytest.raises(LimitReached):
        again.usage("home", "anna").admit(limits)
    await clock.advance(86400)
    tomorrow = Meter(hass, clock)
    await tomorrow.async_load()
    assert tomorrow.all() == {}


def test_each_user_and_account_has_a_measure_of_its_own(hass: HomeAssistant, clock: FakeClock) -> None:
    meter = Meter(hass, clock)
    meter.usage("home", "anna").hold("one")
    assert meter.usage("home", "anna").streams == 1
    assert meter.usage("home", "ben").streams == 0
    assert set(meter.all()) == {("home", "anna"), ("home", "ben")}


@pytest.fixture
async def entry(fake: FakeSpec, add_account: AddAccount) -> MockConfigEntry:
    fake.prepare = every_kind
    return await add_account()


@pytest.fixture
async def client(hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> TestClient[Any, Any]:
    return await hass_client()


def of(entry: MockConfigEntry, camera: str, *parts: str) -> str:
    return stream_path(camera_key(entry.entry_id, camera), *parts)


def limit(hub: HomeAssistant, entry: MockConfigEntry, **options: object) -> None:
    hub.config_entries.async_update_entry(entry, options=options)


async def test_one_stream_too_many_is_429(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, entry: MockConfigEntry
) -> None:
    limit(hub, entry, max_streams=1)
    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    async with client.get(of(entry, "street", "mjpeg")) as answer:
        assert answer.status == HTTPStatus.OK
        second = await client.get(of(entry, "street", "mjpeg"))
        assert second.status == HTTPStatus.TOO_MANY_REQUESTS
        assert second.headers["Retry-After"] == "10"
        body = await second.json()
        assert body["error"] == "Too Many Requests"
        assert "as many streams as you may" in body["message"]
        hls = await client.get(of(entry, "barn", "hls"))
        assert hls.status == HTTPStatus.TOO_MANY_REQUESTS
        assert (await client.get(of(entry, "yard", "snapshot"))).status == HTTPStatus.OK


async def test_live_views_asked_for_at_once_are_counted(
    hub: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry
) -> None:
    limit(hub, entry, max_streams=1)
    offers = [client.post(of(entry, "door", "webrtc"), json={"sdp": "v=0\r\n"}) for _ in range(3)]
    statuses = [answer.status for answer in await asyncio.gather(*offers)]
    assert sorted(statuses) == [HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_MANY_REQUESTS]
    stats = await (await client.get(of(entry, "door", "stats"))).json()
    assert stats["viewers"] == 1


async def test_a_viewer_of_hls_counts_as_one(
    hub: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    limit(hub, entry, max_streams=1)
    for _ in range(3):
        assert (await client.get(of(entry, "barn", "hls"))).status == HTTPStatus.OK
    assert hub.data[METER].usage(entry.entry_id, hass_admin_user.id).streams == 1


async def test_the_day_is_spent(
    hub: HomeAssistant, client: TestClient[Any, Any], fake: FakeSpec, entry: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    limit(hub, entry, max_day=1)
    usage = hub.data[METER].usage(entry.entry_id, hass_admin_user.id)
    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    async with client.get(of(entry, "street", "mjpeg")) as answer:
        await answer.content.readuntil(OPENING)
        await answer.content.readuntil(OPENING)
        usage.count(1_000_000, NONE)
        fake.provider.mjpeg.queue.put_nowait(jpeg(2))
        assert await answer.content.read() == b""
    refused = await client.get(of(entry, "yard", "snapshot"))
    assert refused.status == HTTPStatus.TOO_MANY_REQUESTS
    assert int(refused.headers["Retry-After"]) > 0


async def test_a_recording_ends_with_the_day(
    hub: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    limit(hub, entry, max_day=1)
    usage = hub.data[METER].usage(entry.entry_id, hass_admin_user.id)
    url = await first_recording(client, lambda *parts: of(entry, *parts), 1)
    usage.count(999_500, NONE)
    answer = await client.get(url)
    assert answer.status == HTTPStatus.OK
    assert await answer.content.read(100) == FILM[:100]


async def test_who_takes_too_much_a_second_is_slowed_down(
    hub: HomeAssistant, clock: FakeClock, fake: FakeSpec, add_account: AddAccount, hass_client: ClientSessionGenerator
) -> None:
    hub.data[SHARED].clock = clock
    hub.data[METER] = Meter(hub, clock)
    fake.prepare = every_kind
    entry = await add_account(options={"max_rate": 5})
    client = await hass_client()
    fake.provider.mjpeg.queue.put_nowait(jpeg(1))
    async with client.get(of(entry, "street", "mjpeg")) as answer:
        for _ in range(2):
            await answer.content.readuntil(OPENING)
        ((_, user_id),) = hub.data[METER].all()
        usage = hub.data[METER].usage(entry.entry_id, user_id)
        usage.count(15_000, Limits(rate=5000))
        relay = entry.runtime_data.relays["street"]
        (viewer,) = relay._viewers
        skipped = viewer._viewer.skipped
        viewer.offer(relay.latest(60))
        assert viewer._viewer.skipped == skipped + 1
        refused = await client.get(of(entry, "yard", "snapshot"))
        assert refused.status == HTTPStatus.TOO_MANY_REQUESTS
        assert refused.headers["Retry-After"] == "3"
    await clock.advance(60)
    url = await first_recording(client, lambda *parts: of(entry, *parts), 1)
    answer = await client.get(url)
    await answer.content.read(5000)
    await clock.advance(60)
    assert len(await answer.read()) > 0


async def test_status_tells_who_takes_how_much(
    hub: HomeAssistant, client: TestClient[Any, Any], entry: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    picture = await (await client.get(of(entry, "yard", "snapshot"))).read()
    hub.data[METER].usage(entry.entry_id, "gone").hold("one")
    hub.data[METER].usage("gone", "gone")
    answer = await hub.services.async_call(DOMAIN, "status", {}, blocking=True, return_response=True)
    assert answer is not None
    assert answer["usage"] == [
        {
            "account": "Home",
            "user_id": hass_admin_user.id,
            "user": "Mock User",
            "streams": 0,
            "bytes_today": len(picture),
        },
        {"account": "Home", "user_id": "gone", "user": None, "streams": 1, "bytes_today": 0},
    ]

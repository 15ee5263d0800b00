import asyncio
from datetime import timedelta

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.jpeg import is_whole_jpeg
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.providers.ring.provider import RingProvider
from custom_components.camhub.providers.ring.stills import RingStills
from simulators.ring import OUTAGE, Canned, RingSimulator
from simulators.ring.home import DRIVE, GARDEN
from simulators.ring.hosts import PICTURES
from tests.fake_clock import FakeClock, settle

from .conftest import by_name

NEXT = f"{PICTURES}/snapshots/next/{DRIVE}"
UUID = "api.ring.com/clients_api/snapshots/uuid"


async def stills(provider: RingProvider, name: str = "Drive") -> RingStills:
    found = by_name(await provider.cameras())[name].stills
    assert isinstance(found, RingStills)
    return found


async def refused(taking: RingStills, error: type[HubError]) -> str:
    with pytest.raises(error) as caught:
        await taking.take()
    return caught.value.reason


async def test_a_picture_is_taken_now(service: RingSimulator, provider: RingProvider, clock: FakeClock) -> None:
    image = await (await stills(provider)).take(320)
    assert is_whole_jpeg(image.content)
    assert (image.taken_at, image.source) == (clock.now(), "live")
    assert service.queries[-1] == (f"/snapshots/next/{DRIVE}", {"max-wait-ms": "15000", "extras": "force"})
    assert service.signalling.connected == 0, "no stream is opened for it"


async def test_the_age_of_a_picture_is_by_the_clock_of_the_service(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    service.faults.old_snapshot_s = 90
    here = clock.now
    # The service's clock is an hour ahead of ours.
    service.now = lambda: here() + timedelta(hours=1)
    assert (await taking.take()).taken_at == clock.now() - timedelta(seconds=90)


@pytest.mark.parametrize(("headers", "age"), [({}, 0), ({"x-time-millis": "1767322965000", "Date": "soon"}, 80)])
async def test_a_picture_without_its_times_is_of_now(
    headers: dict[str, str], age: int, service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    picture = service.picture(service.device(DRIVE), 0.0)
    service.faults.answers[NEXT] = Canned(status=200, body=picture, content_type="image/jpeg", headers=headers)
    assert (await taking.take()).taken_at == clock.now() - timedelta(seconds=age)


async def test_where_no_new_picture_comes_the_one_that_is_kept_serves(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    service.faults.no_snapshot = True
    service.faults.old_snapshot_s = 600
    image = await taking.take()
    assert (image.taken_at, image.source) == (clock.now() - timedelta(seconds=600), "live")
    service.faults.no_timestamps = True
    assert (await taking.take()).taken_at == clock.now(), "nobody tells its age"


async def test_what_stands_in_the_way_is_said(service: RingSimulator, provider: RingProvider) -> None:
    taking = await stills(provider)
    service.faults.answers[NEXT] = OUTAGE
    assert await refused(taking, Unreachable) == "service_unavailable"
    service.faults.answers[NEXT] = Canned(status=429)
    assert await refused(taking, Throttled) == "throttled"
    service.faults.answers[NEXT] = Canned(status=401)
    assert await refused(taking, AuthError) == "login_ended"
    service.faults.answers[NEXT] = Canned(status=200, body="no picture", content_type="image/jpeg")
    assert await refused(taking, Malformed) == "not_a_picture"
    service.faults.no_snapshot, service.faults.answers = True, {}
    service.faults.answers[f"api.ring.com/clients_api/snapshots/image/{DRIVE}"] = Canned(status=404)
    assert await refused(taking, Unreachable) == "no_picture_yet"


async def test_a_camera_that_is_off_or_does_not_look_is_not_asked(
    service: RingSimulator, provider: RingProvider
) -> None:
    assert await refused(await stills(provider, "Shed"), Unreachable) == "camera_not_connected"
    service.device(GARDEN)["settings"]["motion_detection_enabled"] = False
    before = service.requests.total()
    taking = await stills(provider, "Garden")
    listed = service.requests.total()
    assert await refused(taking, Unreachable) == "stills_off"
    assert service.requests.total() == listed > before


async def seen(service: RingSimulator, taking: RingStills, clock: FakeClock) -> None:
    """Let the camera have seen something whose picture a push named."""
    service.see(DRIVE, pictured=True)
    taking._handle.seen = ("picture-0", clock.now())


async def test_the_picture_of_an_event_spares_the_camera(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    await seen(service, taking, clock)
    await clock.advance(20)
    image = await taking.take()
    assert (image.source, image.taken_at) == ("event", clock.now() - timedelta(seconds=20))
    assert image.content == service.event_pictures["picture-0"]
    assert service.requests[NEXT] == 0
    await clock.advance(20)
    assert (await taking.take()).source == "live"


async def test_the_picture_of_an_event_serves_where_no_other_can_be_had(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    await seen(service, taking, clock)
    await clock.advance(3000)
    service.faults.answers[NEXT] = OUTAGE
    image = await taking.take()
    assert (image.source, image.taken_at) == ("event", clock.now() - timedelta(seconds=3000))
    service.event_pictures.clear()
    with pytest.raises(HubError):
        await taking.take()


async def slow(service: RingSimulator, clock: FakeClock, taking: RingStills) -> Image:
    """Return what is taken while the camera itself keeps silent."""
    service.faults.hold = held = asyncio.Event()
    waiting = asyncio.ensure_future(taking.take())
    await service.wait_until(lambda: service.requests[NEXT] > 0)
    service.faults.hold = None
    await settle()
    await clock.advance(20)
    found = (await asyncio.gather(waiting, return_exceptions=True))[0]
    held.set()
    if isinstance(found, BaseException):
        raise found
    return found


async def test_of_a_camera_that_does_not_answer_the_kept_picture_serves(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    service.faults.old_snapshot_s = 600
    image = await slow(service, clock, taking)
    assert image.taken_at == clock.now() - timedelta(seconds=600)


async def test_a_camera_that_does_not_answer_is_named_where_no_picture_is_kept(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    service.faults.answers[f"api.ring.com/clients_api/snapshots/image/{DRIVE}"] = Canned(status=404)
    with pytest.raises(Unreachable) as caught:
        await slow(service, clock, taking)
    assert caught.value.reason == "timeout"


async def test_what_hinders_the_camera_is_said_where_the_event_has_no_picture_either(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    await seen(service, taking, clock)
    await clock.advance(3000)
    service.event_pictures.clear()
    service.faults.answers[NEXT] = OUTAGE
    assert await refused(taking, Unreachable) == "service_unavailable"
    service.faults.answers[UUID] = Canned(status=401, body="{}")
    assert await refused(taking, AuthError) == "login_ended"


@pytest.mark.parametrize("status", [403, 404, 502])
async def test_a_picture_of_an_event_that_cannot_be_had_is_replaced(
    status: int, service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    await seen(service, taking, clock)
    service.faults.answers[UUID] = Canned(status=status)
    assert (await taking.take()).source == "live"


async def test_a_service_that_asks_to_wait_is_not_asked_for_another_picture(
    service: RingSimulator, provider: RingProvider, clock: FakeClock
) -> None:
    taking = await stills(provider)
    await seen(service, taking, clock)
    service.faults.answers[UUID] = Canned(status=429)
    assert await refused(taking, Throttled) == "throttled"
    assert service.requests[NEXT] == 0

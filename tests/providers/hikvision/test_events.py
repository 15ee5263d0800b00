import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Literal

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.providers.hikvision.events import LONGEST_SILENCE_S, QUIET_S, SILENCE_S
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from simulators.hikvision import HikvisionSimulator
from simulators.hikvision.alerts import Heartbeat
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import MakeDevice, Serve, login

START, END = EventPhase.START, EventPhase.END

type Length = Literal["true", "with_newline", "none"]


class Line:
    """Follows a device's events in the background; `next` waits for one, `heard` for a part to have been read."""

    def __init__(self, provider: HikvisionProvider, context: Context, device: HikvisionSimulator) -> None:
        self.provider = provider
        self.context = context
        self.device = device
        self.events: asyncio.Queue[CameraEvent | HubError] = asyncio.Queue()
        self._marks = 0

    async def follow(self) -> None:
        try:
            async with aclosing(self.provider.events()) as events:
                async for event in events:
                    self.events.put_nowait(event)
        except HubError as error:
            self.events.put_nowait(error)

    async def next(self) -> CameraEvent:
        found = await self.events.get()
        assert isinstance(found, CameraEvent), found
        return found

    async def drop(self) -> HubError:
        found = await self.events.get()
        assert isinstance(found, HubError), found
        return found

    async def nothing_more(self) -> None:
        """Return when all that was sent so far has been read, and fail if it made an event."""
        self._marks += 1
        channel = self.device.personality.channels[-1].id
        # Another date each time, also while the clock stands still: one id is not told twice.
        self.device.raise_event(channel, "scenechangedetection", age_s=100 - self._marks)
        self.device.raise_event(channel, "scenechangedetection", "inactive", count=0)
        marks = [await self.next(), await self.next()]
        assert [(each.kind, each.phase) for each in marks] == [
            (EventKind.SCENE_CHANGE, START),
            (EventKind.SCENE_CHANGE, END),
        ]
        assert self.events.empty()


@asynccontextmanager
async def line(device: HikvisionSimulator, make_context: MakeContext) -> AsyncIterator[Line]:
    context = make_context(login(device.url))
    followed = Line(HikvisionProvider(context), context, device)
    task = asyncio.create_task(followed.follow())
    await device.wait_for_listeners()
    try:
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_repeats_are_one_event(make_device: MakeDevice, make_context: MakeContext, clock: FakeClock) -> None:
    device = await make_device("camera")
    async with line(device, make_context) as events:
        device.raise_event(1, "linedetection", target="human")
        start = await events.next()
        assert (start.camera, start.kind, start.phase, start.at) == (
            "input-1",
            EventKind.LINE_CROSSING,
            START,
            clock.now(),
        )
        assert start.metadata == {"event_type": "linedetection", "target": "human"}
        for count in range(2, 5):
            await clock.advance(1)
            device.raise_event(1, "linedetection", count=count)
            await events.nothing_more()
        device.raise_event(1, "linedetection", "inactive", count=0)
        end = await events.next()
        assert (end.id, end.phase, end.at - start.at) == (start.id, END, timedelta(seconds=3))


async def test_an_event_that_is_not_repeated_ends_while_the_line_is_silent(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock
) -> None:
    device = await make_device("camera")
    async with line(device, make_context) as events:
        device.raise_event(1)
        start = await events.next()
        await clock.advance(2)
        device.raise_event(1, count=2)
        await events.nothing_more()
        await clock.advance(QUIET_S - 0.1)
        assert events.events.empty()
        await clock.advance(0.1)
        end = await events.next()
        assert (end.id, end.phase, end.at - start.at) == (start.id, END, timedelta(seconds=2))
        device.raise_event(1)
        again = await events.next()
        assert again.phase is START
        assert again.id != start.id


@pytest.mark.parametrize("style", ["channel0", "channel1", "empty", "named"])
async def test_heartbeats_keep_the_line_and_tell_nothing(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock, style: Heartbeat
) -> None:
    device = await make_device("nvr")
    device.alerts.wire.heartbeat = style
    async with line(device, make_context) as events:
        await events.nothing_more()
        for _ in range(5):
            await clock.advance(SILENCE_S - 1)
            device.heartbeat()
            await events.nothing_more()


async def test_a_silent_line_is_broken(make_device: MakeDevice, make_context: MakeContext, clock: FakeClock) -> None:
    device = await make_device("camera")
    async with line(device, make_context) as events:
        await events.nothing_more()
        await clock.advance(SILENCE_S + 0.1)
        error = await events.drop()
        assert isinstance(error, Unreachable)
        assert error.reason == "timeout"


async def test_a_device_without_heartbeats_is_given_more_time(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock
) -> None:
    device = await make_device("nvr")
    context = make_context(login(device.url))
    events = Line(HikvisionProvider(context), context, device)

    async def dropped_after(seconds: float, *beats: float) -> None:
        task = asyncio.create_task(events.follow())
        await device.wait_for_listeners()
        await events.nothing_more()
        for pause in beats:
            await clock.advance(pause)
            device.heartbeat()
            await events.nothing_more()
        await clock.advance(seconds - 1)
        assert events.events.empty(), "not yet"
        await clock.advance(1.1)
        error = await events.drop()
        assert (type(error), error.reason) == (Unreachable, "timeout")
        await task
        device.alerts.drop()
        await device.wait_for_listeners(0)

    # It sends one at the beginning, which is no pulse; nor is one now and then.
    await dropped_after(SILENCE_S)
    await dropped_after(2 * SILENCE_S)
    await dropped_after(4 * SILENCE_S, 100)
    await dropped_after(8 * SILENCE_S)
    await dropped_after(LONGEST_SILENCE_S)
    await dropped_after(SILENCE_S, 10)
    await dropped_after(SILENCE_S, 10)


async def test_what_goes_on_ends_with_the_line(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("nvr")
    async with line(device, make_context) as events:
        device.raise_event(1)
        device.raise_event(2, "tamperdetection")
        starts = [await events.next(), await events.next()]
        device.reboot()
        ends = [await events.next(), await events.next()]
        assert [each.id for each in ends] == [each.id for each in starts]
        assert {each.phase for each in ends} == {END}
        assert isinstance(await events.drop(), Unreachable)


async def test_a_replayed_backlog_tells_nothing_twice(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("nvr")
    context = make_context(login(device.url))
    events = Line(HikvisionProvider(context), context, device)
    task = asyncio.create_task(events.follow())
    await device.wait_for_listeners()
    device.raise_event(1)
    device.raise_event(2, age_s=150)
    assert (await events.next()).camera == "proxy-1"
    await events.nothing_more()
    assert context.counters.get("events.replayed") == 1
    device.alerts.drop()
    assert (await events.next()).phase is END
    assert isinstance(await events.drop(), Unreachable)
    await task
    await device.wait_for_listeners(0)
    device.alerts.wire.backlog = 4
    task = asyncio.create_task(events.follow())
    await device.wait_for_listeners()
    await events.nothing_more()
    assert context.counters.get("events.replayed") == 1 + 3
    device.alerts.drop()
    assert isinstance(await events.drop(), Unreachable)
    await task


async def test_what_is_no_camera_s_is_counted(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("nvr")
    async with line(device, make_context) as events:
        device.raise_event(1, "diskfull")
        await events.nothing_more()
        assert events.context.counters.get("events.elsewhere") == 1


async def test_a_wrong_clock_does_not_make_events_old(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock
) -> None:
    device = await make_device("camera")
    async with line(device, make_context) as events:
        device._now = lambda: clock.now() - timedelta(hours=7)
        device.heartbeat()
        device.raise_event(1)
        start = await events.next()
        assert start.at == clock.now()
        device._now = lambda: clock.now() + timedelta(hours=1)
        device.raise_event(1, "tamperdetection")
        assert (await events.next()).at <= clock.now() + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("model", "channel", "camera"),
    [
        ("json", 1, "input-1"),
        ("old", 1, "input-1"),
        ("nvr", 4, "proxy-4"),
        ("dvr", 3, "input-3"),
        ("hybrid", 2, "input-2"),
        ("hybrid", 9, "proxy-9"),
        ("hybrid", 10, "proxy-10"),
    ],
)
async def test_whose_event_it_is(
    make_device: MakeDevice, make_context: MakeContext, model: str, channel: int, camera: str
) -> None:
    device = await make_device(model)
    async with line(device, make_context) as events:
        device.raise_event(channel)
        assert (await events.next()).camera == camera


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed; boundary=--boundary",
        'multipart/mixed; boundary="boundary"',
        # Announced by recorders that send another one.
        "multipart/mixed;boundary=myboundary",
    ],
)
@pytest.mark.parametrize(("newline", "length"), [(b"\n", "true"), (b"\r\n", "with_newline"), (b"\r\n", "none")])
async def test_wires(
    make_device: MakeDevice, make_context: MakeContext, content_type: str, newline: bytes, length: Length
) -> None:
    device = await make_device("camera")
    wire = device.alerts.wire
    wire.content_type, wire.newline, wire.pictures = content_type, newline, True
    wire.length = length
    async with line(device, make_context) as events:
        device.raise_event(1, related="facedetection")
        device.heartbeat()
        assert (await events.next()).kind is EventKind.FACE
        device.alerts.write(device.alerts.wire.part(b"<not xml", "application/xml"))
        device.raise_event(1, "shelteralarm")
        device.heartbeat()
        assert (await events.next()).kind is EventKind.TAMPER
        assert events.context.counters.get("events.malformed") == 1


async def test_a_part_without_an_end_is_told_when_the_line_closes(serve: Serve, make_context: MakeContext) -> None:
    async def device(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/deviceInfo"):
            return web.Response(text="<DeviceInfo><deviceType>IPCamera</deviceType></DeviceInfo>")
        if not request.path.endswith("/alertStream"):
            return web.Response(status=404)
        response = web.StreamResponse(headers={"Content-Type": "multipart/mixed; boundary=b"})
        await response.prepare(request)
        await response.write(
            b"--b\r\nContent-Type: application/xml\r\n\r\n"
            b"<EventNotificationAlert><eventType>PIR</eventType><channelID>1</channelID></EventNotificationAlert>"
        )
        return response

    provider = HikvisionProvider(make_context(login(await serve(device))))
    events = provider.events()
    assert [(await anext(events)).phase, (await anext(events)).phase] == [START, END]
    with pytest.raises(Unreachable):
        await anext(events)


async def first(events: AsyncGenerator[CameraEvent]) -> CameraEvent:
    async with aclosing(events):
        return await anext(events)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "kind"),
    [
        (404, "text/html", "", Unsupported),
        (403, "application/xml", "", Unsupported),
        (200, "application/xml", "<ResponseStatus><statusCode>4</statusCode></ResponseStatus>", Unsupported),
        (200, "text/html", "<html>hello</html>", Malformed),
        (200, "multipart/mixed", "", Malformed),
        (503, "application/xml", "", Unreachable),
        (401, "text/html", "", AuthError),
    ],
)
async def test_a_device_without_a_stream(
    serve: Serve, make_context: MakeContext, status: int, content_type: str, body: str, kind: type[HubError]
) -> None:
    async def device(request: web.Request) -> web.Response:
        if request.path.endswith("/deviceInfo"):
            return web.Response(text="<DeviceInfo><deviceType>IPCamera</deviceType></DeviceInfo>")
        if not request.path.endswith("/alertStream"):
            return web.Response(status=404)
        return web.Response(status=status, text=body, headers={"Content-Type": content_type})

    provider = HikvisionProvider(make_context(login(await serve(device))))
    with pytest.raises(kind):
        await first(provider.events())


async def test_a_door_station_that_refuses_only_its_events_is_not_a_wrong_password(
    make_device: MakeDevice, make_context: MakeContext
) -> None:
    device = await make_device("camera")
    provider = HikvisionProvider(make_context(login(device.url)))
    before = await provider.cameras()
    device.faults.answers["/Event/notification/alertStream"] = (
        401,
        "<userCheck><statusValue>401</statusValue></userCheck>",
    )
    for _ in range(2):
        with pytest.raises(Unsupported):
            await first(provider.events())
    assert await provider.cameras() == before
    device.login.password = "another"
    device.login.forget_nonces()
    with pytest.raises(AuthError):
        await first(provider.events())
    asked = device.requests.total()
    with pytest.raises(AuthError):
        await first(provider.events())
    assert device.requests.total() == asked, "a login that is refused everywhere is not tried again"


async def test_too_many_listeners_and_a_locked_account(
    make_device: MakeDevice, make_context: MakeContext, clock: FakeClock
) -> None:
    device = await make_device("nvr")
    device.alerts.wire.most = 0
    provider = HikvisionProvider(make_context(login(device.url)))
    await provider.cameras()
    with pytest.raises(Unreachable) as caught:
        await first(provider.events())
    assert caught.value.reason == "device_busy"
    device.login.locked_until = clock.monotonic() + 60
    with pytest.raises(Throttled):
        await first(provider.events())
    asked = device.requests.total()
    with pytest.raises(Throttled):
        await first(provider.events())
    assert device.requests.total() == asked


async def test_a_line_that_is_cut(serve: Serve, make_context: MakeContext) -> None:
    async def device(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/deviceInfo"):
            return web.Response(text="<DeviceInfo><deviceType>IPCamera</deviceType></DeviceInfo>")
        if not request.path.endswith("/alertStream"):
            return web.Response(status=404)
        response = web.StreamResponse(headers={"Content-Type": "multipart/mixed; boundary=b"})
        response.content_length = 100_000
        await response.prepare(request)
        await response.write(b"--b\r\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(Unreachable):
        await first(HikvisionProvider(make_context(login(await serve(device)))).events())

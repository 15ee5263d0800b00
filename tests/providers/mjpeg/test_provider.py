import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing
import threading
from typing import override

from camhub_pi.backend_pattern import PatternBackend
from camhub_pi.server import CameraServer
from camhub_pi.settings import Settings
import pytest

from custom_components.camhub.capture.frames import Frames
from custom_components.camhub.capture.rtsp_engine import RtspGrabber
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable, Unsupported
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Camera, Provider
from custom_components.camhub.providers.mjpeg import SPEC
from simulators.mjpeg import MjpegServer, burst, page, picture, silence, stream
from simulators.mjpeg.models import pi_camera, streamer, streamer_state
from simulators.rtsp import RtspServer
from simulators.rtsp.access import Access
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, until

from .conftest import PICTURE, PICTURES, Script, Started


def opened(make_context: MakeContext, address: str, **more: JsonValue) -> Provider:
    return SPEC.open(make_context({"address": address, "page": "", "name": "Porch", **more}))


async def camera(provider: Provider) -> Camera:
    (found,) = await provider.cameras()
    return found


async def looked(provider: Provider) -> Camera:
    await provider.cameras()
    return await camera(provider)


async def test_set_up_asks_nothing(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES))}))
    tasks = asyncio.all_tasks()
    provider = opened(make_context, server.address("/live?pwd=secret"), username="viewer", password="word")
    await provider.connect()
    first = await camera(provider)
    assert (first.id, first.online, first.offline_reason) == ("camera", None, None)
    assert (first.identity.name, first.identity.model) == ("Porch", "MJPEG stream")
    assert first.identity.address == server.address()
    assert first.rtsp is None
    assert asyncio.all_tasks() == tasks
    assert server.requests == []
    shown = f"{first} {provider.diagnostics()} {provider!r}"
    assert "secret" not in shown
    assert "word" not in shown
    assert provider.diagnostics()["kind"] == "stream"
    assert provider.device() is None
    assert provider.token_status() is None
    await provider.close()
    await provider.close()


async def test_objects_are_stable_and_nothing_is_left(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    provider = opened(make_context, server.address("/stream.mjpg"), page="/health")
    tasks = asyncio.all_tasks()
    first, second = await camera(provider), await camera(provider)
    assert first.stills is second.stills
    assert first.mjpeg is second.mjpeg
    assert second.online
    await provider.close()
    await server.idle()
    await until(lambda: asyncio.all_tasks() <= tasks)


def test_no_address_is_said_at_once(make_context: MakeContext) -> None:
    with pytest.raises(Unsupported) as failed:
        SPEC.open(make_context({}))
    assert failed.value.reason == "unsupported_address"


async def test_pictures_and_stream(make_context: MakeContext, started: Started, clock: FakeClock) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES[:3]))}))
    found = await camera(opened(make_context, server.address("/live")))
    assert found.stills is not None
    assert found.mjpeg is not None
    image = await found.stills.take(320)
    assert (image.content, image.taken_at, image.source) == (PICTURE, clock.now(), "live")
    async with aclosing(found.mjpeg.frames()) as frames:
        assert [await anext(frames) for _ in range(3)] == PICTURES[:3]
        # While the stream is watched a picture costs no connection.
        assert (await found.stills.take()).content == PICTURES[2]
        assert server.targets == ["/live"] * 2
    await server.idle()


async def test_a_picture_by_its_own_address(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live": silence, "/one": picture(PICTURE)}))
    found = await camera(opened(make_context, server.address("/live"), still_address=server.address("/one")))
    assert found.stills is not None
    assert (await found.stills.take(320)).content == PICTURE
    assert server.targets == ["/one"]


async def test_a_camera_of_single_pictures(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/one": picture(PICTURE)}))
    found = await camera(opened(make_context, server.address("/one"), kind="still"))
    assert found.mjpeg is None
    assert found.stills is not None
    assert (await found.stills.take()).content == PICTURE


async def test_an_rtsp_camera(make_context: MakeContext) -> None:
    server = RtspServer(["/live"], "viewer", "p@ss")
    port = await server.start()
    try:
        settings = {"address": f"rtsp://127.0.0.1:{port}/live", "username": "viewer", "password": "p@ss"}
        provider = SPEC.open(make_context(settings, grabber=Frames(RtspGrabber())))
        found = await looked(provider)
        assert found.online
        assert found.mjpeg is None
        assert found.identity.model == "RTSP stream"
        assert found.rtsp is not None
        assert found.stills is not None
        assert found.rtsp.peek() == f"rtsp://viewer:p%40ss@127.0.0.1:{port}/live"
        assert (await found.rtsp.open()).value == found.rtsp.peek()
        assert "p%40ss" not in f"{found} {found.rtsp} {provider.diagnostics()}"
        assert (await found.stills.take()).content.startswith(b"\xff\xd8")
    finally:
        await server.stop()
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "cannot_connect")


async def test_an_rtsp_camera_with_a_picture_beside_it(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/one": picture(PICTURE)}))
    found = await camera(opened(make_context, "rtsp://127.0.0.1:9/live", still_address=server.address("/one")))
    assert found.stills is not None
    assert (await found.stills.take()).content == PICTURE


async def test_health_of_a_pi_is_its_online_state(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    provider = opened(make_context, server.address("/stream.mjpg"), page="/health")
    assert (await looked(provider)).online
    server.routes["/health"] = pi_camera(burst([]), camera="disconnected").routes["/health"]
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "camera_disconnected")
    assert server.targets == ["/health"] * 2
    await server.stop()
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "cannot_connect")


async def test_health_that_knows_less_than_the_pictures(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    stalled, server.routes["/stream.mjpg"] = server.routes["/stream.mjpg"], page("", "text/html", 500)
    provider = opened(make_context, server.address("/stream.mjpg"), page="/health")
    found = await camera(provider)
    assert found.stills is not None
    with pytest.raises(Unreachable):
        await found.stills.take()
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "cannot_connect")
    server.routes["/stream.mjpg"] = stalled
    assert (await camera(provider)).online
    assert (await camera(provider)).online
    assert server.targets[-1] == "/health"


async def test_a_placeholder_is_never_shown_as_fresh(make_context: MakeContext, started: Started) -> None:
    server = await started(streamer(burst(PICTURES), PICTURE, online=False))
    by_stream = opened(make_context, server.address("/stream"), page="/state")
    by_picture = opened(make_context, server.address("/stream"), still_address=server.address("/snapshot"))
    found = await looked(by_stream)
    assert (found.online, found.offline_reason) == (False, "no_signal")
    for provider in (by_stream, by_picture):
        stills = (await camera(provider)).stills
        assert stills is not None
        with pytest.raises(Unreachable) as failed:
            await stills.take()
        assert failed.value.reason == "no_signal"
    server.routes["/state"] = streamer_state(fps=24)
    # The state page is right again before a picture was taken: it is asked for one.
    await camera(by_stream)
    found = await camera(by_stream)
    assert found.online
    assert found.health is not None
    assert found.health.fps == 24
    assert found.stills is not None
    assert (await found.stills.take()).content == PICTURE


async def test_looks_for_a_page_when_nobody_has(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    provider = SPEC.open(make_context({"address": server.address("/stream.mjpg")}))
    assert (await looked(provider)).online
    assert (await camera(provider)).online
    assert server.targets == ["/health"] * 2 + ["/health"]
    assert provider.diagnostics()["status_page"] is None


async def test_what_flows_is_not_disturbed_to_look_for_a_page(
    make_context: MakeContext, started: Started, clock: FakeClock
) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES[:1]))}))
    provider = SPEC.open(make_context({"address": server.address("/live")}))
    mjpeg = (await camera(provider)).mjpeg
    assert mjpeg is not None
    async with aclosing(mjpeg.frames()) as frames:
        await anext(frames)
        assert (await camera(provider)).online
        assert server.targets == ["/live"]
        await clock.advance(20)
        assert (await camera(provider)).online
        assert server.targets == ["/live", "/health", "/state"]


async def test_a_page_that_went_away_is_looked_for_again(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/stream": stream(burst(PICTURES))}))
    provider = opened(make_context, server.address("/stream"), page="/health")
    assert (await looked(provider)).online
    assert server.targets == ["/health"]
    server.routes["/state"] = streamer_state(online=False)
    assert (await camera(provider)).offline_reason == "no_signal"


async def test_a_proxy_that_says_the_camera_is_away_is_believed(make_context: MakeContext, started: Started) -> None:
    outage = page("<h1>503 Service Unavailable</h1>", "text/html", 503)
    server = await started(MjpegServer({"/stream": stream(burst(PICTURES)), "/health": outage}))
    found = await looked(opened(make_context, server.address("/stream"), page="/health"))
    assert (found.online, found.offline_reason) == (False, "cannot_connect")


async def test_a_page_behind_a_login_that_no_longer_holds(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    server.access = Access("viewer", "word")
    provider = opened(make_context, server.address("/s"), page="/health", username="viewer", password="old")
    with pytest.raises(AuthError):
        await looked(provider)


async def test_without_a_page_the_port_tells(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES))}))
    provider = opened(make_context, server.address("/live"))
    assert (await looked(provider)).online
    assert server.requests == []
    await server.stop()
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "cannot_connect")


async def test_pictures_that_flow_are_proof_enough(
    make_context: MakeContext, started: Started, clock: FakeClock
) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES[:1]))}))
    provider = opened(make_context, server.address("/live"))
    mjpeg = (await camera(provider)).mjpeg
    assert mjpeg is not None
    async with aclosing(mjpeg.frames()) as frames:
        await anext(frames)
        connections = server.connections
        assert (await camera(provider)).online
        assert server.connections == connections
        await clock.advance(20)
        assert (await camera(provider)).online
        await server.idle_but(1)
        assert server.connections == connections + 1


async def test_a_camera_that_failed_is_asked_again(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live": page("<html>", "text/html")}))
    provider = opened(make_context, server.address("/live"))
    stills = (await camera(provider)).stills
    assert stills is not None
    with pytest.raises(HubError):
        await stills.take()
    found = await camera(provider)
    assert (found.online, found.offline_reason) == (False, "not_a_camera")
    server.routes["/live"] = stream(burst(PICTURES))
    assert (await camera(provider)).online


async def test_a_refused_login_is_not_tried_again(make_context: MakeContext, started: Started) -> None:
    access = Access("viewer", "word")
    server = await started(MjpegServer({"/live": stream(burst(PICTURES))}, access=access))
    provider = opened(make_context, server.address("/live"), username="viewer", password="old")
    stills = (await camera(provider)).stills
    assert stills is not None
    with pytest.raises(AuthError):
        await stills.take()
    for _ in range(3):
        with pytest.raises(AuthError):
            await provider.cameras()
    assert access.refused == 1


async def test_a_look_takes_two_seconds_at_most(make_context: MakeContext, started: Started, clock: FakeClock) -> None:
    server = await started(MjpegServer({"/health": silence}))
    provider = opened(make_context, server.address("/live"), page="/health")
    await provider.cameras()
    look = asyncio.create_task(camera(provider))
    await server.asked.wait()
    await clock.advance(2)
    found = await look
    assert (found.online, found.offline_reason) == (False, "timeout")
    await server.idle()


class Telling(PatternBackend):
    """Tells when its first picture has been taken in."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.loop = asyncio.get_running_loop()
        self.taken = asyncio.Event()

    @override
    def frames(self, stopping: threading.Event) -> Generator[bytes]:
        for frame in super().frames(stopping):
            yield frame
            self.loop.call_soon_threadsafe(self.taken.set)


@pytest.fixture
async def pi() -> AsyncIterator[int]:
    settings = Settings(host="127.0.0.1", port=0, width=64, height=48, fps=30, token="t0ken", backend="pattern")
    backend = Telling(settings)
    server = CameraServer(settings, backend)
    port = await server.start()
    await backend.taken.wait()
    yield port
    await server.stop()


async def test_our_own_server_from_address_to_health(make_context: MakeContext, pi: int) -> None:
    script = Script(
        {"address": f"127.0.0.1:{pi}", "username": "any", "password": "t0ken", "verify_tls": True}, {"name": "Pi"}
    )
    account = await SPEC.sign_in(make_context(clock=SystemClock()), script)
    assert account.credentials["still_address"] == f"http://127.0.0.1:{pi}/snapshot.jpg"
    assert account.credentials["page"] == "/health"
    provider = SPEC.open(make_context(account.credentials))
    found = await looked(provider)
    assert found.online
    assert found.stills is not None
    assert (await found.stills.take()).content.endswith(b"\xff\xd9")
    found = await camera(provider)
    assert found.health is not None
    assert found.health.disk_free_percent is not None

import asyncio
from collections.abc import AsyncIterator
import io
from pathlib import Path
import threading
from typing import override

import av
from PIL import Image
import pytest

from custom_components.camhub.capture import rtsp_engine
from custom_components.camhub.capture.frames import Frames
from custom_components.camhub.capture.rtsp_engine import RtspGrabber
from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable
from custom_components.camhub.kernel.provider import FrameGrabber
from simulators.authority import Authority
from simulators.rtsp import RtspServer, Scheme

from .conftest import PATIENCE

PASSWORD = "se cret:@/%"
QUOTED = "se%20cret%3A%40%2F%25"


@pytest.fixture
async def server() -> AsyncIterator[RtspServer]:
    server = RtspServer({"/live": "front"}, "viewer", PASSWORD)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def address(server: RtspServer) -> str:
    return f"rtsp://viewer:{QUOTED}@127.0.0.1:{server.port}/live"


async def test_takes_one_picture(address: str) -> None:
    grabber: FrameGrabber = Frames(RtspGrabber())
    jpeg = await grabber.grab(address, PATIENCE)
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert jpeg[-2:] == b"\xff\xd9"
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.size == (640, 360)
        colours = picture.convert("RGB").getcolors(1 << 20)
        assert colours is not None
        assert len(colours) > 10
        # The label and the ball are white: the range of brightness survives.
        assert max(max(colour) for _, colour in colours if isinstance(colour, tuple)) > 240


async def test_takes_one_picture_over_tls_of_a_camera_that_signs_its_own_certificate(authority: Authority) -> None:
    server = RtspServer(["/live"], seconds=1)
    port = await server.start(ssl=authority.server("camera.example"))
    try:
        assert (await RtspGrabber().grab(f"rtsps://127.0.0.1:{port}/live", PATIENCE)).startswith(b"\xff\xd8")
    finally:
        await server.stop()


async def test_joins_any_number_of_times_and_hangs_up(server: RtspServer, address: str) -> None:
    grabber = RtspGrabber(concurrent=2)
    pictures = await asyncio.gather(*(grabber.grab(address, PATIENCE) for _ in range(3)))
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures)
    await server.idle()
    assert server.viewers == 0


@pytest.mark.parametrize("schemes", [("digest",), ("basic",), ("basic", "digest")])
async def test_signs_in_and_is_refused(schemes: tuple[Scheme, ...]) -> None:
    server = RtspServer(["/live"], "viewer", PASSWORD, schemes=schemes)
    port = await server.start()
    try:
        assert await RtspGrabber().grab(f"rtsp://viewer:{QUOTED}@127.0.0.1:{port}/live", PATIENCE)
        with pytest.raises(AuthError) as refused:
            await RtspGrabber().grab(f"rtsp://viewer:wrong-word@127.0.0.1:{port}/live", PATIENCE)
        shows_no_secret(refused.value)
    finally:
        await server.stop()


def shows_no_secret(error: HubError) -> None:
    shown = f"{error!r} {error} {error.placeholders} {error.__cause__!r} {error.__context__!r}"
    for secret in ("wrong-word", "viewer", "rtsp://", QUOTED, PASSWORD):
        assert secret not in shown


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (403, AuthError, "invalid_auth"),
        (404, Malformed, "not_found"),
        (400, Malformed, "not_a_camera"),
        (503, Unreachable, "cannot_connect"),
    ],
)
async def test_tells_refusals_apart(
    server: RtspServer, address: str, status: int, kind: type[HubError], reason: str
) -> None:
    server.faults.status = status
    with pytest.raises(kind) as failed:
        await RtspGrabber().grab(address, PATIENCE)
    assert failed.value.reason == reason
    shows_no_secret(failed.value)


async def test_a_port_nobody_listens_on(address: str, server: RtspServer) -> None:
    await server.stop()
    with pytest.raises(Unreachable) as failed:
        await RtspGrabber().grab(address, PATIENCE)
    assert failed.value.reason == "cannot_connect"
    shows_no_secret(failed.value)


@pytest.mark.parametrize("fault", ["mute", "silent"])
async def test_silence_ends_at_the_limit(server: RtspServer, address: str, fault: str) -> None:
    setattr(server.faults, fault, True)
    with pytest.raises(Unreachable) as failed:
        await RtspGrabber().grab(address, 0.3)
    assert failed.value.reason == "timeout"
    shows_no_secret(failed.value)


async def test_video_that_cannot_be_read(server: RtspServer, address: str) -> None:
    server.faults.rubbish = True
    server.faults.hang_up_after = 3
    with pytest.raises(HubError) as failed:
        await RtspGrabber().grab(address, PATIENCE)
    assert isinstance(failed.value, Malformed | Unreachable)
    shows_no_secret(failed.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1/", "/etc/passwd", "file:///etc/passwd", "concat:rtsp://x"])
async def test_opens_nothing_but_rtsp(address: str) -> None:
    with pytest.raises(Malformed) as failed:
        await RtspGrabber().grab(address, 1)
    assert failed.value.reason == "unsupported_address"


async def test_a_place_in_line_is_kept_until_the_thread_ends(server: RtspServer, address: str) -> None:
    grabber = RtspGrabber(concurrent=1)
    server.faults.mute = True
    first = asyncio.create_task(grabber.grab(address, PATIENCE))
    await server.connected.wait()
    with pytest.raises(Unreachable) as failed:
        await grabber.grab(address, 0.05)
    assert failed.value.reason == "timeout"
    assert server.connections == 1
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.faults.mute = False
    server.drop()
    assert await grabber.grab(address, PATIENCE)


class Stopped(threading.Event):
    @override
    def is_set(self) -> bool:
        return True


async def test_a_thread_that_is_no_longer_waited_for_stops(address: str) -> None:
    with pytest.raises(Unreachable) as failed:
        await asyncio.to_thread(rtsp_engine._grab, address, 5, Stopped())
    assert failed.value.reason == "no_frames"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (av.error.EOFError(1, "end", "rtsp://viewer:wrong-word@x"), "no_frames"),
        (av.error.ExitError(1, "exit", "rtsp://viewer:wrong-word@x"), "timeout"),
        (av.error.InvalidDataError(1, "bad", "rtsp://viewer:wrong-word@x"), "not_a_camera"),
    ],
)
def test_no_text_of_the_library_gets_out(error: av.FFmpegError, reason: str) -> None:
    translated = rtsp_engine._translated(error)
    assert translated.reason == reason
    shows_no_secret(translated)


async def test_sound_alone_is_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tmp_path / "sound.wav"
    with av.open(sound, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.planes[0].update(bytes(1600))
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    monkeypatch.setattr(rtsp_engine, "_SCHEMES", ("/",))
    monkeypatch.setattr(rtsp_engine, "_OPTIONS", {})
    with pytest.raises(Malformed) as failed:
        await RtspGrabber().grab(str(sound), PATIENCE)
    assert failed.value.reason == "not_a_camera"


async def test_no_picture_is_decoded_that_is_too_large(
    server: RtspServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_engine, "_BOUND", {"max_pixels": str(640 * 360 - 1)})
    with pytest.raises(Malformed):
        await RtspGrabber().grab(address, PATIENCE)

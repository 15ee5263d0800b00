import asyncio
from collections.abc import Generator
import io
import json
import socket
import threading

from camhub_pi.capture import Capture
from camhub_pi.errors import CameraError
from camhub_pi.viewer import Viewer
from PIL import Image
import pytest

from .serving import Script, gone, picture, serving


async def test_root_leads_to_the_stream() -> None:
    async with serving() as pi:
        answer = await pi.ask("GET /?t=17")
        assert answer.status == 302
        assert answer.headers["location"] == "/stream.mjpg"


async def test_stream_is_what_the_first_server_sent() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        client = await pi.connect()
        await client.send("GET /stream.mjpg?cachebuster=1")
        answer = await client.head()
        assert answer.status == 200
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=FRAME"
        assert "no-cache" in answer.headers["cache-control"]
        assert answer.headers["pragma"] == "no-cache"
        assert answer.headers["connection"] == "close"
        assert await client.reader.readexactly(9) == b"--FRAME\r\n"
        # The newest picture comes at once, the next when it is taken.
        assert await client.part() == picture(1)
        await pi.script.give(picture(2))
        assert await client.part() == picture(2)


async def test_many_clients_share_one_encode_and_the_same_bytes() -> None:
    async with serving() as pi:
        await pi.script.give(picture(0))
        clients = [await pi.watch() for _ in range(20)]
        assert {await client.part() for client in clients} == {picture(0)}
        for number in range(1, 31):
            await pi.script.give(picture(number))
            assert {await client.part() for client in clients} == {picture(number)}
        assert pi.script.encoded == 31
        assert pi.script.opened == 1
        assert {viewer.sent for viewer in pi.server.viewers} == {31}


async def test_nobody_gets_a_frame_twice_or_one_that_was_overtaken() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        overtaken = pi.server.capture.frame
        assert overtaken is not None
        client = await pi.watch()
        # What a client says while it watches is not listened to.
        await client.send("GET /snapshot.jpg")
        await pi.script.give(picture(2))
        newest = pi.server.capture.frame
        assert newest is not None
        pi.server._fan_out(overtaken)
        pi.server._fan_out(newest)
        await pi.script.give(picture(3))
        assert [await client.part() for _ in range(3)] == [picture(1), picture(2), picture(3)]
        assert [(viewer.sent, viewer.skipped) for viewer in pi.server.viewers] == [(3, 0)]


async def test_viewer_without_the_kernels_word_still_watches() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    async with serving() as pi:
        await pi.script.give(picture(1))
        # A local socket does not tell what it has not sent yet.
        viewer = Viewer(writer.transport, 0.0)
        viewer.offer(pi.server.capture.frame, 1.0)
        assert viewer.sent == 1
        assert picture(1) in theirs.recv(4096)
    theirs.close()
    assert await reader.read() == b""
    writer.close()
    viewer.offer(None, 2.0)
    assert viewer.sent == 1


def test_stop_interrupts_the_pause_between_two_attempts() -> None:
    paused, goes_on = threading.Event(), threading.Event()

    class Broken:
        def frames(self, stopping: threading.Event) -> Generator[bytes]:
            raise CameraError("broken")

    def pause(_: float) -> None:
        paused.set()
        goes_on.wait()

    capture = Capture(Broken(), print, pause=pause)
    capture.start()
    assert paused.wait(5)
    capture._stopping.set()
    goes_on.set()
    assert capture.stop()
    assert capture.reason == "broken"
    assert capture.restarts == 1


async def test_slow_client_misses_frames_and_holds_nobody() -> None:
    size = 200_000
    async with serving() as pi:
        await pi.script.give(picture(0, size))
        slow = await pi.watch(receive_buffer=4096)
        (slow_viewer,) = pi.server.viewers
        fast = await pi.watch()
        assert await fast.part() == picture(0, size)
        for number in range(1, 61):
            await pi.script.give(picture(number, size))
            assert await fast.part() == picture(number, size)
        assert slow_viewer.skipped >= 50
        assert slow_viewer.sent + slow_viewer.skipped == 61
        # Whatever it was sent comes whole and in order; then it is at the present.
        seen = [await slow.part() for _ in range(slow_viewer.sent)]
        assert seen == sorted(seen)
        await pi.script.give(picture(99, size))
        assert await slow.part() == picture(99, size)


async def test_stalled_client_is_closed_and_the_others_stay() -> None:
    size = 200_000
    async with serving() as pi:
        await pi.script.give(picture(0, size))
        stalled = await pi.watch(receive_buffer=4096)
        watching = await pi.watch()
        await watching.part()
        number = 0
        while len(pi.server.viewers) > 1:
            number += 1
            pi.clock.now += 1
            await pi.script.give(picture(number, size))
            assert await watching.part() == picture(number, size)
            pi.server.sweep()
        assert number > 30
        assert await gone(stalled)
        await pi.script.give(picture(40, size))
        assert await watching.part() == picture(40, size)
        assert len(pi.server.viewers) == 1


async def test_client_that_leaves_is_forgotten() -> None:
    async with serving() as pi:
        await pi.script.give(picture(0))
        client = await pi.watch()
        viewer = next(iter(pi.server.viewers))
        client.writer.close()
        await client.writer.wait_closed()
        # A request answered later proves that the loop has seen the end of the stream.
        while pi.server.viewers:
            await pi.ask("HEAD /health", body=False)
        await pi.script.give(picture(1))
        assert viewer.sent <= 1


async def test_snapshot_is_the_newest_frame() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        await pi.script.give(picture(2))
        answer = await pi.ask("GET /snapshot.jpg?width=640")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.body == picture(2)
        assert float(answer.headers["x-timestamp"]) > 1_700_000_000
        assert "no-cache" in answer.headers["cache-control"]


async def test_before_the_first_frame_everything_says_starting() -> None:
    async with serving() as pi:
        for path in ("/snapshot.jpg", "/stream.mjpg"):
            answer = await pi.ask(f"GET {path}")
            assert answer.status == 503
            assert answer.headers["retry-after"] == "5"
            assert b"no picture yet" in answer.body
        health = await pi.ask("GET /health")
        content = json.loads(health.body)
        assert (health.status, content["status"], content["camera"]) == (503, "starting", "disconnected")
        assert content["last_frame_age"] is None
        assert content["resolution"] is None


async def test_health_tells_what_the_frames_tell() -> None:
    output = io.BytesIO()
    Image.new("RGB", (64, 48)).save(output, "JPEG")
    async with serving(backend="v4l2") as pi:
        for _ in range(31):
            await pi.script.give(output.getvalue())
            pi.clock.now += 0.1
        await pi.watch()
        health = await pi.ask("GET /health")
        assert health.status == 200
        assert health.headers["content-type"] == "application/json"
        content = json.loads(health.body)
        assert content["status"] == "ok"
        assert content["camera"] == "connected"
        assert content["last_frame_age"] == pytest.approx(0.1)
        assert content["fps"] == pytest.approx(10.0)
        assert content["resolution"] == "64x48"
        assert content["clients"] == 1
        assert content["backend"] == "v4l2"
        assert content["reason"] == ""
        assert content["restarts"] == 0
        assert 0 <= content["disk"]["free_percent"] <= 100
        assert content["disk"]["free_bytes"] > 0
        assert content["timestamp"] > 1_700_000_000


async def test_disk_that_cannot_be_told_is_null() -> None:
    async with serving(disk_path="/no/such/folder") as pi:
        assert json.loads((await pi.ask("GET /health")).body)["disk"] is None


async def test_stale_frames_make_503_and_end_the_streams() -> None:
    async with serving() as pi:
        await pi.script.give(picture(1))
        client = await pi.watch()
        await client.part()
        pi.clock.now += 5.0
        assert (await pi.ask("GET /health")).status == 200
        pi.clock.now += 0.1
        health = await pi.ask("GET /health")
        content = json.loads(health.body)
        assert (health.status, content["status"], content["camera"]) == (503, "stale", "disconnected")
        assert content["last_frame_age"] == pytest.approx(5.1)
        assert content["fps"] == 0
        assert "5 s old" in content["reason"]
        assert (await pi.ask("GET /snapshot.jpg")).status == 503
        assert (await pi.ask("GET /stream.mjpg")).status == 503
        assert (await pi.ask("HEAD /stream.mjpg", body=False)).status == 503
        pi.server.sweep()
        assert await gone(client)
        await pi.script.give(picture(2))
        assert (await pi.ask("GET /snapshot.jpg")).body == picture(2)


async def test_failing_camera_is_restarted_with_growing_pauses_and_says_why() -> None:
    async with serving() as pi:
        for expected in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
            await pi.script.give(CameraError("the ribbon cable is loose"))
            assert await pi.pauses.next() == expected
        health = await pi.ask("GET /health")
        content = json.loads(health.body)
        assert (health.status, content["status"]) == (503, "failed")
        assert content["reason"] == "the ribbon cable is loose"
        assert content["restarts"] == 7
        assert b"ribbon cable" in (await pi.ask("GET /snapshot.jpg")).body
        await pi.script.give(picture(1))
        content = json.loads((await pi.ask("GET /health")).body)
        assert (content["status"], content["reason"], content["restarts"]) == ("ok", "", 7)
        # One that lasted begins anew.
        pi.clock.now += 31
        await pi.script.give(None)
        assert await pi.pauses.next() == 1.0
        assert pi.server.capture.reason == "the camera gave no more pictures"


async def test_backend_with_a_bug_is_restarted_too() -> None:
    async with serving() as pi:
        await pi.script.give(ZeroDivisionError("by zero"))
        await pi.pauses.next()
        assert pi.server.capture.reason == "ZeroDivisionError: by zero"
        await pi.script.give(picture(1))
        assert (await pi.ask("GET /snapshot.jpg")).status == 200


async def test_silent_client_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camhub_pi.listener.REQUEST_S", 0.01)
    async with serving() as pi, await pi.connect() as client:
        client.writer.write(b"GET /heal")
        assert await gone(client)


async def test_client_that_says_nothing_and_goes() -> None:
    async with serving() as pi:
        async with await pi.connect() as client:
            client.writer.write_eof()
            assert await client.reader.read() == b""
        assert (await pi.ask("GET /health")).status == 503


async def test_no_more_streams_than_allowed() -> None:
    async with serving(max_clients=2) as pi:
        await pi.script.give(picture(1))
        first, _second = await pi.watch(), await pi.watch()
        answer = await pi.ask("GET /stream.mjpg")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert (await pi.ask("GET /snapshot.jpg")).status == 200
        first.writer.close()
        while len(pi.server.viewers) > 1:
            await pi.ask("HEAD /health", body=False)
        await pi.watch()


async def test_no_more_connections_than_sensible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camhub_pi.server.MORE_CONNECTIONS", 0)
    async with serving(max_clients=1) as pi:
        await pi.script.give(picture(1))
        await pi.watch()
        async with await pi.connect() as client:
            assert (await client.answer()).status == 503


async def test_stop_ends_streams_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with serving() as pi:
        await pi.script.give(picture(1))
        client = await pi.watch()
    assert await gone(client)
    assert asyncio.all_tasks() == before
    await pi.server.stop()


async def test_stop_before_start_is_nothing() -> None:
    from camhub_pi.server import CameraServer
    from camhub_pi.settings import Settings

    await CameraServer(Settings(), Script()).stop()


async def test_camera_that_does_not_stop_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as pi:
        monkeypatch.setattr(pi.server.capture, "stop", lambda: False)
    assert "does not stop" in caplog.text
    monkeypatch.undo()
    assert pi.server.capture.stop()


async def test_taken_port_is_an_os_error() -> None:
    from camhub_pi.server import CameraServer
    from camhub_pi.settings import Settings

    async with serving() as pi:
        with pytest.raises(OSError, match="address already in use"):
            await CameraServer(Settings(host="127.0.0.1", port=pi.port), Script()).start()

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

from camhub_pi.backend_pattern import PatternBackend
from camhub_pi.picture_source import open_source
from camhub_pi.server import CameraServer
from camhub_pi.settings import Settings
from camhub_pi.store_names import Refused
import pytest

from .serving import HOST
from .storing import WEBM, Storing, sha256, storing

TOKEN = "a-token-of-some-length"


@asynccontextmanager
async def camera(token: str | None = None) -> AsyncIterator[str]:
    settings = Settings(host=HOST, port=0, backend="pattern", width=160, height=120, fps=15, token=token)
    server = CameraServer(settings, PatternBackend(settings))
    port = await server.start()
    try:
        # There is no stream before the first picture.
        while server.capture.frame is None:
            await asyncio.sleep(0.01)
        yield f"http://{HOST}:{port}/stream.mjpg"
    finally:
        await server.stop()


def program(folder: Path, content: str) -> str:
    """Return a program that stands in for ffmpeg; `out` is the file it is to make."""
    path = folder / "program"
    lines = f"#!{sys.executable}\nimport os, signal, sys, time\nout = sys.argv[-1]\n{content}\n"
    path.write_text(lines)
    path.chmod(0o755)
    return str(path)


def written(content: bytes = WEBM) -> str:
    return f"open(out, 'wb').write({content[:4]!r} + bytes({len(content) - 4}))"


async def begun(pi: Storing, query: str = "") -> dict[str, Any]:
    answer = await pi.ask(f"POST /recording/start{query}")
    assert answer.status == 201, answer.body
    state: dict[str, Any] = json.loads(answer.body)
    return state


async def made(pi: Storing) -> None:
    """Wait until the program has begun its file."""
    while not any(each.stat().st_size for each in pi.store.incoming.iterdir()):
        await asyncio.sleep(0.01)


async def ended(pi: Storing) -> None:
    while pi.recorder.state()["recording"]:
        await asyncio.sleep(0.01)


class TestRealFfmpeg:
    async def test_records_what_the_camera_shows(self, tmp_path: Path) -> None:
        async with camera(TOKEN) as source, storing(tmp_path, source=source, source_token=TOKEN) as pi:
            state = await begun(pi, "?seconds=1")
            assert state["recording"]
            assert state["name"].startswith("manual_")
            assert (await pi.ask("POST /recording/start")).status == 409
            assert json.loads((await pi.ask("GET /recording")).body) == state
            await ended(pi)
            assert pi.recorder.state() == {"recording": False}
            assert pi.left() == [state["name"]]
            command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
            probe = await asyncio.create_subprocess_exec(
                *command, "-of", "csv=p=0", str(pi.folder / state["name"]), stdout=subprocess.PIPE
            )
            codec, frames = (await probe.communicate())[0].decode().strip().split(",")
            assert codec == "vp8"
            assert int(frames) >= 2
            assert pi.log()[0]["source"] == "recorded"

    async def test_stop_keeps_it_and_returns_it(self, tmp_path: Path) -> None:
        async with camera() as source, storing(tmp_path, source=source) as pi:
            state = await begun(pi)
            await made(pi)
            answer = await pi.ask("POST /recording/stop")
            kept = json.loads(answer.body)
            assert (answer.status, kept["name"]) == (200, state["name"])
            assert kept["sha256"] == sha256((pi.folder / kept["name"]).read_bytes())
            assert (await pi.ask("POST /recording/stop")).status == 409

    async def test_end_of_the_camera_is_the_end_of_the_recording(self, tmp_path: Path) -> None:
        async with storing(tmp_path, source="") as pi:
            async with camera() as source:
                object.__setattr__(pi.recorder._settings, "source", source)
                await begun(pi)
                await made(pi)
            await ended(pi)
            assert len(pi.left()) == 1

    async def test_end_of_the_store_keeps_what_there_is(self, tmp_path: Path) -> None:
        async with camera() as source:
            async with storing(tmp_path, source=source) as pi:
                await begun(pi)
                await made(pi)
            assert len(pi.left()) == 1

    async def test_nothing_that_cannot_be_played_is_kept(self, tmp_path: Path) -> None:
        async with camera() as source:
            stand_in = program(
                tmp_path, f"{written(b'text that is no film')}; print('no such encoder', file=sys.stderr)"
            )
            async with storing(tmp_path / "videos", source=source, programs={"program": stand_in}) as pi:
                await begun(pi)
                await ended(pi)
                assert "no such encoder" in pi.recorder.state()["failure"]
                assert pi.left() == []


class TestStopRules:
    async def test_interrupt_is_enough_for_a_good_one(self, tmp_path: Path) -> None:
        noted = tmp_path / "signal"
        code = f"""
def stop(number, frame):
    open({str(noted)!r}, 'w').write(str(number))
    sys.exit(255)
signal.signal(signal.SIGINT, stop)
{written()}
while True: time.sleep(60)
"""
        programs = {"program": program(tmp_path, code), "prober": "echo"}
        async with camera() as source, storing(tmp_path / "videos", source=source, programs=programs) as pi:
            await begun(pi)
            await made(pi)
            assert (await pi.ask("POST /recording/stop")).status == 200
            assert noted.read_text() == str(int(signal.SIGINT))

    async def test_one_that_does_not_end_is_killed_and_its_film_kept(self, tmp_path: Path) -> None:
        code = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{written()}\nwhile True: time.sleep(60)"
        programs = {"program": program(tmp_path, code), "prober": "echo", "interrupt_s": 0.01}
        async with camera() as source, storing(tmp_path / "videos", source=source, programs=programs) as pi:
            await begun(pi)
            await made(pi)
            assert (await pi.ask("POST /recording/stop")).status == 200
            assert len(pi.left()) == 1

    @pytest.mark.parametrize("prober", ["no-such-program", "sleeper"])
    async def test_film_that_cannot_be_looked_at_is_not_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prober: str
    ) -> None:
        monkeypatch.setattr("camhub_pi.recorder.PROBE_S", 0.01)
        if prober == "sleeper":
            (tmp_path / "p").mkdir()
            prober = program(tmp_path / "p", "time.sleep(60)")
        programs = {"program": program(tmp_path, written()), "prober": prober}
        async with camera() as source, storing(tmp_path / "videos", source=source, programs=programs) as pi:
            await begun(pi)
            await ended(pi)
            assert "nothing was recorded" in json.loads((await pi.ask("GET /recording")).body)["failure"]
            assert pi.left() == []

    async def test_stop_is_never_waited_for_longer_than_15_seconds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{written()}\nwhile True: time.sleep(60)"
        programs = {"program": program(tmp_path, code), "prober": "echo", "interrupt_s": 0.5}
        async with camera() as source, storing(tmp_path / "videos", source=source, programs=programs) as pi:
            await begun(pi)
            await made(pi)
            monkeypatch.setattr("camhub_pi.recorder.STOP_S", 0.01)
            assert (await pi.ask("POST /recording/stop")).status == 504
            await ended(pi)
            assert len(pi.left()) == 1

    async def test_disk_that_fails_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        programs = {"program": program(tmp_path, written()), "prober": "echo"}
        async with camera() as source, storing(tmp_path / "videos", source=source, programs=programs) as pi:

            def adopt(*_: object) -> None:
                raise OSError(5, "Input/output error")

            monkeypatch.setattr(pi.store, "adopt", adopt)
            await begun(pi)
            await ended(pi)
            assert "Input/output error" in pi.recorder.state()["failure"]

    async def test_silent_camera_ends_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("camhub_pi.recorder.SILENCE_S", 0.01)

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=FRAME\r\n\r\n")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, HOST, 0)
        source = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/?q=1"
        programs = {"program": program(tmp_path, f"{written()}\nsys.stdin.read()"), "prober": "echo"}
        async with server, storing(tmp_path / "videos", source=source, programs=programs) as pi:
            await begun(pi)
            await ended(pi)


class TestCannotStart:
    async def test_reasons_are_told(self, tmp_path: Path) -> None:
        async with camera(TOKEN) as source:
            async with storing(tmp_path, source=source) as pi:
                answer = await pi.ask("POST /recording/start")
                assert (answer.status, b"--source-token-file" in answer.body) == (503, True)
                assert (await pi.ask("POST /recording/start?seconds=0")).status == 400
            nowhere = f"{source.rpartition('/')[0]}/nothing"
            async with storing(tmp_path, source=nowhere, source_token=TOKEN) as pi:
                assert b"no stream: 404" in (await pi.ask("POST /recording/start")).body
            programs = {"program": "no-such-ffmpeg"}
            async with storing(tmp_path, source=source, source_token=TOKEN, programs=programs) as pi:
                answer = await pi.ask("POST /recording/start")
                assert (answer.status, b"sudo apt install ffmpeg" in answer.body) == (503, True)
            async with storing(tmp_path, source=source, spare=2**60) as pi:
                assert (await pi.ask("POST /recording/start")).status == 507

    async def test_camera_that_is_away(self) -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(Refused, match=f"no picture from {HOST}:{port}"):
                await open_source(f"http://{HOST}:{port}/", None)
        with pytest.raises(Refused, match="no picture"):
            await open_source(f"http://{HOST}:{port}/", None)

"""The store as a program of its own: crashes, full disks, memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import hashlib
import json
import os
from pathlib import Path
import re
import resource
import signal
import socket
import sys

from camhub_pi.store_cli import main
import pytest

from .serving import HOST, Client, gone
from .storing import MP4

PI = Path(__file__).parents[2] / "pi"
MEGA = 2**20
# Measured: 30 MB and less (pi/README.md); Python alone is 10.
MEMORY_KB = 64 * 1024


@asynccontextmanager
async def program(folder: Path, *options: str, file_limit: int | None = None) -> AsyncIterator[tuple[int, int]]:
    """Run a store; give its port and process id."""
    command = [sys.executable, "-m", "camhub_pi", "store", "--videos", str(folder), "--host", HOST, "--port", "0"]

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    process = await asyncio.create_subprocess_exec(
        *command, "--spare-mb", "0", *options, cwd=PI, stderr=asyncio.subprocess.PIPE, preexec_fn=limit
    )
    try:
        assert process.stderr is not None
        found = re.search(rb"http://127\.0\.0\.1:(\d+)/", await process.stderr.readline())
        assert found is not None
        yield int(found[1]), process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def sent(port: int, name: str, piece: bytes, times: int, *, whole: bool = True) -> Client:
    client = Client(*await asyncio.open_connection(HOST, port))
    told = len(piece) * times * (1 if whole else 2)
    head = (f"Content-Length: {told}", "Expect: 100-continue")
    await client.send(f"POST /upload?name={name}", *head)
    assert (await client.head()).status == 100
    for _ in range(times):
        client.writer.write(piece)
        await client.writer.drain()
    return client


def peak_kb(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


async def test_killed_in_the_middle_leaves_no_half_file(tmp_path: Path) -> None:
    async with program(tmp_path) as (port, process):
        client = await sent(port, "a.mp4", MP4 * 50, 1)
        assert (await client.answer()).status == 201
        client.writer.close()
        client = await sent(port, "b.mp4", MP4 * 50, 4, whole=False)
        incoming = tmp_path / ".incoming"
        while not any(each.stat().st_size for each in incoming.iterdir()):
            await asyncio.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        assert await gone(client)
        client.writer.close()
    assert files(tmp_path) == {".incoming", "upload_log.json", "a.mp4"}
    assert [each["name"] for each in json.loads((tmp_path / "upload_log.json").read_text())] == ["a.mp4"]
    async with program(tmp_path) as (port, _):
        assert files(incoming) == set()
        client = Client(*await asyncio.open_connection(HOST, port))
        await client.send("GET /videos")
        assert [each["name"] for each in json.loads((await client.answer()).body)["videos"]] == ["a.mp4"]
        client.writer.close()


async def test_disk_that_ends_in_the_middle_is_said(tmp_path: Path) -> None:
    async with program(tmp_path, file_limit=MEGA) as (port, _):
        client = await sent(port, "a.mp4", MP4 + bytes(MEGA - len(MP4)), 2)
        assert (await client.answer()).status == 507
        client.writer.close()
        assert files(tmp_path) == {".incoming"}
        assert files(tmp_path / ".incoming") == set()


async def test_large_upload_and_fetch_need_little_memory(tmp_path: Path) -> None:
    piece, times = MP4 + bytes(MEGA - len(MP4)), 200
    async with program(tmp_path) as (port, process):
        client = await sent(port, "large.mp4", piece, times)
        kept = json.loads((await client.answer()).body)
        client.writer.close()
        expected = hashlib.sha256()
        for _ in range(times):
            expected.update(piece)
        assert kept["size"] == 200 * MEGA
        assert kept["sha256"] == expected.hexdigest()
        client = Client(*await asyncio.open_connection(HOST, port))
        await client.send("GET /videos/large.mp4")
        await client.head()
        left = 200 * MEGA
        while left:
            left -= len(await client.reader.read(min(left, MEGA)))
        client.writer.close()
        peak = peak_kb(process)
    assert peak < MEMORY_KB, peak


class TestCommandLine:
    def test_no_token_is_refused_unless_told_so(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CAMHUB_PI_TOKEN", raising=False)
        videos = ["--videos", str(tmp_path / "file" / "below")]
        (tmp_path / "file").write_text("in the way")
        assert main(videos) == 2
        assert "--token-file" in capsys.readouterr().err
        assert main(["service"]) == 2
        # It gets as far as the folder, which cannot be one.
        for options in (["--no-token"], ["--host", HOST], ["--token", "long-enough-to-be-one"]):
            assert main([*videos, *options, "--port", "0", "--no-announce"]) == 1
            assert "Not a directory" in capsys.readouterr().err

    def test_taken_port_is_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            port = str(other.getsockname()[1])
            assert main(["--videos", str(tmp_path), "--host", HOST, "--port", port]) == 1
        assert f"{HOST}:{port}" in capsys.readouterr().err

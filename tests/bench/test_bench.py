import asyncio
import base64
from collections.abc import AsyncIterator, Callable
import io
import json
import os
from pathlib import Path
import socket
import subprocess
import threading

from PIL import Image as Picture
import pytest

from bench import floor
from bench.__main__ import number, table, write
from bench.asking import ask
from bench.capture import seen
from bench.figure import Better, Figure
from bench.homes import camhub, core_generic, core_mjpeg, many, stream_path
from bench.inside.commands import _at
from bench.machine import (
    cpu_ns,
    family,
    family_cpu,
    family_memory,
    forget_peak,
    peak_kb,
    pinned,
    resident_kb,
    unsent,
)
from bench.plan import p95, ratio
from bench.source import MAGIC, SIZES, Connection, Pictures, Server
from bench.viewers import Kind, Room, Viewer
from bench.worker import Worker
from custom_components.camhub.kernel.vault import Vault


def figure(value: float, goal: float, better: Better = "lower") -> Figure:
    return Figure(figure="age", value=value, unit="s", goal=goal, better=better, against="a clock")


def test_a_figure_is_met_on_the_right_side_of_its_goal() -> None:
    assert figure(1, 1).met
    assert not figure(1.01, 1).met
    assert figure(30, 29.5, "higher").met
    assert not figure(29, 29.5, "higher").met


def test_the_table_says_what_was_missed() -> None:
    assert table("join", [figure(0.51234, 0.5), figure(30, 29.5, "higher")]).splitlines() == [
        "| `join`: `age` | 0.512 s | ≤ 0.5 | missed | a clock |",
        "| `join`: `age` | 30 s | ≥ 29.5 |  | a clock |",
    ]


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (1234.5, "1234"), (0.0123456, "0.0123"), (50.0, "50")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_written_is_a_list_of_figures(tmp_path: Path) -> None:
    write("join", [figure(0.5, 0.6)], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "join.json").read_text()) == [
        {"figure": "age", "value": 0.5, "unit": "s", "goal": 0.6, "better": "lower", "against": "a clock"}
    ]


def test_a_ratio_compares_within_rounds() -> None:
    assert ratio([1, 20, 3], [2, 10, 6]) == 0.5


def test_p95_of_one_value_is_that_value() -> None:
    assert p95([3.0]) == 3.0
    assert 95 <= p95([float(value) for value in range(101)]) <= 96


def test_percentiles_of_lag_stay_within_what_was_seen() -> None:
    assert _at([1.0, 2.0, 3.0], 0.5) == 2.0
    assert _at([1.0, 2.0, 3.0], 1.0) == 3.0


@pytest.mark.parametrize("size", list(SIZES))
def test_pictures_have_their_size_and_can_be_read(size: str) -> None:
    width, height, _, length = SIZES[size]
    content = Pictures().take(size)
    assert len(content) == length
    with Picture.open(io.BytesIO(content)) as picture:
        picture.load()
        assert picture.size == (width, height)


def test_entries_are_stored_as_dialogs_store_them() -> None:
    vault = Vault(bytes(32))
    ours = camhub("hub", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b", picture_age=0).stored(vault)
    assert json.loads(vault.open(ours["data"]["credentials"]))["address"] == "http://127.0.0.1:1/a"
    assert ours["options"] == {"picture_age": 0}
    assert ours["disabled_by"] is None
    assert many("many", "http://127.0.0.1:1/b", 3).stored(vault)["disabled_by"] == "user"
    core = core_mjpeg("core", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b").stored(vault)
    assert core["data"] == {}
    assert core["options"]["mjpeg_url"] == "http://127.0.0.1:1/a"
    assert core_generic("generic", "http://127.0.0.1:1/b").stored(vault)["version"] == 2


def test_the_live_view_has_the_stills_token() -> None:
    assert stream_path("/api/camera_proxy/camera.a?token=x") == "/api/camera_proxy_stream/camera.a?token=x"


def test_this_process_has_run_and_holds_memory() -> None:
    pid = threading.get_native_id()
    assert cpu_ns(pid) > 0
    assert resident_kb(pid) > 1000
    assert pinned(["true"], 10_000) == ["true"]


def test_a_family_counts_with_its_head() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in family(os.getpid())
        alone = family_memory(child.pid)
        assert 0 < alone < family_memory(os.getpid())
        child.kill()
    assert child.pid not in family(os.getpid())
    assert family_cpu(os.getpid()) > 0


async def test_a_picture_is_taken_out_of_the_bench_camera() -> None:
    async with Worker("bench.live", cpu=None) as camera, Worker("bench.grabbing", cpu=None) as worker:
        port = (await camera.tell({}))["port"]
        assert (await worker.tell({"engine": "aiortc_engine"}))["seconds"] > 0
        taken = await worker.tell({"port": port, "codec": "H264"})
        assert seen(base64.b64decode(taken["jpeg"])) > 0
        assert taken["seconds"] < 20
        assert (await worker.tell({"idle": 0.01}))["stall"] >= 0
        await worker.tell({"close": True})
        assert (await camera.tell({}))["open"] == 0


def test_what_a_connection_holds_is_seen_until_it_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listening.accept()
            server.setblocking(False)
            while server.send(bytes(2**20)) == 2**20:
                pass
            held = unsent(port, client.getsockname()[1])
            assert held is not None
            assert held > 0
            server.close()
            assert unsent(port, client.getsockname()[1]) is None


@pytest.fixture
async def cameras() -> AsyncIterator[tuple[Server, int]]:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    yield server, listening.sockets[0].getsockname()[1]
    listening.close()


async def test_stills_are_counted_and_answered(cameras: tuple[Server, int]) -> None:
    server, port = cameras
    answer = await asyncio.to_thread(
        ask, port=port, paths=["/a/still?size=tiny", "/a/still?size=vga&delay=0.001"], clients=2, requests=6
    )
    assert answer["statuses"] == {"200": 6}
    assert sorted(set(answer["bytes"])) == [SIZES["tiny"][3], SIZES["vga"][3]]
    assert server.counted["a"].stills == 6
    assert server.counted["a"].stills_under_way == 0
    missing = await asyncio.to_thread(ask, port=port, paths=["/nothing"], clients=1, requests=1)
    assert missing["statuses"] == {"404": 1}


def watch(room: Room, kind: Kind, port: int, path: str, enough: Callable[[Viewer], bool]) -> Viewer:
    viewer = room.open(group="all", kind=kind, port=port, path=path, size="tiny", rate=1e6)
    viewer.socket.setblocking(True)
    while not enough(viewer):
        viewer.read()
    return viewer


async def test_viewers_read_stamps_or_only_count(cameras: tuple[Server, int]) -> None:
    server, port = cameras
    room = Room()
    probe = await asyncio.to_thread(watch, room, "probe", port, "/a/stream?size=tiny&fps=200", lambda it: it.frames > 3)
    drain = await asyncio.to_thread(
        watch, room, "drain", port, "/a/stream?size=tiny&fps=200", lambda it: it.total > 3 * SIZES["tiny"][3]
    )
    seen = probe.taken()
    assert seen["status"] == "200"
    assert seen["first"] > 0
    assert all(0 <= age < 60 for age in seen["ages"])
    assert drain.taken()["frames"] == 0
    assert server.counted["a"].streams == 2
    room.close()


def test_a_stamp_cut_in_two_is_read_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        viewer = Viewer(kind="probe", socket=ours, frame_size=SIZES["tiny"][3], begun=0, scratch=bytearray())
        content = b"HTTP/1.1 200 OK\r\n\r\n" + Pictures().take("tiny")
        at = content.index(MAGIC)
        for begin, end in ((0, at + 5), (at + 5, at + 20), (at + 20, len(content))):
            theirs.sendall(content[begin:end])
            viewer.read()
        assert viewer.frames == 1
        assert viewer.first_at is not None


async def test_the_python_floor_hands_frames_on(cameras: tuple[Server, int]) -> None:
    server, port = cameras
    with socket.create_server(("127.0.0.1", 0)) as free:
        fan_port = free.getsockname()[1]
    fan = floor.Fan(fan_port, port, "/a/stream?size=tiny&fps=200")
    threading.Thread(target=fan.run, daemon=True).start()
    room = Room()
    viewers = [await asyncio.to_thread(watch, room, "probe", fan_port, "/", lambda it: it.frames > 3) for _ in range(2)]
    assert server.counted["a"].streams == 1
    assert all(viewer.frames > 3 for viewer in viewers)
    room.close()


def test_the_peak_of_a_process_is_no_less_than_it_takes() -> None:
    before = peak_kb(os.getpid())
    held = bytes(range(256)) * 2**17
    assert peak_kb(os.getpid()) >= before
    del held
    forget_peak(os.getpid())
    assert peak_kb(os.getpid()) >= resident_kb(os.getpid()) - 1024

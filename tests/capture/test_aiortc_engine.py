"""Pictures out of live sessions, in process, from a real WebRTC camera over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
import gc
from pathlib import Path
import random
import threading
import time
from typing import Any, override

from aiohttp import ClientSession
from aioice import stun, turn
from aiortc import RTCRtpSender
import pytest

from bench.grabbing import LiveCamera
from bench.worker import Worker
from custom_components.camhub.capture.aiortc_engine import AiortcEngine
from custom_components.camhub.capture.session import IceServer, Terms
from custom_components.camhub.kernel import sdp
from custom_components.camhub.kernel.errors import HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.provider import WebRtcSession

from ..fake_clock import FakeClock
from .conftest import PATIENCE
from .vendor import Picture, Vendor, as_nest, counted, pixels, until, vendor


@pytest.fixture
async def engine() -> AsyncIterator[AiortcEngine]:
    engine = AiortcEngine(Terms(picture=PATIENCE))
    yield engine
    await engine.close()


@pytest.mark.parametrize("codec", ["H264", "VP8"])
@pytest.mark.parametrize("size", [(320, 180), (180, 320), (322, 182)])
async def test_todays_picture(engine: AiortcEngine, codec: str, size: tuple[int, int]) -> None:
    async with vendor(codec=codec, width=size[0], height=size[1]) as camera:
        jpeg = await engine.grab_live(camera, PATIENCE)
        assert pixels(jpeg).shape == (size[1], size[0], 3)
        assert counted(jpeg, camera) < 40
        assert (camera.opened, camera.released) == (1, 1)


async def test_a_size_that_is_no_multiple_of_anything(engine: AiortcEngine) -> None:
    async with vendor(codec="VP8", width=201, height=151) as camera:
        assert pixels(await engine.grab_live(camera, PATIENCE)).shape == (151, 201, 3)


async def test_the_offer_is_what_the_strictest_vendor_wants(engine: AiortcEngine) -> None:
    async with vendor(channel="dataSendChannel", audio=True, change=as_nest) as camera:
        counted(await engine.grab_live(camera, PATIENCE), camera)
        offer = camera.offers[0]
        _, *media = sdp.sections(offer)
        assert [sdp.kind(part) for part in media] == ["audio", "video", "application"]
        assert all("a=recvonly" in part for part in media[:2])
        assert any("H264/90000" in line for line in media[1])
        assert any(line.startswith("a=candidate:") for part in media for line in part)
        assert offer.endswith("\r\n")


def without_audio(answer: str) -> str:
    """Return an answer that refuses the sound, as go2rtc does for a camera without Opus."""
    session, *media = sdp.sections(answer)
    bundle = [line if not line.startswith("a=group") else "a=group:BUNDLE 1" for line in session]
    refused = ["m=audio 0 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", "a=inactive", "a=mid:0"]
    return sdp.joined([bundle, refused, media[1]])


@pytest.mark.parametrize("settings", [{"audio": True}, {"change": without_audio}])
async def test_sound_that_is_refused_or_sent_changes_nothing(engine: AiortcEngine, settings: dict[str, Any]) -> None:
    async with vendor(**settings) as camera:
        counted(await engine.grab_live(camera, PATIENCE), camera)


async def test_candidates_that_come_one_by_one(engine: AiortcEngine) -> None:
    async with vendor(trickle=True) as camera:
        counted(await engine.grab_live(camera, PATIENCE), camera)


@pytest.mark.parametrize("shade", [16, 0, 120])
async def test_a_blank_beginning_is_waited_out(engine: AiortcEngine, shade: int) -> None:
    async with vendor(picture=Picture(320, 180, black=8, shade=shade)) as camera:
        assert counted(await engine.grab_live(camera, PATIENCE), camera) > 7


async def test_nothing_but_black(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def key_frame(self: RTCRtpSender) -> None:
        nonlocal asked
        asked += 1

    def reached(told: int) -> bool:
        return asked >= told

    monkeypatch.setattr(RTCRtpSender, "_send_keyframe", key_frame)
    engine = AiortcEngine(Terms(clock=clock))
    async with vendor(picture=(picture := Picture(320, 180, black=1000))) as camera:
        grabbing = asyncio.create_task(engine.grab_live(camera, 30))
        await until(lambda: picture.sent > 10 and 0.2 in clock.slept)
        await clock.advance(0.2)
        for told in range(1, 9):
            await until(partial(reached, told))
            await clock.advance(1.5)
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "only_black_frames"
        assert camera.released == 1
        assert clock.slept.count(1.5) == 8


async def test_no_frame_at_all(clock: FakeClock) -> None:
    engine = AiortcEngine(Terms(clock=clock))
    async with vendor(picture=Picture(320, 180, silent=True)) as camera:
        grabbing = asyncio.create_task(engine.grab_live(camera, 30))
        await until(lambda: 12.0 in clock.slept)
        await clock.advance(12)
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "timeout"
        assert camera.released == 1


async def test_a_vendor_that_never_answers_is_given_up(clock: FakeClock) -> None:
    engine = AiortcEngine(Terms(clock=clock))
    async with vendor() as camera:
        camera.gate.clear()
        grabbing = asyncio.create_task(engine.grab_live(camera, 300))
        await camera.asked.wait()
        await clock.advance(25)
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "timeout"
        assert camera.opened == 0


async def test_a_stream_that_ends_before_a_picture(engine: AiortcEngine) -> None:
    async with vendor(picture=Picture(320, 180, silent=True)) as camera:
        grabbing = asyncio.create_task(engine.grab_live(camera, PATIENCE))
        await until(lambda: camera.opened == 1)
        await camera.senders[0].connected.wait()
        await asyncio.sleep(0.1)
        await camera.close()
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason in {"no_frames", "webrtc_failed"}
        assert camera.released == 1


def nowhere(answer: str) -> str:
    """Return an answer of somebody who can be found nowhere."""
    lines = [line for line in answer.split("\r\n") if not line.startswith("a=candidate")]
    return "\r\n".join(lines)


def silent_film(answer: str) -> str:
    """Return an answer that refuses the picture."""
    session, audio, video = sdp.sections(answer)
    return sdp.joined([session, audio, [video[0].replace(video[0].split(" ")[1], "0", 1), "a=mid:1"]])


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (nowhere, Unreachable, "webrtc_failed"),
        (silent_film, Malformed, "not_a_camera"),
        (lambda _: "v=0", Malformed, "malformed"),
        (lambda _: "no answer at all", Malformed, "malformed"),
        (lambda answer: answer.replace("a=setup:active", "a=setup:"), Malformed, "malformed"),
    ],
)
async def test_answers_that_lead_nowhere(
    engine: AiortcEngine, change: Callable[[str], str], kind: type[HubError], reason: str
) -> None:
    async with vendor(change=change) as camera:
        with pytest.raises(kind) as failed:
            await engine.grab_live(camera, PATIENCE)
        assert failed.value.reason == reason
        assert camera.released == 1


async def test_what_a_vendor_raises_is_passed_on(engine: AiortcEngine) -> None:
    class Closed(Vendor):
        @override
        async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
            raise Throttled(retry_after=60)

    with pytest.raises(Throttled):
        await engine.grab_live(Closed(), PATIENCE)


async def test_no_more_at_once_than_allowed() -> None:
    engine = AiortcEngine(Terms(concurrent=2, picture=PATIENCE))
    async with vendor() as camera:
        camera.gate.clear()
        grabbing = [asyncio.create_task(engine.grab_live(camera, PATIENCE)) for _ in range(3)]
        await until(lambda: len(camera.offers) == 2)
        await asyncio.sleep(0.1)
        assert len(camera.offers) == 2
        camera.gate.set()
        assert all(await asyncio.gather(*grabbing))
        assert camera.released == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_either_version_of_the_internet_protocol(
    engine: AiortcEngine, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda *_, **__: [address])
    async with vendor() as camera:
        counted(await engine.grab_live(camera, PATIENCE), camera)
        addresses = {line.split(" ")[4] for line in camera.offers[0].splitlines() if line.startswith("a=candidate")}
        assert addresses == {address}


async def test_who_helps_through_routers_is_asked() -> None:
    async with helper() as (port, asked):
        servers = [
            IceServer(urls=("stun:[fd00::1]:3478", "gopher:x", f"stun:127.0.0.1:{port}")),
            IceServer(urls=(f"turn:127.0.0.1:{port}",), username="me", credential="word"),
        ]
        engine = AiortcEngine(Terms(ice_servers=lambda: servers))
        async with vendor() as camera:
            counted(await engine.grab_live(camera, PATIENCE), camera)
            assert " 203.0.113.5 " in camera.offers[0]
            assert " 203.0.113.6 " in camera.offers[0]
        # Where the direct way takes its time, the one through the helper is tried as well.
        assert asked - {"CHANNEL_BIND by me"} == {"BINDING", "ALLOCATE", "ALLOCATE by me", "REFRESH by me"}


@asynccontextmanager
async def helper() -> AsyncIterator[tuple[int, set[str]]]:
    """Yield the port of a STUN and TURN server that gives out made-up addresses, and what it was asked."""
    asked: set[str] = set()

    class Helper(asyncio.DatagramProtocol):
        @override
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        @override
        def datagram_received(self, data: bytes, addr: Any) -> None:
            if data[0] & 0xC0:
                return
            request = stun.parse_message(data)
            answer = stun.Message(
                message_method=request.message_method,
                message_class=stun.Class.RESPONSE,
                transaction_id=request.transaction_id,
            )
            who = request.attributes.get("USERNAME")
            if request.message_method is stun.Method.BINDING:
                answer.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.5", 4000)
            elif who is None:
                answer.message_class = stun.Class.ERROR
                answer.attributes["ERROR-CODE"] = (401, "Unauthorized")
                answer.attributes["NONCE"] = b"nonce"
                answer.attributes["REALM"] = "realm"
            else:
                answer.attributes["XOR-RELAYED-ADDRESS"] = ("203.0.113.6", 5000)
                answer.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.5", 4000)
                answer.attributes["LIFETIME"] = 600
                answer.add_message_integrity(turn.make_integrity_key("me", "realm", "word"))
            asked.add(request.message_method.name if who is None else f"{request.message_method.name} by {who}")
            self.transport.sendto(bytes(answer), addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Helper, ("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1], asked
    transport.close()


def threads() -> set[int | None]:
    """Return the threads that captures have started, and those that other tests have left of the same kind."""
    return {each.ident for each in threading.enumerate() if each.name in {"camhub capture", "video-decoder"}}


def open_sockets() -> int:
    """Return how many UDP sockets are ours: what media come by. Others in the process keep files of their own."""
    lines = [line.split() for table in ("udp", "udp6") for line in Path("/proc/net", table).read_text().splitlines()]
    media = {f"socket:[{line[9]}]" for line in lines}
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(entry.readlink()) in media
    return found


async def test_a_hundred_captures_leave_nothing_behind() -> None:
    """Half of them are given up at any moment; the camera is a process of its own, so that what is left is ours."""
    engine = AiortcEngine(Terms(concurrent=8, picture=PATIENCE))
    chance, before = random.Random(5), threads()
    async with Worker("bench.live", cpu=None) as cameras, ClientSession() as session:
        camera = LiveCamera(session, (await cameras.tell({}))["port"], "H264")

        async def one() -> bytes | None:
            grabbing = asyncio.create_task(engine.grab_live(camera, PATIENCE))
            if chance.random() < 0.5:
                await asyncio.wait({grabbing}, timeout=chance.random() * 0.6)
                grabbing.cancel()
            try:
                return await grabbing
            except asyncio.CancelledError:
                return None

        await engine.grab_live(camera, PATIENCE)
        tasks, sockets = len(asyncio.all_tasks()), open_sockets()
        taken: list[bytes | None] = []
        for _ in range(10):
            taken += await asyncio.gather(*(one() for _ in range(10)))
        await engine.close()
        assert sum(jpeg is not None for jpeg in taken) > 40
        assert any(jpeg is None for jpeg in taken)
        # An offer that was given up may be answered yet, and is ended then.
        while (await cameras.tell({}))["open"]:  # noqa: ASYNC110  # another process's
            await asyncio.sleep(0.02)
        # Connections to the vendor that are kept for later are not ours.
        await session.close()

        def nothing_is_left() -> bool:
            # A call that is given up half-way leaves its sockets to the collector.
            gc.collect()
            return len(asyncio.all_tasks()) <= tasks and open_sockets() <= sockets and threads() <= before

        # What only has to end yet does so within moments.
        await until(nothing_is_left)


async def test_the_loop_is_never_held_up(engine: AiortcEngine) -> None:
    worked: list[float] = []

    async def watch() -> None:
        while True:
            # What this thread has worked, not how long a busy machine let it wait.
            begun = time.thread_time()
            await asyncio.sleep(0.002)
            worked.append(time.thread_time() - begun)

    async with vendor(width=1280, height=720) as camera:
        watching = asyncio.create_task(watch())
        counted(await engine.grab_live(camera, PATIENCE), camera)
        watching.cancel()
    # The camera itself runs in this loop: bench/capture.py measures it alone.
    assert sorted(worked)[len(worked) // 2] < 0.02

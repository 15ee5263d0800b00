import asyncio
import base64
from collections.abc import AsyncIterator
import itertools
import re

import av
import pytest

from simulators.rtsp import RtspServer
from simulators.rtsp.access import Access
from simulators.rtsp.packets import LARGEST, Packetizer, payloads


@pytest.fixture
async def server() -> AsyncIterator[RtspServer]:
    server = RtspServer(["/live", "/second?channel=1"], fps=60, seconds=1, width=320, height=180)
    await server.start()
    yield server
    await server.stop()


class Talk:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, base: str) -> None:
        self.reader, self.writer, self.base = reader, writer, base
        self.number = 0

    @classmethod
    async def open(cls, server: RtspServer) -> Talk:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        return cls(reader, writer, f"rtsp://127.0.0.1:{server.port}")

    async def ask(self, method: str, path: str, *lines: str) -> tuple[int, dict[str, str], str]:
        self.number += 1
        head = [f"{method} {self.base}{path} RTSP/1.0", f"CSeq: {self.number}", *lines, "", ""]
        self.writer.write("\r\n".join(head).encode())
        while (first := await self.reader.read(1)) == b"$":
            await self.packet()
        status, *headers = (first + await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        found = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in headers)}
        assert found["cseq"] == str(self.number)
        body = await self.reader.readexactly(int(found.get("content-length", "0")))
        return int(status.split()[1]), found, body.decode()

    async def packet(self) -> tuple[int, bytes]:
        head = await self.reader.readexactly(3)
        return head[0], await self.reader.readexactly(int.from_bytes(head[1:]))

    async def rtp(self) -> tuple[int, bytes]:
        assert await self.reader.readexactly(1) == b"$"
        return await self.packet()

    def close(self) -> None:
        self.writer.close()


TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3"


async def test_a_whole_conversation(server: RtspServer) -> None:
    talk = await Talk.open(server)
    status, headers, _ = await talk.ask("OPTIONS", "/live")
    assert (status, "DESCRIBE" in headers["public"]) == (200, True)
    status, headers, sdp = await talk.ask("DESCRIBE", "/live", "Accept: application/sdp")
    assert (status, headers["content-type"]) == (200, "application/sdp")
    assert headers["content-base"].endswith("/live/")
    sets = re.search(r"sprop-parameter-sets=(\S+),(\S+)", sdp)
    assert sets is not None
    assert [base64.b64decode(each)[0] & 0x1F for each in sets.groups()] == [7, 8]
    assert (await talk.ask("PLAY", "/live"))[0] == 454
    assert (await talk.ask("SETUP", "/live/trackID=1", "Transport: RTP/AVP;unicast;client_port=5000-5001"))[0] == 461
    assert (await talk.ask("SETUP", "/other/trackID=1", TCP))[0] == 404
    status, headers, _ = await talk.ask("SETUP", "/live/trackID=1", TCP)
    assert (status, headers["transport"]) == (200, "RTP/AVP/TCP;unicast;interleaved=2-3")
    status, headers, _ = await talk.ask("PLAY", "/live/", f"Session: {headers['session']}")
    assert (status, "rtptime=" in headers["rtp-info"]) == (200, True)
    channel, report = await talk.rtp()
    assert (channel, report[1]) == (3, 200)
    channel, packet = await talk.rtp()
    assert (channel, packet[0] >> 6, packet[1] & 0x7F) == (2, 2, 96)
    # A receiver report in the middle of it all is skipped.
    talk.writer.write(b"$\x03\x00\x04\x80\xc9\x00\x00")
    assert (await talk.ask("GET_PARAMETER", "/live"))[0] == 200
    assert server.viewers == 1
    assert (await talk.ask("TEARDOWN", "/live"))[0] == 200
    assert server.viewers == 0
    assert (await talk.ask("RECORD", "/live"))[0] == 501
    talk.close()
    await server.idle()


async def test_an_unknown_path_is_not_found(server: RtspServer) -> None:
    talk = await Talk.open(server)
    assert (await talk.ask("DESCRIBE", "/lives"))[0] == 404
    assert (await talk.ask("DESCRIBE", "/second?channel=2"))[0] == 404
    assert (await talk.ask("DESCRIBE", "/second?channel=1"))[0] == 200
    assert server.described == {"/lives": 1, "/second?channel=2": 1, "/second?channel=1": 1}
    talk.close()
    await server.idle()


async def test_what_is_no_request_ends_the_connection(server: RtspServer) -> None:
    talk = await Talk.open(server)
    talk.writer.write(b"HELLO\r\n\r\n")
    assert await talk.reader.read() == b""
    talk.close()


def watch(address: str, frames: int) -> list[tuple[float, bool]]:
    seen: list[tuple[float, bool]] = []
    with av.open(address, options={"rtsp_transport": "tcp"}, timeout=(60, 60)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            assert packet.decode()
            if packet.dts is not None and packet.time_base is not None:
                seen.append((float(packet.dts * packet.time_base), packet.is_keyframe))
            if len(seen) == frames:
                break
    return seen


async def test_players_watch_past_the_end_of_the_clip(server: RtspServer) -> None:
    address = f"rtsp://127.0.0.1:{server.port}/live"
    for seen in await asyncio.gather(*(asyncio.to_thread(watch, address, 90) for _ in range(2))):
        times = [at for at, _ in seen]
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert steps == pytest.approx([1 / 60] * 89, abs=0.001)
        assert sum(key for _, key in seen) >= 1
    await server.idle()
    assert server.viewers == 0


async def test_large_units_are_cut_and_can_be_joined(server: RtspServer) -> None:
    frame = max((await server.clip("/live")).frames, key=lambda each: max(map(len, each.units)))
    unit = max(frame.units, key=len) * 3
    parts = payloads(type(frame)(units=(unit,), key=True))
    assert len(parts) > 1
    assert all(len(part) <= LARGEST for part in parts)
    assert [part[1] & 0xC0 for part in parts] == [0x80, *[0] * (len(parts) - 2), 0x40]
    assert bytes((parts[0][0] & 0xE0 | parts[0][1] & 0x1F,)) + b"".join(part[2:] for part in parts) == unit


def test_numbers_wrap() -> None:
    packetizer = Packetizer(1, 0xFFFF, 0xFFFFFFFF)
    packetizer.frame((b"\x65",), 7500, 0)
    second = packetizer.frame((b"\x41",), 7500, 0)
    assert int.from_bytes(second[6:8]) == 0
    assert int.from_bytes(second[8:12]) == 7499
    assert packetizer.report(0.0, 1)[:4] == b"$\x01\x00\x1c"


def test_a_wrong_word_is_counted() -> None:
    access = Access("viewer", "word", ("digest", "basic"))
    assert len(access.challenges()) == 2
    assert not access.admits("DESCRIBE", None)
    assert access.refused == 0
    assert access.admits("DESCRIBE", "Basic " + base64.b64encode(b"viewer:word").decode())
    assert not access.admits("DESCRIBE", "Basic " + base64.b64encode(b"viewer:other").decode())
    assert not access.admits("DESCRIBE", 'Digest username="viewer", nonce="old"')
    assert not access.admits("DESCRIBE", "Bearer x")
    assert access.refused == 3
    assert Access("", "").admits("DESCRIBE", None)


async def test_stop_may_be_called_twice_and_hangs_up(server: RtspServer) -> None:
    talk = await Talk.open(server)
    await talk.ask("OPTIONS", "/live")
    await server.stop()
    await server.stop()
    assert await talk.reader.read() == b""
    talk.close()

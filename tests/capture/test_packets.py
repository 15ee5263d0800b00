from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
import itertools

import pytest

from custom_components.camhub.capture import packets as packets_module
from custom_components.camhub.capture.packets import _with_sets, packets
from custom_components.camhub.kernel.clock import SystemClock
from custom_components.camhub.kernel.errors import AuthError, HubError, Unreachable
from custom_components.camhub.kernel.samples import Sample
from simulators.rtsp import RtspServer


async def _all(samples: AsyncGenerator[Sample]) -> int:
    return len([sample async for sample in samples])


@pytest.fixture
async def server() -> AsyncIterator[RtspServer]:
    server = RtspServer(["/live"], "user", "word", fps=25)
    await server.start()
    yield server
    await server.stop()


async def test_packets_come_with_the_camera_s_own_time(server: RtspServer) -> None:
    clock = SystemClock()
    got = []
    async with aclosing(packets(f"rtsp://user:word@127.0.0.1:{server.port}/live", clock)) as samples:
        async for sample in samples:
            got.append(sample)
            if len(got) == 30:
                break
    assert got[0].key
    assert (got[0].track.codec, got[0].track.width, got[0].track.height) == ("h264", 640, 360)
    assert not all(sample.key for sample in got)
    steps = [later.at - sooner.at for sooner, later in itertools.pairwise(got)]
    # Of its first picture a camera may tell no time.
    assert steps[1:] == pytest.approx([0.04] * 28, abs=0.005)
    assert abs(got[-1].at - clock.monotonic()) < 5
    await server.idle()


async def test_its_end_is_told(server: RtspServer) -> None:
    server.faults.hang_up_after = 10
    with pytest.raises(Unreachable) as caught:
        await _all(packets(f"rtsp://user:word@127.0.0.1:{server.port}/live", SystemClock()))
    assert caught.value.reason == "stream_ended"


async def test_a_refusal_is_told(server: RtspServer) -> None:
    with pytest.raises(AuthError):
        await anext(packets(f"rtsp://user:wrong@127.0.0.1:{server.port}/live", SystemClock()))


async def test_a_reader_that_does_not_read_costs_no_memory(server: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets_module, "_MOST", 3)
    reading = packets(f"rtsp://user:word@127.0.0.1:{server.port}/live", SystemClock())
    await anext(reading)
    await server.idle()
    with pytest.raises(HubError):
        await _all(reading)


def test_parameter_sets_that_were_told_beforehand_go_into_key_pictures() -> None:
    sets = b"\x00\x00\x00\x01sets"
    assert _with_sets(b"picture", sets, key=True) == sets + b"picture"
    assert _with_sets(b"picture", sets, key=False) == b"picture"
    assert _with_sets(sets + b"picture", sets, key=True) == sets + b"picture"
    assert _with_sets(b"picture", b"\x01avcC", key=True) == b"picture"

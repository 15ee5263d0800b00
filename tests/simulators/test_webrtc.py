from typing import Final

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.sdp import SessionDescription
import pytest

from simulators.webrtc import Codec, CountingPicture, NoCommonCodecError, Sender, Senders, read_counter
from tests.webrtc_viewer import Viewer

HIDDEN: Final = "a=candidate:1 1 udp 2113937151 6f1a4d0e-0000-4000-8000-000000000000.local 50000 typ host\r\n"


@pytest.mark.parametrize("size", [(640, 360), (320, 240), (1280, 720)])
def test_every_picture_has_its_number(size: tuple[int, int]) -> None:
    picture = CountingPicture("Yard", width=size[0], height=size[1], fps=10)
    assert [read_counter(picture.pixels(number)) for number in (0, 1, 2, 999, 65535)] == [0, 1, 2, 999, 65535]


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_moving_picture_arrives(codec: Codec) -> None:
    sender, viewer = Sender(codec, label="Yard", fps=30, audio=True), Viewer(codec, "audio", "video")
    await viewer.take(await sender.answer(await viewer.offer()))
    await sender.connected.wait()
    numbers = await viewer.numbers(5)
    assert numbers == sorted(set(numbers))
    assert set(viewer.tracks) == {"audio", "video"}
    await sender.close()
    await viewer.peer.close()


async def test_an_answer_holds_all_candidates_and_one_codec() -> None:
    sender, viewer = Sender("VP8"), RTCPeerConnection(RTCConfiguration(iceServers=[]))
    viewer.addTransceiver("video", direction="recvonly")
    await viewer.setLocalDescription(await viewer.createOffer())
    media = SessionDescription.parse(await sender.answer(viewer.localDescription.sdp)).media[0]
    assert media.ice_candidates
    assert media.ice_candidates_complete
    assert {codec.mimeType for codec in media.rtp.codecs} == {"video/VP8", "video/rtx"}
    await sender.close()
    await sender.close()
    await viewer.close()


@pytest.mark.parametrize("offer", ["", "v=0", "v=0\r\nm=video\r\na=rtpmap:96 H264/90000\r\n"])
async def test_what_is_no_offer(offer: str) -> None:
    sender = Sender()
    with pytest.raises(ValueError, match="offer"):
        await sender.answer(offer)
    assert sender.ended.is_set()


async def test_no_codec_in_common() -> None:
    viewer, sender = Viewer("VP8"), Sender("H264")
    with pytest.raises(NoCommonCodecError):
        await sender.answer(await viewer.offer())
    await viewer.peer.close()


async def test_candidates_may_come_later() -> None:
    viewer, sender = Viewer(), Sender()
    await sender.add_candidate("candidate:1 1 udp 1 192.0.2.1 5000 typ host", "0", 0)
    whole = await viewer.offer()
    lines = whole.splitlines(keepends=True)
    bare = "".join(line for line in lines if "candidate" not in line)
    await viewer.take(await sender.answer(bare + HIDDEN))
    for line in lines:
        if line.startswith("a=candidate:"):
            await sender.add_candidate(line.strip().removeprefix("a="), "0", 0)
    await sender.add_candidate(HIDDEN.strip().removeprefix("a="), "0", 0)
    await sender.add_candidate("", "0", 0)
    await sender.connected.wait()
    await sender.close()
    await viewer.peer.close()


async def test_a_viewer_that_goes_is_let_go_of() -> None:
    senders, viewer, sender = Senders(), Viewer(), Sender()
    await viewer.take(await senders.answer(sender, await viewer.offer()))
    await sender.connected.wait()
    assert senders.count == 1
    await viewer.peer.close()
    await sender.ended.wait()
    await senders.idle()
    assert senders.count == 0


async def test_closing_hangs_up_on_everybody() -> None:
    senders, viewers = Senders(), [Viewer(), Viewer()]
    for viewer in viewers:
        await viewer.take(await senders.answer(Sender(), await viewer.offer()))
    await senders.close()
    assert senders.count == 0
    for viewer in viewers:
        await viewer.peer.close()


async def test_a_viewer_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.webrtc.CONNECT_S", 0.01)
    senders, sender = Senders(), Sender()
    async with Viewer() as viewer:
        await senders.answer(sender, await viewer.offer())
        await senders.idle()
    assert not sender.connected.is_set()

"""A camera's side of WebRTC: answers an offer and sends a moving picture with a counter in it."""

import asyncio
import contextlib
from fractions import Fraction
from typing import Any, Final, Literal, override

from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp
import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

type Codec = Literal["H264", "VP8"]
type Pixels = NDArray[np.uint8]

COUNTER_BITS: Final = 16
CONNECT_S: Final = 10.0
"""Seconds after which a viewer that never came is given up."""
_CLOCK_RATE: Final = 90000
_INK: Final = 235
_PAPER: Final = 20
# Browsers hide their addresses behind names that only multicast resolves; their own checks find us without.
_HIDDEN: Final = ".local "


class NoCommonCodecError(Exception):
    """The offer has no codec that this camera sends."""


def read_counter(picture: NDArray[Any]) -> int:
    """Return the counter in a picture of a `Sender`, of any size, as rows of grey or colour."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = grey.shape
    row = grey[height // 24]
    centres = [int((bit + 0.5) * width / COUNTER_BITS) for bit in range(COUNTER_BITS)]
    return sum(1 << bit for bit, at in enumerate(centres) if row[at] > (_INK + _PAPER) / 2)


class CountingPicture(VideoStreamTrack):
    """Pictures `fps` to the second: a label, a bar that sweeps, and the picture's number as a row of squares."""

    def __init__(self, label: str, *, width: int, height: int, fps: int) -> None:
        """Draw what stays the same."""
        super().__init__()
        self._fps = fps
        self._begun: float | None = None
        self.sent = 0
        still = Image.new("L", (width, height), 90)
        font = ImageFont.load_default(max(8, height // 10))
        ImageDraw.Draw(still).text((width // 20, height // 2), label, fill=_INK, font=font)
        self._still = np.asarray(still)

    def pixels(self, number: int) -> Pixels:
        """Return a picture by its number, in shades of grey."""
        picture = self._still.copy()
        height, width = picture.shape
        for bit in range(COUNTER_BITS):
            left, right = (round(edge * width / COUNTER_BITS) for edge in (bit, bit + 1))
            picture[: height // 12, left:right] = _INK if number >> bit & 1 else _PAPER
        x = number * width // (4 * self._fps) % width
        picture[height // 6 : height // 3, x : x + width // 10] = _INK
        return picture

    @override
    async def recv(self) -> av.VideoFrame:
        """Return the next picture when it is due; those that are late are left out."""
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time()
        self.sent = max(self.sent + 1, int((loop.time() - self._begun) * self._fps))
        await asyncio.sleep(self._begun + self.sent / self._fps - loop.time())
        grey = self.pixels(self.sent)
        frame = av.VideoFrame.from_ndarray(np.stack([grey, grey, grey], axis=2), format="rgb24")
        frame.pts, frame.time_base = self.sent * _CLOCK_RATE // self._fps, Fraction(1, _CLOCK_RATE)
        return frame


class Sender:
    """One viewer's picture; `connected` is set when media flows, `ended` when the viewer has gone or was left.

    No server of the internet is asked for addresses. With `audio` silence is sent beside the picture.
    """

    def __init__(
        self,
        codec: Codec = "H264",
        *,
        label: str = "",
        width: int = 640,
        height: int = 360,
        fps: int = 12,
        audio: bool = False,
    ) -> None:
        """Choose what to send; nothing is opened yet."""
        self.picture = CountingPicture(label, width=width, height=height, fps=fps)
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()
        self._codec = codec
        self._audio = audio
        self._peer: RTCPeerConnection | None = None
        self._patience: asyncio.TimerHandle | None = None

    async def answer(self, offer_sdp: str) -> str:
        """Return the answer with all of our addresses; raises NoCommonCodecError, ValueError for what is no offer."""
        peer = self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("connectionstatechange", self._watch)
        try:
            return await self._answered(peer, offer_sdp)
        except BaseException:
            # Also when whoever asks gives up: nothing may stay open.
            await self.close()
            raise

    async def _answered(self, peer: RTCPeerConnection, offer_sdp: str) -> str:
        described = RTCSessionDescription(sdp=_reachable(offer_sdp), type="offer")
        if f" {self._codec}/{_CLOCK_RATE}" not in offer_sdp:
            if "m=video" not in offer_sdp:
                raise ValueError("this is no offer of a picture")
            raise NoCommonCodecError(self._codec)
        peer.addTransceiver(self.picture, direction="sendonly").setCodecPreferences(_only(self._codec))
        if self._audio and "m=audio" in offer_sdp:
            peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        try:
            await peer.setRemoteDescription(described)
        except (AssertionError, AttributeError, IndexError, KeyError, InvalidStateError) as error:
            # Its parser takes a lot for granted.
            raise ValueError("this is no offer of a picture") from error
        await peer.setLocalDescription(await peer.createAnswer())
        self._patience = asyncio.get_running_loop().call_later(CONNECT_S, self.ended.set)
        return str(peer.localDescription.sdp)

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Take one of the viewer's addresses (`candidate:...`); an empty or a hidden one changes nothing."""
        if self._peer is None or not candidate or _HIDDEN in candidate:
            return
        parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = mid, line
        await self._peer.addIceCandidate(parsed)

    async def close(self) -> None:
        """Hang up; may be called twice."""
        peer, self._peer = self._peer, None
        self._be_patient()
        if peer is not None:
            await peer.close()
        self.ended.set()

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _watch(self) -> None:
        state = self._peer.connectionState if self._peer else "closed"
        if state == "connected":
            self._be_patient()
            self.connected.set()
        elif state in {"failed", "closed"}:
            self.ended.set()


class Senders:
    """All viewers of a simulator; those who go are let go of."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[Sender, asyncio.Task[None]] = {}

    @property
    def count(self) -> int:
        """Return how many are open, connected or about to be."""
        return len(self._open)

    async def answer(self, sender: Sender, offer_sdp: str) -> str:
        """Answer an offer and keep the sender until its viewer goes; raises as `Sender.answer`."""
        answer = await sender.answer(offer_sdp)
        self._open[sender] = asyncio.create_task(self._until_over(sender))
        return answer

    async def idle(self) -> None:
        """Return when nobody watches."""
        while self._open:
            await asyncio.wait(self._open.values())

    async def _until_over(self, sender: Sender) -> None:
        try:
            await sender.ended.wait()
        finally:
            self._open.pop(sender, None)
            await sender.close()

    async def close(self) -> None:
        """Hang up on everybody; may be called twice."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _reachable(sdp: str) -> str:
    """Return an offer without the addresses that only multicast resolves."""
    lines = sdp.splitlines(keepends=True)
    return "".join(line for line in lines if not (line.startswith("a=candidate:") and _HIDDEN in line))


def _only(codec: Codec) -> list[RTCRtpCodecCapability]:
    """Return the codec, and what resends lost packets of it."""
    known = RTCRtpSender.getCapabilities("video").codecs
    return [each for each in known if each.mimeType in {f"video/{codec}", "video/rtx"}]

"""Captures one JPEG from a live session in process: aiortc connects, FFmpeg decodes."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcicetransport import parse_stun_turn_uri
from aiortc.sdp import candidate_from_sdp
import av

from ..kernel.errors import Malformed, Unreachable
from ..kernel.policy import within
from ..kernel.provider import WebRtc
from .aiortc_answer import acceptable
from .loop_thread import LoopThread
from .picture import jpeg_unless_blank
from .session import HARD_STOP_S, NUDGE_S, IceServer, Sessions, Terms

_FAILED: Final = frozenset({"failed", "closed"})
_EAGER_S: Final = 0.2
# aiortc's parser does not validate its input and may raise any of these.
_UNREADABLE: Final = (
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


class AiortcEngine:
    """Captures pictures from live sessions, a few at the same time, each in a thread of its own."""

    def __init__(self, terms: Terms | None = None) -> None:
        """Start idle."""
        self._terms = terms or Terms()
        self._clock = self._terms.clock
        self._turns = asyncio.Semaphore(self._terms.concurrent)
        self._sessions = Sessions(self._clock)

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Return the first frame in which something can be seen, as JPEG; raises HubError."""
        return await within(self._clock, min(timeout, HARD_STOP_S), self._in_turn(live))

    async def close(self) -> None:
        """Wait until all sessions are closed; cancelling running captures is up to the caller."""
        await self._sessions.close()

    async def _in_turn(self, live: WebRtc) -> bytes:
        async with self._turns, LoopThread("camhub capture") as thread:
            peer = Peer(self._terms.ice_servers())
            thread.on_exit(peer.close)
            offer = await thread.run(peer.offer(live.data_channel))
            async with self._sessions.open(live, offer, lambda said: thread.call(peer.hear, said)) as answer:
                await thread.run(peer.accept(answer))
                await thread.run(peer.connected())
                return await self._picture(thread, peer)

    async def _picture(self, thread: LoopThread, peer: Peer) -> bytes:
        """Return a picture within the time limit, requesting key frames repeatedly."""
        nudging = asyncio.ensure_future(self._nudge(thread, peer))
        try:
            return await within(self._clock, self._terms.picture, thread.run(peer.picture()))
        except Unreachable as error:
            if peer.blank and error.reason == "timeout":
                raise Unreachable("nothing but black frames", reason="only_black_frames") from None
            raise
        finally:
            nudging.cancel()
            await asyncio.wait({nudging})

    async def _nudge(self, thread: LoopThread, peer: Peer) -> None:
        pause = _EAGER_S
        while True:
            await self._clock.sleep(pause)
            await thread.run(peer.nudge())
            pause = NUDGE_S


class Peer:
    """Our side of one connection; it belongs to the loop that awaits its methods."""

    def __init__(self, ice_servers: Sequence[IceServer]) -> None:
        """Open nothing yet."""
        self.blank = False
        self._servers = [
            RTCIceServer(urls=list(urls), username=server.username, credential=server.credential)
            for server in ice_servers
            if (urls := _readable(server.urls))
        ]
        self._offer = ""
        self._early: list[str] = []
        self._answered = False
        self._adding: list[asyncio.Future[None]] = []
        self._connection: RTCPeerConnection | None = None
        self._settled = asyncio.Event()

    @property
    def _peer(self) -> RTCPeerConnection:
        if self._connection is None:
            raise Unreachable("hung up", reason="webrtc_failed")
        return self._connection

    async def offer(self, data_channel: str | None) -> str:
        """Return an offer of audio, video and data, with all our ICE candidates."""
        peer = self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=self._servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        peer.on("connectionstatechange", self._changed)
        for kind in ("audio", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        if data_channel is not None:
            peer.createDataChannel(data_channel)
        await peer.setLocalDescription(await peer.createOffer())
        self._offer = peer.localDescription.sdp
        return self._offer

    async def accept(self, answer: str) -> None:
        """Take the answer; raises Malformed."""
        try:
            described = RTCSessionDescription(acceptable(self._offer, answer), "answer")
            await self._peer.setRemoteDescription(described)
        except _UNREADABLE as error:
            raise Malformed(f"an answer that cannot be read: {type(error).__name__}") from None
        self._answered = True
        while self._early:
            self.hear(self._early.pop(0))

    def hear(self, candidate: str) -> None:
        """Add a candidate of the other side; invalid ones are ignored."""
        if not self._answered:
            self._early.append(candidate)
            return
        with suppress(AssertionError, ValueError):
            parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
            parsed.sdpMLineIndex = 0
            self._adding.append(asyncio.ensure_future(self._peer.addIceCandidate(parsed)))

    async def connected(self) -> None:
        """Return when media can flow; raises Unreachable."""
        await self._settled.wait()
        if self._peer.connectionState in _FAILED:
            raise Unreachable("no connection", reason="webrtc_failed")

    async def picture(self) -> bytes:
        """Return the first frame that is not blank as JPEG; raises Unreachable, Malformed."""
        if (track := self._video().track) is None:
            raise Malformed("an answer without video", reason="not_a_camera")
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                raise Unreachable("the stream ended before a picture", reason="no_frames") from None
            if isinstance(frame, av.VideoFrame) and (content := jpeg_unless_blank(frame)):
                # Stop decoding: later frames are not needed.
                await self.close()
                return content
            self.blank = True

    async def nudge(self) -> None:
        """Request a key frame (PLI, RFC 4585 section 6.3.1)."""
        receiver = self._video()
        for source in receiver.getSynchronizationSources():
            # aiortc requests one only after packet loss, and has no public method for it.
            await receiver._send_rtcp_pli(source.source)  # noqa: SLF001  # see above

    async def close(self) -> None:
        """Hang up; may be called twice."""
        peer, self._connection = self._connection, None
        if peer is not None:
            await peer.close()

    def _changed(self) -> None:
        if self._connection is None or self._connection.connectionState in {*_FAILED, "connected"}:
            self._settled.set()

    def _video(self) -> RTCRtpReceiver:
        return next(each for each in self._peer.getTransceivers() if _is_video(each)).receiver


def _is_video(transceiver: RTCRtpTransceiver) -> bool:
    return bool(transceiver.kind == "video")


def _readable(urls: Sequence[str]) -> list[str]:
    """Return the server URLs that aiortc can parse; it fails to start with any other."""
    readable = []
    for url in urls:
        with suppress(ValueError):
            parse_stun_turn_uri(url)
            readable.append(url)
    return readable

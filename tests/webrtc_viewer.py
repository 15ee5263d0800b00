"""A viewer of WebRTC, as a browser is one."""

from typing import Any, Self

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
import av

from simulators.webrtc import Codec, read_counter


class Viewer:
    """Wants to see, and hear if asked to; `tracks` come by kind."""

    def __init__(self, codec: Codec = "H264", *kinds: str) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, Any] = {}
        self.peer.on("track", lambda track: self.tracks.update({track.kind: track}))
        for kind in kinds or ("video",):
            wanted = self.peer.addTransceiver(kind, direction="recvonly")
            if kind == "video":
                known = RTCRtpSender.getCapabilities("video").codecs
                wanted.setCodecPreferences([each for each in known if each.mimeType == f"video/{codec}"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.peer.close()

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

    async def numbers(self, count: int) -> list[int]:
        seen: list[int] = []
        while len(seen) < count:
            frame = await self.tracks["video"].recv()
            assert isinstance(frame, av.VideoFrame)
            seen.append(read_counter(frame.to_ndarray(format="gray8")))
        return seen

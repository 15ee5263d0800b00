"""Live sessions: RTSP addresses whose tokens end, and WebRTC answers with the defects of the real ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import re
import secrets
from typing import Any, Final

from simulators.rtsp import RtspServer
from simulators.webrtc import NoCommonCodecError, Sender, Senders

from .devices import RTSP, WEB_RTC, Device
from .faults import Faults
from .replies import ApiError

LIFE: Final = timedelta(minutes=5)
_ORDER: Final = ("audio", "video", "application")
_OFFER: Final = "Invalid offer SDP: "


@dataclass(kw_only=True)
class Session:
    """One live session; `token` is what extends and stops it, `paths` are its RTSP addresses until now."""

    device: Device
    token: str
    expires: datetime
    address: str = ""
    paths: list[str] = field(default_factory=list)
    sender: Sender | None = None


class Streams:
    """All live sessions; `expire` ends those whose time has come. `life` is how long a session lasts."""

    def __init__(self, faults: Faults, now: Callable[[], datetime]) -> None:
        """Begin with none."""
        self.rtsp = RtspServer({}, seconds=2, width=320, height=180)
        self.senders = Senders()
        self.sessions: dict[str, Session] = {}
        self.life = LIFE
        self.defects = True
        self._faults = faults
        self._now = now

    def expire(self) -> None:
        """End the sessions whose time has come, and cut off whoever still watches them."""
        for token in [token for token, each in self.sessions.items() if each.expires <= self._now()]:
            self._end(self.sessions.pop(token))

    async def close(self) -> None:
        """End all sessions."""
        await self.rtsp.stop()
        await self.senders.close()

    async def command(self, device: Device, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a command of the trait; raises ApiError."""
        self.expire()
        if ("Rtsp" in name and RTSP not in device.speaks) or ("WebRtc" in name and WEB_RTC not in device.speaks):
            raise ApiError("INVALID_ARGUMENT", "Command not supported.")
        match name:
            case "GenerateRtspStream":
                return self._rtsp(device)
            case "GenerateWebRtcStream":
                return await self._webrtc(device, str(params.get("offerSdp", "")))
            case "ExtendRtspStream" | "StopRtspStream":
                session = self._session(device, params.get("streamExtensionToken"))
            case _:
                session = self._session(device, params.get("mediaSessionId"))
        if name.startswith("Stop"):
            self._end(self.sessions.pop(session.token))
            return {}
        return self._extended(session)

    def _session(self, device: Device, token: object) -> Session:
        session = self.sessions.get(str(token))
        if session is None or session.device is not device:
            raise ApiError("FAILED_PRECONDITION", "WebRtc error caused by invalid session or user id mismatch.")
        return session

    def _rtsp(self, device: Device) -> dict[str, Any]:
        token = secrets.token_urlsafe(12)
        address = f"/sdm_live_stream/{secrets.token_urlsafe(9)}"
        session = Session(device=device, token=token, expires=self._now() + self.life, address=address)
        self.sessions[token] = session
        stream = self._admit(session)
        urls = {"rtspUrl": f"rtsps://127.0.0.1:{self.rtsp.port}{address}?auth={stream}"}
        return {"streamUrls": urls, **self._told(session, stream)}

    def _extended(self, session: Session) -> dict[str, Any]:
        if not session.device.extends:
            raise ApiError("FAILED_PRECONDITION", "Command is not supported for doorbell.")
        session.expires = self._now() + self.life
        if session.sender is not None:
            return {"expiresAt": _stamp(session.expires), "mediaSessionId": session.token}
        del self.sessions[session.token]
        session.token = secrets.token_urlsafe(12)
        self.sessions[session.token] = session
        return self._told(session, self._admit(session))

    def _admit(self, session: Session) -> str:
        """Return a new stream token; a camera that is off has an address like any other, with nothing behind it."""
        token = f"g.0.{secrets.token_urlsafe(12)}"
        path = f"{session.address}?auth={token}"
        session.paths.append(path)
        if session.device.id not in self._faults.offline:
            self.rtsp.paths[path] = session.device.room
        return token

    def _told(self, session: Session, stream: str) -> dict[str, Any]:
        return {
            "streamExtensionToken": session.token,
            "streamToken": stream,
            "expiresAt": _stamp(session.expires),
        }

    async def _webrtc(self, device: Device, offer: str) -> dict[str, Any]:
        _check(offer)
        if device.id in self._faults.offline:
            raise ApiError("FAILED_PRECONDITION", "The camera is not available for streaming.")
        sender = Sender("VP8" if device.codec == "VP8" else "H264", label=device.room, audio=True)
        try:
            answer = await self.senders.answer(sender, offer)
        except (NoCommonCodecError, ValueError) as error:
            raise ApiError("INVALID_ARGUMENT", f"{_OFFER}{error}") from error
        session = Session(
            device=device, token=secrets.token_urlsafe(12), expires=self._now() + self.life, sender=sender
        )
        self.sessions[session.token] = session
        return {
            "answerSdp": _defective(answer) if self.defects else answer,
            "expiresAt": _stamp(session.expires),
            "mediaSessionId": session.token,
        }

    def _end(self, session: Session) -> None:
        for path in session.paths:
            self.rtsp.paths.pop(path, None)
            self.rtsp.drop(path)
        if session.sender is not None:
            session.sender.ended.set()


def _check(offer: str) -> None:
    """Raise ApiError for an offer that the real service refuses (protocols.md 2.4)."""
    media = re.findall(r"^m=(\w+)", offer, re.MULTILINE)
    if tuple(media) != _ORDER:
        wanted = "Offer must contain each of audio, video and application m lines in that order."
        raise ApiError("INVALID_ARGUMENT", f"{_OFFER}{wanted}")
    if not offer.endswith("\r\n"):
        raise ApiError("INVALID_ARGUMENT", f"{_OFFER}failed to parse.")
    candidates = re.findall(r"^a=candidate:(.*?)\r$", offer, re.MULTILINE)
    if not candidates or not all(candidates):
        raise ApiError("INTERNAL", "Internal error encountered.")


def _defective(answer: str) -> str:
    """Return an answer as the real service writes it: candidates without foundation, `sendrecv` to `recvonly`."""
    nameless = re.sub(r"a=candidate:\S+ ", "a=candidate: ", answer)
    return nameless.replace("a=sendonly", "a=sendrecv").rstrip("\r\n") + "\r\n"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

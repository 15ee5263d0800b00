"""A frame grabber composed of one for RTSP and one for live sessions."""

from collections.abc import Awaitable
from typing import Protocol

from ..kernel.errors import Unsupported
from ..kernel.provider import WebRtc


class AddressGrabber(Protocol):
    """Takes one JPEG from an RTSP address."""

    def grab(self, address: str, timeout: float) -> Awaitable[bytes]:
        """Return it within `timeout` seconds; raises AuthError, Unreachable, Malformed."""
        ...


class LiveGrabber(Protocol):
    """Takes one JPEG from a live session."""

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Open a session of its own, return its first real picture as JPEG, give the session back; raises HubError."""
        ...


class Frames:
    """Delegates to the right grabber; without one for live sessions these are Unsupported."""

    def __init__(self, rtsp: AddressGrabber, live: LiveGrabber | None = None) -> None:
        """Take both grabbers."""
        self._rtsp = rtsp
        self._live = live

    async def grab(self, address: str, timeout: float) -> bytes:
        """Return one JPEG from an RTSP address within `timeout` seconds; raises AuthError, Unreachable, Malformed."""
        return await self._rtsp.grab(address, timeout)

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Return the first real picture of a live session; raises HubError."""
        if self._live is None:
            raise Unsupported("no pictures out of live sessions", reason="capture_off")
        return await self._live.grab_live(live, timeout)

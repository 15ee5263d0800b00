"""A live view through the camera's entity, with the interface of kernel/live.py."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from homeassistant.components.camera import (
    Camera as CameraEntity,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCError,
    WebRTCMessage,
)
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util.ulid import ulid_now

from .kernel.errors import Unreachable, Unsupported


class Talk(Protocol):
    """Answers one offer."""

    async def start(self) -> str:
        """Return the answer; raises HubError."""
        ...

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Pass on one of the viewer's candidates; raises HubError."""
        ...

    async def close(self) -> None:
        """End it; may be called twice."""
        ...


class EntityTalk:
    """An entity that answers, as Home Assistant's go2rtc does for a camera with a stream.

    The text of its errors comes from another program and may contain the camera's address, so it is dropped.
    """

    def __init__(self, entity: CameraEntity, offer: str, tell: Callable[[str], None]) -> None:
        """Request nothing yet; `tell` takes the camera's candidates."""
        self._entity = entity
        self._offer = offer
        self._tell = tell
        self._session_id = ulid_now()
        self._answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        """Return the answer; raises Unreachable, Unsupported."""
        try:
            await self._entity.async_handle_async_webrtc_offer(self._offer, self._session_id, self._take)
            answer = await self._answered
        except ServiceValidationError:
            raise Unsupported from None
        except HomeAssistantError:
            raise Unreachable(reason="webrtc_failed") from None
        if answer is None:
            raise Unreachable(reason="webrtc_failed")
        return answer

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Pass on one of the viewer's candidates; raises Unreachable."""
        given = RTCIceCandidateInit(candidate, sdp_mid=mid, sdp_m_line_index=line)
        try:
            await self._entity.async_on_webrtc_candidate(self._session_id, given)
        except HomeAssistantError:
            raise Unreachable(reason="webrtc_failed") from None

    async def close(self) -> None:
        """End it; may be called twice."""
        self._entity.close_webrtc_session(self._session_id)

    def _take(self, message: WebRTCMessage) -> None:
        match message:
            case WebRTCCandidate():
                self._tell(message.candidate.candidate)
            case WebRTCAnswer() if not self._answered.done():
                self._answered.set_result(message.answer)
            case WebRTCError() if not self._answered.done():
                self._answered.set_result(None)

"""Live views over the signalling websocket (protocols.md 4.7).

Spoken here and not by the library: on a `close` of the service that loses the reason and waits for itself.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, override
import uuid

import aiohttp
from ring_doorbell.const import APP_API_URI, RTC_STREAMING_TICKET_ENDPOINT, RTC_STREAMING_WEB_SOCKET_ENDPOINT

from ...kernel import sdp
from ...kernel.about import AGENT
from ...kernel.errors import HubError, Malformed, Unreachable, Unsupported
from ...kernel.lease import Lease
from ...kernel.model import JsonValue
from ...kernel.policy import within
from ...kernel.provider import EndingSession, WebRtc, WebRtcSession
from ...kernel.reading import Object, child, from_json, number, text
from .client import Client
from .parse import Unit
from .reading import identifier
from .stills import CameraHandle
from .wire import ANSWER_S, translated

PING_S: Final = 5.0
CAMERA_S: Final = 20.0
_FAREWELL: Final = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=2.0)
_NO_CODEC: Final = "negotiate codecs failed"
_REFUSED: Final = 5


class RingWebRtc(WebRtc):
    """Live views of one camera."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        """Answer an offer; the view is kept alive until the lease is given back; raises HubError."""
        handle = self._handle
        handle.check()
        if handle.unit.live_off:
            raise Unsupported("switched off by the mode", reason="live_view_off")
        view = LiveSession(handle.client, handle.unit, send)
        try:
            await view.start(offer)
        except BaseException:  # whatever ended it, nobody will close it later
            await view.close()
            raise
        return Lease(value=view, release=view.close)


class LiveSession(EndingSession):
    """One conversation about one camera."""

    def __init__(self, client: Client, unit: Unit, send: Callable[[str], None]) -> None:
        """Open nothing yet."""
        self.answer = ""
        self._client = client
        self._unit = unit
        self._send = send
        self._dialog = str(uuid.uuid4())
        self._id: str | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._early: list[tuple[int, str]] = []
        self._answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[HubError] = asyncio.get_running_loop().create_future()

    async def start(self, offer: str) -> None:
        """Send the offer and wait for the answer; raises HubError."""
        socket = self._socket = await within(self._client.clock, ANSWER_S, self._dial())
        self._tasks.append(asyncio.create_task(self._read(socket)))
        options: Mapping[str, JsonValue] = {"audio_enabled": True, "video_enabled": True}
        await self._say("live_view", stream_options=options, sdp=offer, type="offer")
        answer = await within(self._client.clock, CAMERA_S, asyncio.shield(self._answered))
        self.answer = with_candidates(answer, self._early)
        self._tasks.append(asyncio.create_task(self._ping()))

    @override
    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Hand on a viewer's candidate; the empty one at the end of them is not wanted."""
        if candidate:
            await self._say("ice", ice=candidate.removeprefix("a="), mlineindex=line or 0)

    @override
    async def until_over(self) -> HubError:
        """Return why the service ended the view, once it has."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """End the view; leaves no task and may be called twice."""
        socket, self._socket = self._socket, None
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._answered.cancel() and not self._answered.cancelled():
            # Read, so that nobody is told of an error that came too late to matter.
            self._answered.exception()
        if socket is not None:
            with suppress(aiohttp.ClientError, OSError):
                # Its reason stands beside the body, unlike in what the service sends.
                await socket.send_json({**self._message("close", {}), "reason": {"code": 0, "text": ""}})
            await socket.close()

    async def _dial(self) -> aiohttp.ClientWebSocketResponse:
        client = self._client
        await client.meet()
        told = await client.request("POST", APP_API_URI + RTC_STREAMING_TICKET_ENDPOINT)
        ticket = text(child(told.said).get("ticket"))
        if ticket is None:
            raise Malformed("no ticket")
        url = RTC_STREAMING_WEB_SOCKET_ENDPOINT.format(uuid.uuid4(), ticket)
        try:
            return await client.session.ws_connect(url, headers={"User-Agent": AGENT}, timeout=_FAREWELL)
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from None

    def _message(self, method: str, body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        own: dict[str, JsonValue] = {"doorbot_id": self._unit.number}
        if self._id is not None:
            own["session_id"] = self._id
        return {"method": method, "dialog_id": self._dialog, "body": {**own, **body}}

    async def _say(self, method: str, **body: JsonValue) -> None:
        if self._socket is None:
            raise Unreachable("the view has ended", reason="session_over")
        try:
            await self._socket.send_json(self._message(method, body))
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from None

    async def _ping(self) -> None:
        # Where it cannot be sent the view has ended, which is heard elsewhere.
        with suppress(HubError):
            while True:
                await self._client.clock.sleep(PING_S)
                await self._say("ping")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        error: HubError = Unreachable("hung up without a reason", reason="live_view_refused")
        try:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    with suppress(Malformed):
                        await self._hear(child(from_json(frame.data)))
        except HubError as told:
            error = told
        self._over(error)

    def _over(self, error: HubError) -> None:
        """Note the end that the service made."""
        self._client.context.counters.count(f"live.ended.{error.reason}")
        self._ended.set_result(error)
        if not self._answered.done():
            self._answered.set_exception(error)

    async def _hear(self, message: Object) -> None:
        body = child(message.get("body"))
        self._id = text(body.get("session_id")) or self._id
        match message.get("method"):
            case "sdp" if (answer := text(body.get("sdp"))) is not None and not self._answered.done():
                self._answered.set_result(answer)
                await self._say("activate_session")
            case "ice" if (candidate := text(body.get("ice"))) is not None:
                self._take(candidate, identifier(body.get("mlineindex")) or 0)
            case "notification" if body.get("text") == "camera_connected":
                await self._say("camera_options", stealth_mode=False)
            case "notification" if body.get("is_ok") is False:
                raise ended(body)
            case "close":
                raise ended(child(body, "reason"))

    def _take(self, candidate: str, line: int) -> None:
        """Hand on one of the camera's candidates; those before the answer go into it."""
        if self._answered.done():
            self._send(candidate)
        else:
            self._early.append((line, candidate))


def ended(reason: Object) -> HubError:
    """Return why the service ended a view (protocols.md 4.7)."""
    code, words = number(reason.get("code")), text(reason.get("text")) or ""
    if _NO_CODEC in words:
        return Unsupported("no codec in common", reason="codecs_not_matched")
    if code == _REFUSED:
        return Unreachable("refused", reason="live_view_refused")
    return Unreachable(f"closed with code {code}", reason="session_over")


def with_candidates(answer: str, early: list[tuple[int, str]]) -> str:
    """Return an answer that holds the candidates told before it, each in its medium and once."""
    parts = sdp.sections(answer)
    for line, candidate in early:
        told = f"a={candidate.removeprefix('a=')}"
        if line + 1 < len(parts) and told not in parts[line + 1]:
            parts[line + 1] = [*parts[line + 1], told]
    return sdp.joined(parts)

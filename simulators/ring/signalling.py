"""Live views: a websocket on which offers are answered with a real moving picture."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import json
import secrets
from typing import Any, Final

from aiohttp import WSMsgType, web

from simulators.webrtc import Codec, NoCommonCodecError, Sender

from .faults import Faults
from .home import Home

ACTIVATE_WITHIN_S: Final = 70.0
PING_WITHIN_S: Final = 15.0

type Sleep = Callable[[float], Awaitable[None]]


class _View:
    """One conversation about one camera."""

    def __init__(self, socket: web.WebSocketResponse, dialog: str, device: Mapping[str, Any], codec: Codec) -> None:
        self.socket = socket
        self.dialog = dialog
        self.device = device
        self.session = secrets.token_urlsafe(12)
        self.sender = Sender(codec, label=device["description"], width=320, height=180, fps=10)
        self.activated = False
        self.pinged = False

    async def say(self, method: str, **body: Any) -> None:
        told = {"doorbot_id": self.device["id"], "session_id": self.session, **body}
        await self.socket.send_json({"method": method, "dialog_id": self.dialog, "body": told})


class Signalling:
    """Tickets and the conversations that they open; `said` are the methods clients sent, `codec` what cameras send.

    As the service does, it answers `recvonly` with `sendrecv`, tells an address before the answer, and ends a view that
    is not activated or not pinged; `closed` holds the reasons clients gave. `greetings` are sent first.
    """

    def __init__(self, home: Home, faults: Faults, notify: Callable[[], None], sleep: Sleep) -> None:
        """Begin with no tickets."""
        self._home = home
        self._faults = faults
        self._notify = notify
        self._sleep = sleep
        self._tickets: set[str] = set()
        self._views: list[_View] = []
        self.codec: Codec = "H264"
        self.said: list[str] = []
        self.candidates: list[str] = []
        self.closed: list[dict[str, Any]] = []
        self.connected = 0
        self.greetings: list[str | bytes] = []
        self.answers_twice = False

    @property
    def views(self) -> int:
        """Return how many live views there are."""
        return len(self._views)

    def ticket(self) -> str:
        """Return a ticket, good for one conversation."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def end(self, code: int, text: str) -> None:
        """End every live view for a reason."""
        for view in tuple(self._views):
            await view.say("close", reason={"code": code, "text": text})
            await view.socket.close()

    async def stop(self) -> None:
        """Hang up on everybody."""
        for view in tuple(self._views):
            await view.socket.close()
            await view.sender.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Talk to one client until it or the service hangs up."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        ticket = request.query.get("token", "")
        if ticket not in self._tickets or not request.headers.get("User-Agent"):
            await socket.close()
            return socket
        self._tickets.remove(ticket)
        self.connected += 1
        view: _View | None = None
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    view = await self._hear(json.loads(message.data), view, socket, tasks)
        finally:
            for task in tasks:
                task.cancel()
            if view is not None:
                self._views.remove(view)
                await view.sender.close()
            self._notify()
        return socket

    async def _hear(
        self,
        told: dict[str, Any],
        view: _View | None,
        socket: web.WebSocketResponse,
        tasks: set[asyncio.Task[None]],
    ) -> _View | None:
        method, body = told["method"], told.get("body", {})
        self.said.append(method)
        if method == "live_view" and (device := self._home.find(body["doorbot_id"])):
            view = _View(socket, told["dialog_id"], device, self.codec)
            self._views.append(view)
            tasks.add(asyncio.create_task(self._limit(view)))
            await self._answer(view, body["sdp"])
        elif view is not None:
            await self._go_on(view, method, body, told)
        self._notify()
        return view

    async def _answer(self, view: _View, offer: str) -> None:
        for greeting in self.greetings:
            if isinstance(greeting, bytes):
                await view.socket.send_bytes(greeting)
            else:
                await view.socket.send_str(greeting)
        await view.say("session_created")
        await view.say("session_started")
        if self._faults.live_close is not None:
            code, text = self._faults.live_close
            await view.say("close", reason={"code": code, "text": text})
            await view.socket.close()
            return
        if self._faults.live_mute:
            return
        try:
            answer = await view.sender.answer(offer)
        except NoCommonCodecError, ValueError:
            await view.say("notification", is_ok=False, text="negotiate codecs failed")
            await view.say("close", reason={"code": 0, "text": "negotiate codecs failed"})
            await view.socket.close()
            return
        addresses = [line.removeprefix("a=") for line in answer.splitlines() if line.startswith("a=candidate:")]
        if self._faults.late_ice:
            answer = "".join(
                line for line in answer.splitlines(keepends=True) if not line.startswith(("a=candidate:", "a=end-of"))
            )
        else:
            await view.say("ice", ice=addresses[0], mlineindex=0)
        for _ in range(2 if self.answers_twice else 1):
            await view.say("sdp", sdp=answer.replace("a=sendonly", "a=sendrecv"), type="answer")
        for address in addresses if self._faults.late_ice else ():
            await view.say("ice", ice=address, mlineindex=0)
        await view.say("notification", is_ok=True, text="camera_connected")
        await view.say("camera_started")
        await view.say("stream_info", transcoding=False, transcoding_reason="")

    async def _go_on(self, view: _View, method: str, body: dict[str, Any], told: dict[str, Any]) -> None:
        if method == "ice":
            self.candidates.append(body["ice"])
            await view.sender.add_candidate(body["ice"], None, body["mlineindex"])
        elif method == "activate_session":
            view.activated = view.pinged = body.get("session_id") == view.session
        elif method == "ping":
            view.pinged = True
            await view.say("pong")
        elif method == "close":
            self.closed.append(told.get("reason") or body.get("reason") or {})
            await view.socket.close()

    async def _limit(self, view: _View) -> None:
        """End a view that nobody keeps alive."""
        await self._sleep(ACTIVATE_WITHIN_S)
        while view.activated and view.pinged:
            view.pinged = False
            await self._sleep(PING_WITHIN_S)
        await view.say("close", reason={"code": 6, "text": "Timeout waiting for ping"})
        await view.socket.close()

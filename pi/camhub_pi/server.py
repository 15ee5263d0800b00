"""The camera over HTTP: stream, snapshot, health."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
import logging
import time
from typing import TYPE_CHECKING

from . import health
from .access import REALM, Access
from .capture import BOUNDARY, Capture
from .listener import RETRY_S, STALLED_S, Listener
from .request import ALLOWED, HEAD_LIMIT, Request, Response, document, head_of, text
from .viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend import Backend
    from .capture import Frame
    from .settings import Settings

LOG = logging.getLogger(__name__)
STREAM_HEADERS = {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}
SWEEP_S = 1.0
# Snapshots and health pages beside the streams.
MORE_CONNECTIONS = 32


class CameraServer:
    """Serves one camera to many: one capture, one encode, however many look."""

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Take settings and a backend, inside the running loop; `clock` and `pause` are time's, for tests."""
        self._settings = settings
        self._clock = clock
        self._access = Access(settings.token)
        self.capture = Capture(backend, self._on_frame, clock=clock, pause=pause)
        self.viewers: set[Viewer] = set()
        self._loop = asyncio.get_running_loop()
        self._listener = Listener(self._respond, settings.max_clients + MORE_CONNECTIONS)
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Listen, start the camera and return the port; raises OSError when the port is taken."""
        port = await self._listener.start(self._settings.host, self._settings.port)
        self.capture.start()
        self._sweep_again()
        return port

    async def stop(self) -> None:
        """Stop the camera and close every connection."""
        if self._sweeper is None:
            return
        self._sweeper.cancel()
        await self._listener.stop()
        if not await self._loop.run_in_executor(None, self.capture.stop):
            LOG.warning("The camera does not stop; leaving it")

    def sweep(self) -> None:
        """Close clients that take nothing any more, and all of them when the camera gives nothing."""
        stale = health.status(self.capture, self._settings) != "ok"
        now = self._clock()
        for viewer in tuple(self.viewers):
            if stale or viewer.stalled_for(now) > STALLED_S:
                viewer.drop()

    def _sweep_again(self) -> None:
        self.sweep()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep_again)

    def _on_frame(self, frame: Frame) -> None:
        # The loop is closed when the capture thread could not be stopped in time.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._fan_out, frame)

    def _fan_out(self, frame: Frame) -> None:
        # A loop that was busy sends the newest of the frames it missed.
        if frame is self.capture.frame:
            now = self._clock()
            for viewer in self.viewers:
                viewer.offer(frame, now)

    async def _respond(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow."""
        response = self._answer(request)
        LOG.debug("%s %s: %s", request.method, request.path, HTTPStatus.OK if response is None else response.status)
        if response is None:
            await self._stream(reader, writer, head_only=request.method == "HEAD")
            return False
        writer.write(response.encoded(keep_alive=request.keep_alive, head_only=request.method == "HEAD"))
        await writer.drain()
        return request.keep_alive

    def _answer(self, request: Request) -> Response | None:
        """Return the answer, None when it is the stream."""
        if request.method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, headers={"Allow": ALLOWED})
        if request.method not in {"GET", "HEAD"}:
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "only looking is possible", {"Allow": ALLOWED})
        if request.path == "/":
            return text(HTTPStatus.FOUND, "/stream.mjpg", {"Location": "/stream.mjpg"})
        allowed = self._access.allows(request.headers.get("authorization"))
        if request.path == "/health":
            return self._health(full=allowed)
        if not allowed:
            return text(HTTPStatus.UNAUTHORIZED, "the token is needed, as password of any user or as Bearer", REALM)
        if request.path == "/snapshot.jpg":
            return self._snapshot()
        if request.path == "/stream.mjpg":
            return self._refusal()
        return text(HTTPStatus.NOT_FOUND, "there are /stream.mjpg, /snapshot.jpg and /health")

    def _health(self, *, full: bool) -> Response:
        code, content = health.report(self.capture, self._settings, len(self.viewers))
        return document(code, content if full else {"status": content["status"]})

    def _snapshot(self) -> Response:
        frame = self.capture.frame
        if frame is None or health.status(self.capture, self._settings) != "ok":
            return self._dark()
        headers = {"Content-Type": "image/jpeg", "X-Timestamp": f"{frame.taken_at:.3f}"}
        return Response(HTTPStatus.OK, frame.jpeg, headers)

    def _refusal(self) -> Response | None:
        """Return why there is no stream now, None when there is."""
        if health.status(self.capture, self._settings) != "ok":
            return self._dark()
        if len(self.viewers) >= self._settings.max_clients:
            return _busy("too many are watching")
        return None

    def _dark(self) -> Response:
        _, content = health.report(self.capture, self._settings, len(self.viewers))
        return text(HTTPStatus.SERVICE_UNAVAILABLE, f"no picture: {content['reason']}", RETRY_S)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, head_only: bool) -> None:
        """Send frames until the client goes."""
        writer.write(head_of(HTTPStatus.OK, STREAM_HEADERS, keep_alive=False))
        if head_only:
            await writer.drain()
            return
        writer.write(f"--{BOUNDARY}\r\n".encode())
        viewer = Viewer(writer.transport, self._clock())
        self.viewers.add(viewer)
        try:
            # A client that joins sees the newest picture at once, not with the next one.
            viewer.offer(self.capture.frame, self._clock())
            while await reader.read(HEAD_LIMIT):
                pass
        finally:
            self.viewers.discard(viewer)
            viewer.drop()


def _busy(why: str) -> Response:
    return text(HTTPStatus.SERVICE_UNAVAILABLE, why, RETRY_S)

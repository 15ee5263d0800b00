"""The camera over HTTP: stream, snapshot, health."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
import logging
import socket
import time
from typing import TYPE_CHECKING

from . import health
from .access import Access
from .capture import BOUNDARY, Capture
from .request import ALLOWED, HEAD_LIMIT, BadRequest, Request, Response, document, head_of, read_request, text
from .viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend import Backend
    from .capture import Frame
    from .settings import Settings

LOG = logging.getLogger(__name__)
STREAM_HEADERS = {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}
REALM = {"WWW-Authenticate": 'Basic realm="camhub-pi", charset="UTF-8"'}
RETRY_S = {"Retry-After": "5"}
REQUEST_S = 15.0
STALLED_S = 30.0
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
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Listen, start the camera and return the port; raises OSError when the port is taken."""
        self._server = await asyncio.start_server(
            self._accept, self._settings.host, self._settings.port, limit=HEAD_LIMIT
        )
        self.capture.start()
        self._sweep_again()
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop the camera and close every connection."""
        if self._server is None or self._sweeper is None:
            return
        self._sweeper.cancel()
        self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        if not await self._loop.run_in_executor(None, self.capture.stop):
            LOG.warning("The camera does not stop; leaving it")
        await self._server.wait_closed()

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

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever vanished, or takes nothing, is not kept for longer than this.
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))
        try:
            if len(self._connections) > self._settings.max_clients + MORE_CONNECTIONS:
                writer.write(_busy("too many connections").encoded(keep_alive=False))
                await writer.drain()
                return
            while await self._exchange(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.CancelledError):
            # The client went, is idle, or the server stops: nothing is left to say.
            writer.transport.abort()
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow."""
        try:
            request = await read_request(reader, REQUEST_S)
        except BadRequest as error:
            writer.write(text(error.status, error.status.phrase).encoded(keep_alive=False))
            await writer.drain()
            return False
        if request is None:
            return False
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

"""An RTSP 1.0 server (RFC 2326): a moving H.264 picture over TCP, to any number of viewers."""

import asyncio
import base64
from collections.abc import Iterable, Mapping
import contextlib
from dataclasses import dataclass
import secrets
import ssl as tls
import time
from urllib.parse import unquote, urlsplit

from .access import Access, Scheme
from .clip import Clip, encode
from .packets import CLOCK_RATE, PAYLOAD_TYPE, Packetizer, payloads

_TEXTS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_SECONDS_BETWEEN_REPORTS = 5


@dataclass(kw_only=True, slots=True)
class Faults:
    """What goes wrong on purpose: no answer at all, no packets after PLAY, an error status, rubbish as video."""

    mute: bool = False
    silent: bool = False
    status: int | None = None
    rubbish: bool = False
    hang_up_after: int | None = None


@dataclass(kw_only=True, slots=True)
class Request:
    """One request line with its headers (keys in small letters)."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """Return path and query of the target, without the track."""
        parts = urlsplit(self.target)
        whole = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return unquote(whole).removesuffix("/trackID=1").rstrip("/") or "/"


class RtspServer:
    """Streams by path: `RtspServer(["/live"])`, or `{"/live": "label in the picture"}`; with a user also a login.

    `described` counts DESCRIBE by path, `connections` all that came, `viewers` who play now; `faults` may be changed
    at any time.
    """

    def __init__(
        self,
        paths: Mapping[str, str] | Iterable[str],
        user: str = "",
        password: str = "",
        *,
        schemes: tuple[Scheme, ...] = ("digest",),
        fps: int = 12,
        seconds: int = 4,
        width: int = 640,
        height: int = 360,
    ) -> None:
        """Remember what to serve; nothing is encoded or opened yet."""
        self.paths = dict(paths) if isinstance(paths, Mapping) else {path: path for path in paths}
        self.access = Access(user, password, schemes)
        self.faults = Faults()
        self.described: dict[str, int] = {}
        self.viewers = 0
        self.port = 0
        self.connections = 0
        self.connected = asyncio.Event()
        self.played = asyncio.Event()
        self._size = {"fps": fps, "seconds": seconds, "width": width, "height": height}
        self._clips: dict[str, Clip] = {}
        self._encoding = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], _Connection] = {}

    async def start(self, port: int = 0, host: str = "127.0.0.1", *, ssl: tls.SSLContext | None = None) -> int:
        """Listen, over TLS with `ssl`, and return the port."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Hang up on everybody; may be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        self.drop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def drop(self, path: str | None = None) -> None:
        """Hang up on everybody who is connected now, or on those who watch a path."""
        for task, connection in self._tasks.items():
            if path is None or connection.path == path:
                task.cancel()

    async def idle(self) -> None:
        """Return when nobody is connected."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def clip(self, path: str) -> Clip:
        """Return the clip of a path, encoded when it is first asked for."""
        label = self.paths[path]
        async with self._encoding:
            if label not in self._clips:
                self._clips[label] = await asyncio.to_thread(lambda: encode(label, **self._size))
        return self._clips[label]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        task = asyncio.current_task()
        if task is not None:
            self._tasks[task] = connection
            task.add_done_callback(self._tasks.pop)
        self.connections += 1
        self.connected.set()
        # A viewer that goes away, or sends what is no RTSP, ends its own connection only.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            try:
                await connection.serve()
            finally:
                writer.close()


class _Connection:
    """One viewer."""

    def __init__(self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._session = ""
        self.path = ""
        self._channel = 0
        self._playing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        try:
            while (request := await self._read()) is not None:
                if self._server.faults.mute:
                    continue
                await self._answer(request)
        finally:
            await self._halt()

    async def _read(self) -> Request | None:
        """Return the next request; the viewer's RTCP packets in between are skipped."""
        while (first := await self._reader.read(1)) == b"$":
            head = await self._reader.readexactly(3)
            await self._reader.readexactly(int.from_bytes(head[1:]))
        if not first:
            return None
        head = first + await self._reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode().strip().split("\r\n")
        method, target, _version = line.split(" ")
        headers = {key.strip().lower(): value.strip() for key, _, value in (item.partition(":") for item in lines)}
        await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Request(method=method, target=target, headers=headers)

    async def _answer(self, request: Request) -> None:
        handlers = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._pause,
            "GET_PARAMETER": self._options,
            "SET_PARAMETER": self._options,
        }
        access = self._server.access
        if request.method not in handlers:
            await self._reply(request, 501)
        elif request.method != "OPTIONS" and not access.admits(request.method, request.headers.get("authorization")):
            await self._reply(request, 401, [("WWW-Authenticate", value) for value in access.challenges()])
        elif request.method == "DESCRIBE" and self._server.faults.status is not None:
            await self._reply(request, self._server.faults.status)
        else:
            await handlers[request.method](request)

    async def _reply(
        self, request: Request, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        lines = [f"RTSP/1.0 {status} {_TEXTS.get(status, 'Error')}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{key}: {value}" for key, value in headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    async def _options(self, request: Request) -> None:
        await self._reply(request, 200, [("Public", _METHODS), *self._session_header()])

    def _session_header(self) -> list[tuple[str, str]]:
        return [("Session", f"{self._session};timeout=60")] if self._session else []

    async def _describe(self, request: Request) -> None:
        server, path = self._server, request.path
        server.described[path] = server.described.get(path, 0) + 1
        if path not in server.paths:
            await self._reply(request, 404)
            return
        body = _description(await server.clip(path)).encode()
        base = request.target.rstrip("/") + "/"
        await self._reply(request, 200, [("Content-Type", "application/sdp"), ("Content-Base", base)], body)

    async def _setup(self, request: Request) -> None:
        transport = request.headers.get("transport", "")
        if request.path not in self._server.paths:
            await self._reply(request, 404)
        elif "RTP/AVP/TCP" not in transport:
            await self._reply(request, 461)
        else:
            _, _, channels = transport.partition("interleaved=")
            self._channel = int(channels.partition("-")[0] or "0")
            self.path, self._session = request.path, secrets.token_hex(8)
            chosen = f"RTP/AVP/TCP;unicast;interleaved={self._channel}-{self._channel + 1}"
            await self._reply(request, 200, [("Transport", chosen), *self._session_header()])

    async def _play(self, request: Request) -> None:
        if not self._session:
            await self._reply(request, 454)
            return
        packetizer = Packetizer(secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))
        info = f"url={request.target.rstrip('/')}/trackID=1;seq={packetizer.sequence};rtptime={packetizer.timestamp}"
        await self._reply(request, 200, [("Range", "npt=0.000-"), ("RTP-Info", info), *self._session_header()])
        if self._playing is None:
            self._playing = asyncio.create_task(self._send(packetizer))

    async def _pause(self, request: Request) -> None:
        await self._halt()
        await self._reply(request, 200, self._session_header())

    async def _halt(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
            self._playing = None

    async def _send(self, packetizer: Packetizer) -> None:
        """Send the clip over and over at its own pace; a slow viewer delays only itself."""
        server = self._server
        server.viewers += 1
        server.played.set()
        try:
            if not server.faults.silent:
                await self._send_frames(await server.clip(self.path), packetizer)
        finally:
            server.viewers -= 1

    async def _send_frames(self, clip: Clip, packetizer: Packetizer) -> None:
        frames = [payloads(frame) for frame in clip.frames]
        if self._server.faults.rubbish:
            frames = [tuple(part[:1] + bytes(len(part) - 1) for part in parts) for parts in frames]
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        while sent != self._server.faults.hang_up_after:
            if sent % (clip.fps * _SECONDS_BETWEEN_REPORTS) == 0:
                self._writer.write(packetizer.report(time.time(), self._channel + 1))
            self._writer.write(packetizer.frame(frames[sent % len(frames)], CLOCK_RATE // clip.fps, self._channel))
            await self._writer.drain()
            sent += 1
            await asyncio.sleep(begun + sent / clip.fps - loop.time())
        self._writer.close()


def _description(clip: Clip) -> str:
    """Return the SDP of a clip."""
    sets = ",".join(base64.b64encode(unit).decode() for unit in (clip.sps, clip.pps))
    profile = clip.sps[1:4].hex()
    lines = (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=Simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=0-",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_RATE}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}",
        f"a=framerate:{clip.fps}",
        "a=control:trackID=1",
    )
    return "\r\n".join(lines) + "\r\n"

"""The store over HTTP: health, upload, list, fetch, delete, record."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from email.utils import formatdate
from http import HTTPStatus
import logging
import os
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .access import LOOPBACK, REALM, Access
from .listener import RETRY_S, Listener
from .recorder import Recorder
from .request import Request, Response, document, head_of, text
from .store import Store, stamp
from .store_names import HEAD, Refused, checked, fits
from .store_upload import FormFile, Upload, body, said, upload_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .settings import StoreSettings
    from .store import Incoming, Kept

LOG = logging.getLogger(__name__)
VIDEOS = "/videos/"
MOST_CONNECTIONS = 16
MOST_UPLOADS = 4
LISTED = 100
LONGEST_LIST = 1000
WRITE_BYTES = 2**18
RETAIN_EVERY_S = 3600.0
# A client that did not ask first still sends; it gets so long to read why that is in vain.
LINGER_S = 5.0
RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
WAYS = {
    "/health": "GET, HEAD",
    "/upload": "POST",
    "/videos": "GET, HEAD",
    "/recording": "GET, HEAD",
    "/recording/start": "POST",
    "/recording/stop": "POST",
}


class StoreServer:
    """Serves one store."""

    def __init__(self, settings: StoreSettings, store: Store, recorder: Recorder) -> None:
        """Take what it serves, inside the running loop."""
        self._settings = settings
        self._store = store
        self._recorder = recorder
        self._access = Access(settings.token)
        self._listener = Listener(self._respond, MOST_CONNECTIONS)
        self._uploads = 0
        self._retaining: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the port; raises OSError when it is taken or the folder cannot be had."""
        await asyncio.to_thread(self._store.open)
        port = await self._listener.start(self._settings.host, self._settings.port)
        self._retaining = asyncio.create_task(self._retain())
        return port

    async def stop(self) -> None:
        """End the recording, which is kept, and close every connection."""
        await self._recorder.close()
        await self._listener.stop()
        if self._retaining is not None:
            self._retaining.cancel()
            await asyncio.wait({self._retaining})

    async def _retain(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._store.retain)
            except OSError:
                LOG.exception("Old recordings could not be removed")
            await asyncio.sleep(RETAIN_EVERY_S)

    async def _respond(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow."""
        keep_alive, head_only = request.keep_alive, request.method == "HEAD"
        try:
            response = await self._answer(request, reader, writer)
        except Refused as error:
            response = text(error.status, str(error), error.headers)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            LOG.warning("%s %s: %s", request.method, request.path, error.strerror)
            response = text(HTTPStatus.INTERNAL_SERVER_ERROR, "the disk cannot be read or written")
        LOG.debug("%s %s: %s", request.method, request.path, "sent" if response is None else response.status.value)
        if response is not None:
            writer.write(response.encoded(keep_alive=keep_alive, head_only=head_only))
            await writer.drain()
            if not keep_alive:
                await _linger(reader, writer)
        return keep_alive

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Response | None:
        """Return the answer, None when it was sent already; raises Refused."""
        allowed = self._access.allows(request.headers.get("authorization"))
        if request.path == "/health" and request.method in {"GET", "HEAD"}:
            return await self._health(full=allowed and (self._settings.token is not None or _is_local(writer)))
        if not allowed:
            words = "the token is needed, as Bearer or as password of any user"
            raise Refused(HTTPStatus.UNAUTHORIZED, words, REALM)
        ways = WAYS.get(request.path, "GET, HEAD, DELETE" if request.path.startswith(VIDEOS) else "")
        if not ways:
            raise Refused(HTTPStatus.NOT_FOUND, "there are /health, /upload, /videos and /recording")
        if request.method not in ways.split(", "):
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"possible are {ways}", {"Allow": ways})
        if request.path == "/upload":
            return await self._upload(request, reader, writer)
        if request.path == "/videos":
            return await self._listed(request)
        if request.path.startswith("/recording"):
            return await self._recording(request)
        name = unquote(request.path.removeprefix(VIDEOS))
        if request.method != "DELETE":
            return await self._fetched(request, name, writer)
        await asyncio.to_thread(self._store.delete, name)
        return Response(HTTPStatus.NO_CONTENT)

    async def _recording(self, request: Request) -> Response:
        if request.path == "/recording/start":
            return document(HTTPStatus.CREATED, await self._recorder.start(_seconds(request, self._settings)))
        if request.path == "/recording/stop":
            return document(HTTPStatus.OK, (await self._recorder.stop()).shown())
        return document(HTTPStatus.OK, self._recorder.state())

    async def _health(self, *, full: bool) -> Response:
        free = await asyncio.to_thread(self._store.free)
        status = {"status": "ok" if free >= self._settings.spare else "full"}
        if not full:
            return document(HTTPStatus.OK, status)
        about = {"timestamp": stamp(time.time()), "videosPath": str(self._store.folder), "freeBytes": free}
        return document(HTTPStatus.OK, {**status, **about, **self._recorder.state()})

    async def _listed(self, request: Request) -> Response:
        told = request.query.get("limit", str(LISTED))
        limit = int(told) if re.fullmatch(r"\d{1,6}", told, re.ASCII) else 0
        if not 1 <= limit <= LONGEST_LIST:
            raise Refused(HTTPStatus.BAD_REQUEST, f"limit is 1 to {LONGEST_LIST}")
        found = await asyncio.to_thread(self._store.listed, request.query.get("after", ""), limit + 1)
        after = found[limit - 1].name if len(found) > limit else None
        return document(HTTPStatus.OK, {"videos": [each.shown() for each in found[:limit]], "next": after})

    async def _upload(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Response:
        upload = upload_of(request, self._settings.largest)
        if upload.name is not None and upload.sha256 is not None:
            there = await asyncio.to_thread(self._store.same, upload.name, upload.sha256)
            if there is not None:
                return document(HTTPStatus.OK, there.shown())
        if self._uploads >= MOST_UPLOADS:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at once", RETRY_S)
        await asyncio.to_thread(self._store.promise, upload.length)
        self._uploads += 1
        try:
            kept, new = await self._received(upload, reader, writer)
        finally:
            self._uploads -= 1
            self._store.release(upload.length)
        return document(HTTPStatus.CREATED if new else HTTPStatus.OK, kept.shown())

    async def _received(
        self, upload: Upload, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Kept, bool]:
        if upload.waits:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        incoming = await asyncio.to_thread(self._store.begin)
        try:
            async with aclosing(body(reader, upload.length)) as pieces:
                form = None if upload.boundary is None else FormFile(pieces, upload.boundary)
                named = None if form is None else await form.name()
                name = upload.name or checked(named or "")
                async for data in _larger(pieces if form is None else form.content()):
                    if not incoming.size and not fits(name, data[:HEAD]):
                        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"this is not what {name} says it is")
                    await self._write(incoming, data)
            if not incoming.size:
                raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "there is nothing in it")
            if upload.sha256 not in {None, incoming.sha256}:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "what came has another hash")
            await asyncio.to_thread(incoming.finish)
            return await asyncio.to_thread(
                self._store.keep,
                incoming.path,
                incoming.sha256,
                name,
                camera=upload.camera,
                startedAt=upload.started_at,
                source="upload",
            )
        finally:
            incoming.discard()

    async def _write(self, incoming: Incoming, data: bytes) -> None:
        if incoming.size + len(data) > self._settings.largest:
            words = f"more than {self._settings.largest} bytes are not taken"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
        await asyncio.to_thread(incoming.write, data)

    async def _fetched(self, request: Request, name: str, writer: asyncio.StreamWriter) -> Response | None:
        kept, descriptor = await asyncio.to_thread(self._store.opened, name)
        with os.fdopen(descriptor, "rb") as file:
            tag = f'"{kept.sha256 or f"{kept.size:x}-{int(kept.modified * 1000):x}"}"'
            headers = {
                "Content-Type": said(name),
                "Accept-Ranges": "bytes",
                "ETag": tag,
                "Last-Modified": formatdate(kept.modified, usegmt=True),
                "Cache-Control": "private, no-cache",
            }
            wanted = request.headers.get("range", "")
            if request.headers.get("if-range", tag) != tag:
                wanted = ""
            span = _span(wanted, kept.size)
            if span is None:
                status, first, count = HTTPStatus.OK, 0, kept.size
            elif span[1] <= span[0]:
                raise Refused(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    "there are no such bytes",
                    {"Content-Range": f"bytes */{kept.size}"},
                )
            else:
                status, first, count = HTTPStatus.PARTIAL_CONTENT, span[0], span[1] - span[0]
                headers["Content-Range"] = f"bytes {first}-{span[1] - 1}/{kept.size}"
            headers["Content-Length"] = str(count)
            writer.write(head_of(status, headers, keep_alive=request.keep_alive))
            await writer.drain()
            if request.method != "HEAD":
                await asyncio.get_running_loop().sendfile(writer.transport, file, first, count)
        return None


async def _larger(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces worth a write."""
    data = bytearray()
    async for piece in pieces:
        data += piece
        if len(data) >= WRITE_BYTES:
            yield bytes(data)
            data.clear()
    if data:
        yield bytes(data)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last that a Range header asks for, None for all of them."""
    found = RANGE.fullmatch(wanted)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size if int(found[2]) else 0
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    return int(found[1]), last + 1


def _seconds(request: Request, settings: StoreSettings) -> float:
    told = request.query.get("seconds")
    if told is None:
        return settings.longest
    if not re.fullmatch(r"\d{1,6}", told, re.ASCII) or int(told) < 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "seconds is a number from 1 on")
    return float(told)


def _is_local(writer: asyncio.StreamWriter) -> bool:
    peer = writer.get_extra_info("peername")
    return bool(peer) and peer[0] in LOOPBACK


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the client read the answer before the connection goes, whatever it still sends."""
    with suppress(OSError, TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(LINGER_S):
            while await reader.read(WRITE_BYTES):
                pass

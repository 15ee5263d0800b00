"""HLS under our own paths: made by Home Assistant's `stream` of RTSP, else the camera's own.

Home Assistant's own HLS paths hold a token that opens them to anyone, so they are never handed out: each file is asked
for here, and each line of a playlist that names a file becomes a path signed for the user who asked. Low latency is
left out: it asks with changing queries, which a signed path does not allow.
"""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from posixpath import dirname, join, normpath
import re
from typing import Final

from aiohttp import web
from homeassistant.components.camera import async_request_stream
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.stream import Stream
from homeassistant.components.stream.core import StreamView
from homeassistant.components.stream.hls import (
    HlsInitView,
    HlsMasterPlaylistView,
    HlsPlaylistView,
    HlsSegmentView,
)
from homeassistant.exceptions import HomeAssistantError

from .kernel.errors import Malformed, Unreachable
from .kernel.provider import Hls
from .stream_answers import NO_STORE, Refusal
from .stream_formats import no_such_format
from .stream_paths import sign
from .stream_pipe import async_pipe
from .stream_request import Watch

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
MASTER: Final = "master_playlist.m3u8"
# What a camera's own HLS begins with.
NATIVE_MASTER: Final = "index.m3u8"
# Seconds after its last request for which a viewer of HLS counts as one.
WATCHING: Final = 30.0
_TYPES: Final = {
    "m3u8": PLAYLIST_TYPE,
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "ts": "video/mp2t",
}
_FILES: Final[tuple[tuple[re.Pattern[str], type[StreamView]], ...]] = (
    (re.compile(r"master_playlist\.m3u8"), HlsMasterPlaylistView),
    (re.compile(r"playlist\.m3u8"), HlsPlaylistView),
    (re.compile(r"init\.mp4"), HlsInitView),
    (re.compile(r"segment/(?P<sequence>\d{1,12})\.m4s"), HlsSegmentView),
)
_LOW_LATENCY: Final = (
    "#EXT-X-PART",
    "#EXT-X-PRELOAD-HINT",
    "#EXT-X-RENDITION-REPORT",
    "#EXT-X-SERVER-CONTROL",
    "#EXT-X-SKIP",
    "#EXT-X-START",
)
_URI: Final = re.compile(r'(?<=URI=")[^"]*(?=")')
_LONGEST_PLAYLIST: Final = 2**20


async def async_hls(watch: Watch, file: str | None = None) -> web.StreamResponse:
    """Answer with a file of the camera's HLS, its first playlist where none is named."""
    stream = ("hls", watch.key)
    watch.usage.admit(watch.limits, stream)
    if watch.camera.rtsp is not None:
        response: web.StreamResponse = await _made(watch, file or MASTER)
    elif watch.camera.hls is not None:
        response = await _native(watch, watch.camera.hls, file or NATIVE_MASTER)
    else:
        raise no_such_format("hls")
    watch.usage.hold(stream, WATCHING)
    return response


async def _made(watch: Watch, file: str) -> web.Response:
    view, found = _view_of(file)
    watch.require_online()
    stream = await watch.in_time(_stream(watch))
    try:
        made = await watch.in_time(view().handle(watch.request, stream, found.get("sequence", ""), ""))
    except Refusal as refusal:
        # Home Assistant dials again and again by itself, so this is all it tells of a camera that does not answer.
        raise refusal if stream.available else Unreachable() from refusal
    if not isinstance(made, web.Response) or not isinstance(made.body, bytes) or made.status != HTTPStatus.OK:
        if file.endswith(".m3u8"):
            raise Unreachable(reason="stream_ended")
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")
    return _answer(watch, file, made.body)


def _view_of(file: str) -> tuple[type[StreamView], dict[str, str]]:
    """Return what of Home Assistant makes the file; raises Refusal."""
    for pattern, view in _FILES:
        if (found := pattern.fullmatch(file)) is not None:
            return view, found.groupdict()
    raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")


async def _stream(watch: Watch) -> Stream:
    """Return the camera's stream, started; raises Unreachable."""
    try:
        await async_request_stream(watch.hass, watch.entity_id, "hls")
        stream = get_camera_from_entity_id(watch.hass, watch.entity_id).stream
    except HomeAssistantError as error:
        raise Unreachable from error
    if stream is None:
        raise Unreachable
    return stream


def _answer(watch: Watch, file: str, body: bytes) -> web.Response:
    """Answer with a file, a playlist rewritten."""
    if file.endswith(".m3u8"):
        body = rewrite(body.decode(errors="replace"), lambda uri: _signed(watch, file, uri)).encode()
    watch.usage.count(len(body), watch.limits)
    return web.Response(body=body, content_type=_content_type(file), headers=NO_STORE)


def _content_type(file: str) -> str:
    return _TYPES.get(file.rpartition(".")[2], "application/octet-stream")


def rewrite(playlist: str, path_of: Callable[[str], str]) -> str:
    """Return a playlist whose every address went through `path_of`, without what only low latency needs."""
    lines = [line.strip() for line in playlist.splitlines() if not line.startswith(_LOW_LATENCY)]
    written = [
        _URI.sub(lambda found: path_of(found[0]), line) if line.startswith("#") else path_of(line)
        for line in lines
        if line
    ]
    return "\n".join(written) + "\n"


def _signed(watch: Watch, playlist: str, uri: str) -> str:
    """Return our own path of a file that a playlist names; raises Malformed where it lies elsewhere."""
    file = normpath(join(dirname(playlist), uri.partition("?")[0]))
    if ":" in uri or file.startswith(("/", "..")):
        raise Malformed("a playlist names a file elsewhere")
    return sign(watch.hass, watch.path("hls", *file.split("/")))


async def _native(watch: Watch, hls: Hls, file: str) -> web.StreamResponse:
    """Pass on a file of the camera's own; only playlists are read whole."""
    if ".." in file.split("/") or file.startswith("/"):
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")
    watch.require_online()
    chunks = await watch.in_time(hls.open(file))
    first = await watch.in_time(anext(chunks, b""))
    if file.endswith(".m3u8"):
        return _answer(watch, file, await watch.in_time(_whole(first, chunks)))
    response = web.StreamResponse(headers={**NO_STORE, "Content-Type": _content_type(file)})
    return await async_pipe(watch, response, first, chunks)


async def _whole(first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray(first)
    async for chunk in chunks:
        body += chunk
        if len(body) > _LONGEST_PLAYLIST:
            raise Malformed("a playlist without end")
    return bytes(body)

"""HLS under our own paths: made from RTSP by Home Assistant's `stream`, else the camera's own.

Home Assistant's own HLS paths hold a token that opens them to anyone, so they are never handed out: every file is
served here, and every file name in a playlist becomes a path signed for the requesting user. Low latency is left out:
it uses changing queries, which a signed path does not allow.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from http import HTTPStatus
from posixpath import dirname, join, normpath
import re
from typing import Final

from aiohttp import web
from homeassistant.components.camera import async_request_stream
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.http import KEY_HASS_REFRESH_TOKEN_ID
from homeassistant.components.stream import HLS_PROVIDER, Stream
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
from .stream_entry import entry_streams, hls_stream
from .stream_formats import no_such_format
from .stream_pipe import async_pipe
from .stream_request import Watch

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
MASTER: Final = "master_playlist.m3u8"
# Seconds after the last request for which an HLS viewer still counts.
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
    """Answer with a file of the camera's HLS, by default the first playlist."""
    with watch.usage.opening(watch.limits, hls_stream(watch.camera.id), WATCHING):
        if watch.camera.rtsp is not None:
            return await _made(watch, file or MASTER)
        if watch.camera.hls is not None:
            return await _native(watch, watch.camera.hls, file or "")
        raise no_such_format("hls")


async def _made(watch: Watch, file: str) -> web.Response:
    view, found = _view_of(file)
    watch.require_online()
    stream = await watch.in_time(_stream(watch))
    if view is HlsPlaylistView:
        start = entry_streams(watch.hass, watch.coordinator).hls_start
        await start.wait(stream.add_provider(HLS_PROVIDER), _token(watch), watch.first_byte)
    try:
        made = await watch.in_time(view().handle(watch.request, stream, found.get("sequence", ""), ""))
    except Refusal as refusal:
        # Home Assistant reconnects by itself; this is the only sign of a camera that does not answer.
        raise refusal if stream.available else Unreachable() from refusal
    if not isinstance(made, web.Response) or not isinstance(made.body, bytes) or made.status != HTTPStatus.OK:
        if file.endswith(".m3u8"):
            raise Unreachable(reason="stream_ended")
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")
    return _answer(watch, file, made.body)


def _view_of(file: str) -> tuple[type[StreamView], dict[str, str]]:
    """Return the Home Assistant view that makes the file; raises Refusal."""
    for pattern, view in _FILES:
        if (found := pattern.fullmatch(file)) is not None:
            return view, found.groupdict()
    raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")


async def _stream(watch: Watch) -> Stream:
    """Return the camera's started stream; raises Unreachable."""
    try:
        await async_request_stream(watch.hass, watch.entity_id, "hls")
        stream = get_camera_from_entity_id(watch.hass, watch.entity_id).stream
    except HomeAssistantError as error:
        raise Unreachable from error
    if stream is None:
        raise Unreachable
    return stream


def _answer(watch: Watch, file: str, body: bytes) -> web.Response:
    """Answer with a file; playlists are rewritten."""
    if _is_playlist(file):
        body = rewrite(body.decode(errors="replace"), lambda uri: _signed(watch, file, uri)).encode()
    watch.usage.count(len(body), watch.limits)
    return web.Response(body=body, content_type=_content_type(file), headers=NO_STORE)


def _is_playlist(file: str) -> bool:
    return _content_type(file) == PLAYLIST_TYPE


def _content_type(file: str) -> str:
    """Return a file's content type; the first one, which has no name, is a playlist."""
    name = file.partition("?")[0]
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream") if name else PLAYLIST_TYPE


def rewrite(playlist: str, path_of: Callable[[str], str]) -> str:
    """Return a playlist with every address mapped by `path_of`, without the tags of low latency."""
    lines = [line.strip() for line in playlist.splitlines() if not line.startswith(_LOW_LATENCY)]
    written = [
        _URI.sub(lambda found: path_of(found[0]), line) if line.startswith("#") else path_of(line)
        for line in lines
        if line
    ]
    return "\n".join(written) + "\n"


def _signed(watch: Watch, playlist: str, uri: str) -> str:
    """Return our own path of a file that a playlist names; raises Malformed if it is on another host or path."""
    name, _, query = uri.partition("?")
    file = normpath(join(dirname(playlist.partition("?")[0]), name))
    if ":" in name or file.startswith(("/", "..")):
        raise Malformed("a playlist names a file elsewhere")
    paths = entry_streams(watch.hass, watch.coordinator).hls
    hidden = [paths.hide(query)] if query else []
    path = watch.path("hls", *hidden, *file.split("/"))
    return paths.sign(watch.hass, path, _token(watch))


def _token(watch: Watch) -> str:
    """Return the refresh token id of the request, empty if it has none."""
    token: str = watch.request.get(KEY_HASS_REFRESH_TOKEN_ID, "")
    return token


async def _native(watch: Watch, hls: Hls, file: str) -> web.StreamResponse:
    """Pass on a file of the camera's own HLS, by default the first; only playlists are read whole."""
    if ".." in file.split("/") or file.startswith("/"):
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")
    if (asked := entry_streams(watch.hass, watch.coordinator).hls.reveal(file)) is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_file")
    watch.require_online()
    async with aclosing(await watch.in_time(hls.open(asked))) as chunks:
        first = await watch.in_time(anext(chunks, b""))
        if _is_playlist(asked):
            return _answer(watch, asked, await watch.in_time(_whole(first, chunks)))
        response = web.StreamResponse(headers={**NO_STORE, "Content-Type": _content_type(asked)})
        return await async_pipe(watch, response, first, chunks)


async def _whole(first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray(first)
    async for chunk in chunks:
        body += chunk
        if len(body) > _LONGEST_PLAYLIST:
            raise Malformed("a playlist without end")
    return bytes(body)
